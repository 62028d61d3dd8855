import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { declarationChapter } from '../../server/cli/declaration-chapter.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeEach(() => {
  line = makeCommandLine();
});
afterEach(() => line.remove());

const file = (name: string, text: string): string => {
  const path = join(line.folder, name);
  writeFileSync(path, text);
  return path;
};

const HOME = `version: 1
upstreams:
  - name: relay
    url: smtps://me@relay.example
    password: { file: secrets/relay }
accounts:
  - name: scanner
    password: { env: SCANNER_PASSWORD }
    networks: [192.168.1.0/24]
routes:
  - { name: all, upstreams: [relay] }
recipients:
  - { pattern: root, forward_path: me@example.com }
`;
const environment = { SCANNER_PASSWORD: 'canary-scanner-password' };

function writeHome(): void {
  mkdirSync(join(line.folder, 'secrets'));
  file('secrets/relay', 'canary-relay-password\n');
  file('home.yaml', HOME);
}

describe('apply', () => {
  beforeEach(writeHome);

  it('says what it changes, one line each, and never a secret', async () => {
    const ran = await line.run(['apply', 'home.yaml'], { environment });
    expect(ran).toEqual({
      status: 0,
      stdout:
        'upstream relay: added\naccount scanner: added\nroute all: added\nrecipient root: added\n4 added.\n',
      stderr: '',
    });
    const again = await line.run(['apply', 'home.yaml'], { environment });
    expect(again).toEqual({ status: 0, stdout: 'Nothing to change: 4 items as declared.\n', stderr: '' });
    file('home.yaml', HOME.replace('192.168.1.0/24]', '192.168.2.0/24]\n    note: upstairs'));
    const changed = await line.run(['apply', 'home.yaml'], { environment });
    expect(changed.stdout).toBe('account scanner: changed (networks, note)\n1 changed, 3 unchanged.\n');
  });
  it('does the same from standard input, and as JSON', async () => {
    const list = await line.json(['apply', '-'], { stdin: HOME, environment });
    expect(list).toEqual([
      { kind: 'upstream', name: 'relay', action: 'added', changed: [] },
      { kind: 'account', name: 'scanner', action: 'added', changed: [] },
      { kind: 'route', name: 'all', action: 'added', changed: [] },
      { kind: 'recipient', name: 'root', action: 'added', changed: [] },
    ]);
    const json = JSON.stringify({ version: 1, accounts: [{ name: 'scanner', note: 'upstairs' }] });
    expect(await line.json(['apply', '-'], { stdin: json })).toEqual([
      { kind: 'account', name: 'scanner', action: 'changed', changed: ['networks', 'note'] },
    ]);
  });
  it('changes nothing with --dry-run', async () => {
    const ran = await line.run(['apply', 'home.yaml', '--dry-run'], { environment });
    expect(ran.stdout).toMatch(
      /^upstream relay: added\n[\s\S]*4 added\.\nNothing was changed: this was a dry run\.\n$/,
    );
    expect(await line.json(['upstream', 'list'])).toEqual([]);
    expect(await line.json(['account', 'list'])).toEqual([]);
    expect(await line.json(['audit', 'list'])).toEqual([]);
  });
  it('leaves what the file does not name, and removes it with --prune, once that is confirmed', async () => {
    await line.run(['apply', 'home.yaml'], { environment });
    await line.run(['account', 'add', 'guest']);
    await line.run(['account', 'add', 'old']);
    expect((await line.run(['apply', 'home.yaml'], { environment })).stdout).toMatch(/^Nothing to change/);
    const prune = ['apply', 'home.yaml', '--prune'];
    const script = await line.run(prune, { environment });
    expect(script).toEqual({
      status: 2,
      stdout: '',
      stderr: 'postern: This removes account guest, account old: add --yes if that is meant.\n',
    });
    const refused = await line.run(prune, { environment, answers: ['no'] });
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('Nothing was changed.') });
    expect(await line.json(['account', 'list'])).toHaveLength(3);
    const dry = await line.run([...prune, '--dry-run'], { environment });
    expect(dry.stdout).toContain('account old: removed\n2 removed, 4 unchanged.\n');
    const confirmed = await line.run(prune, { environment, answers: ['yes'] });
    expect(confirmed).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('account guest: removed\n'),
    });
    expect(await line.json(['account', 'list'])).toHaveLength(1);
    await line.run(['account', 'add', 'guest']);
    expect((await line.run([...prune, '--yes'], { environment })).status).toBe(0);
  });
  it('warns of a weak password', async () => {
    const ran = await line.run(['apply', 'home.yaml'], { environment: { SCANNER_PASSWORD: 'scanner' } });
    expect(ran).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^postern: warning: account scanner: /),
    });
  });
});

describe('apply refuses', () => {
  it('a file with all that is wrong with it, in the order of its lines, and changes nothing', async () => {
    file(
      'wrong.yaml',
      `version: 1
upstreams:
  - name: relay
    url: smtps://me@relay.example
  - name: fine
    url: smtps://fine.example
    conections: 3
accounts:
  - name: scanner
    password: { env: NOWHERE }
  - name: nas
    password: canary-nas-password
    networks: [private]
    per_hour: lots
routes:
  - { name: all, upstreams: [fine, missing] }
`,
    );
    const ran = await line.run(['apply', 'wrong.yaml']);
    expect(ran.stdout).toBe('');
    expect(ran.status).toBe(1);
    expect(ran.stderr.split('\n')).toEqual([
      expect.stringMatching(
        /^postern: upstreams\[0\]\.password: is missing; give .* \(wrong\.yaml line 3\)$/,
      ),
      'postern: upstreams[1].conections: unknown key; did you mean upstreams[].connections? (wrong.yaml line 7)',
      'postern: accounts[0].password: the variable NOWHERE is not set, or is empty; set it when you apply the file (wrong.yaml line 10)',
      'postern: accounts[1].per_hour: "lots" cannot be used; give a whole number from 1, or none (wrong.yaml line 14)',
      expect.stringMatching(
        /^postern: routes\[0\]\.upstreams: No upstream is called "missing": .*\(wrong\.yaml line 16\)$/,
      ),
      'postern: Nothing was changed: put that right in wrong.yaml, then apply it again.',
      '',
    ]);
    expect(ran.stderr).not.toContain('canary');
    expect(await line.json(['upstream', 'list'])).toEqual([]);
    expect(await line.json(['account', 'list'])).toEqual([]);
  });
  it.each([
    [
      'no file',
      'nowhere.yaml',
      /^postern: nowhere\.yaml cannot be read: there is no such file\. Check the path/,
    ],
    ['a folder', '.', /^postern: \. cannot be read: it is a folder\./],
    ['what is no YAML', 'broken.yaml', /^postern: not YAML: .* \(broken\.yaml line \d column \d+\)\n$/],
    ['what is not UTF-8', 'latin1.yaml', /^postern: latin1\.yaml is not UTF-8\./],
    ['an empty file', 'empty.yaml', /^postern: empty\.yaml has no keys;/],
  ])('%s, in one line', async (_, name, said) => {
    file('broken.yaml', 'version: 1\naccounts: [\n');
    writeFileSync(join(line.folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
    file('empty.yaml', '# nothing\n');
    const ran = await line.run(['apply', name]);
    expect(ran).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(said) });
  });
  it('to run without a file', async () => {
    expect((await line.run(['apply'])).status).toBe(2);
  });
});

it('the example in the reference is a declaration', async () => {
  const [, example = ''] = /```yaml\n([^`]*)```/.exec(declarationChapter()) ?? [];
  mkdirSync(join(line.folder, 'secrets'));
  file('secrets/scanner', 'a password of some length\n');
  const ran = await line.run(['apply', '-', '--dry-run'], {
    stdin: example,
    environment: { GMAIL_APP_PASSWORD: 'abcd efgh ijkl mnop' },
  });
  expect(ran).toMatchObject({ status: 0, stdout: expect.stringContaining('4 added.') });
});
