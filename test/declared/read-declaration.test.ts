// What is wrong with the text of a declaration is said all at once, each problem with its path and line, and never with a
// secret.

import { describe, expect, it } from 'vitest';
import { formatPath } from '../../server/config/complaints.ts';
import { readDeclaration } from '../../server/declared/read-declaration.ts';
import type { Sources } from '../../server/declared/references.ts';
import { NO_SOURCES } from './bench.ts';

async function read(text: string, sources: Sources = NO_SOURCES) {
  const result = await readDeclaration(text, 'd.yaml', sources);
  if (result.kind === 'broken') throw new Error(result.problems.join('\n'));
  return result;
}

async function problemsOf(text: string, sources?: Sources): Promise<readonly string[]> {
  const { problems, lineOf } = await read(text, sources);
  return problems.map(({ path, text: said }) => `${formatPath(path)}: ${said} (line ${lineOf(path)})`);
}

describe('a declaration', () => {
  it('says nothing about sections that it does not have', async () => {
    const { declaration } = await read('version: 1\nroutes: []\n# all commented out:\naccounts:\n');
    expect(declaration).toEqual({
      upstreams: null,
      accounts: null,
      routes: [],
      recipients: null,
      alert_channels: null,
    });
  });
  it('may be JSON', async () => {
    const { declaration, problems } = await read(
      '{"version": 1, "accounts": [{"name": "scanner", "per_hour": 20}]}',
    );
    expect(problems).toEqual([]);
    expect(declaration.accounts).toEqual([{ index: 0, value: { name: 'scanner', per_hour: 20 } }]);
  });
  it('reads sizes, shares, moments and none as they are meant', async () => {
    const text = `
      version: 1
      accounts:
        - { name: a, message_size: 10M, queue_share: 20%, expires: 2031-01-01, per_day: none }
        - { name: b, message_size: 1000, queue_share: 200 MiB, expires: never }
        - { name: c, expires: '2031-01-01T18:00+01:00', queue_share: none }`;
    const { declaration, problems } = await read(text);
    expect(problems).toEqual([]);
    expect(declaration.accounts?.map(({ value }) => value)).toMatchObject([
      {
        message_size: 10_485_760,
        queue_share: { kind: 'percent', percent: 20 },
        expires: Date.parse('2031-01-02T00:00Z'),
        per_day: null,
      },
      { message_size: 1000, queue_share: { kind: 'octets', octets: 209_715_200 }, expires: null },
      { expires: Date.parse('2031-01-01T17:00Z'), queue_share: null },
    ]);
  });
  it('keeps what is right beside what is wrong', async () => {
    const { declaration, incomplete } = await read(`
      version: 1
      accounts:
        - { name: a, per_hour: many, note: kept }
        - { note: nameless }
        - { name: c }`);
    expect(declaration.accounts).toEqual([
      { index: 0, value: { name: 'a', note: 'kept' } },
      { index: 2, value: { name: 'c' } },
    ]);
    expect([...incomplete]).toEqual(['accounts']);
  });
});

describe('a problem in the text', () => {
  it.each([
    ['no version', 'accounts: []', 'version: is missing; give 1 (line null)'],
    ['another version', 'version: 2', 'version: 2 cannot be used; give 1 (line 1)'],
    [
      'a section that is none',
      'version: 1\nacounts: []',
      'acounts: unknown key; did you mean accounts? (line 2)',
    ],
    [
      'a section that is no list',
      'version: 1\naccounts: { name: scanner }',
      'accounts: {"name":"scanner"} cannot be used; give a list, each item of it beginning with "- name: …" (line 2)',
    ],
    [
      'an item that is no section',
      'version: 1\naccounts:\n  - scanner',
      'accounts[0]: "scanner" cannot be used; give a list, each item of it beginning with "- name: …" (line 3)',
    ],
    [
      'a mistyped key',
      'version: 1\naccounts:\n  - name: a\n    nets: [10.0.0.0/8]\n    networs: [10.0.0.0/8]',
      'accounts[0].networs: unknown key; did you mean accounts[].networks? (line 5)',
    ],
    [
      'a mistyped key of OAuth2',
      'version: 1\nupstreams:\n  - name: a\n    oauth:\n      client_idd: x',
      'upstreams[0].oauth.client_idd: unknown key; did you mean upstreams[].oauth.client_id? (line 5)',
    ],
    [
      'no name',
      'version: 1\nroutes:\n  - upstreams: [a]',
      'routes[0].name: is missing; give text (in quotes where it looks like a number) (line 3)',
    ],
    [
      'a name that YAML takes for a number',
      'version: 1\naccounts:\n  - name: 1234',
      'accounts[0].name: 1234 cannot be used; give text (in quotes where it looks like a number) (line 3)',
    ],
    [
      'a list that is none',
      'version: 1\naccounts:\n  - name: a\n    networks: 10.0.0.0/8',
      'accounts[0].networks: "10.0.0.0/8" is no list; a list is meant, written in brackets: [10.0.0.0/8]; give a list of addresses and networks such as [192.168.1.0/24, "fd00::/8"] (line 4)',
    ],
    [
      'a limit of nothing',
      'version: 1\naccounts:\n  - name: a\n    per_hour: 0',
      'accounts[0].per_hour: 0 cannot be used; give a whole number from 1, or none (line 4)',
    ],
    [
      'an end that moves with the day',
      'version: 1\naccounts:\n  - name: a\n    expires: 90d',
      'accounts[0].expires: "90d" cannot be used; give a date (2027-01-31, its end), a time (2027-01-31T18:00, in UTC), or never (line 4)',
    ],
    [
      'a word that is none',
      'version: 1\nupstreams:\n  - name: a\n    rewrite: sometimes',
      'upstreams[0].rewrite: "sometimes" cannot be used; give keep, if-not-permitted or always (line 4)',
    ],
  ])('is told of %s', async (_, text, said) => {
    expect(await problemsOf(text)).toContain(said);
  });
  it.each([
    ['text that is no YAML', 'version: [', /not YAML: .* \(d\.yaml line 1 column \d+\)/],
    ['a key given twice', 'version: 1\nversion: 1', /this key is given twice.*line 2/],
    ['text without keys', 'just words', /d\.yaml has no keys; "postern export" shows/],
  ])('is told of %s', async (_, text, said) => {
    await expect(read(text)).rejects.toThrow(said);
  });
});

describe('a secret', () => {
  const octets = (text: string) => ({ octets: Buffer.from(text) });
  const sources: Sources = {
    readFile: path => {
      if (path === 'lines') return octets('first line\r\nsecond line\n');
      if (path === 'ca.pem') return octets('-----BEGIN\nabc\n');
      if (path === 'empty') return octets('\n');
      if (path === 'latin1') return { octets: Buffer.from([0x70, 0xe4]) };
      return { reason: 'there is no such file' };
    },
    environment: { SECRET: 'from the environment', EMPTY: '' },
  };
  const account = (password: string) => `version: 1\naccounts:\n  - name: a\n    password: ${password}`;

  it.each([
    ['{ file: lines }', 'first line'],
    ['{ env: SECRET }', 'from the environment'],
    ['"the text: itself"', 'the text: itself'],
  ])('%s is read', async (written, password) => {
    const { declaration, problems } = await read(account(written), sources);
    expect(problems).toEqual([]);
    expect(declaration.accounts?.[0]?.value.password).toBe(password);
  });
  it('of several lines is read whole where a certificate is meant', async () => {
    const { declaration } = await read('version: 1\nupstreams: [{ name: a, ca: { file: ca.pem } }]', sources);
    expect(declaration.upstreams?.[0]?.value.ca).toBe('-----BEGIN\nabc\n');
  });
  it.each([
    ['{ file: nowhere }', 'the file "nowhere" cannot be read: there is no such file'],
    ['{ file: empty }', 'the first line of the file "empty" is empty'],
    ['{ file: latin1 }', 'the file "latin1" is not UTF-8; convert it, for example with iconv'],
    ['{ env: NOWHERE }', 'the variable NOWHERE is not set, or is empty; set it when you apply the file'],
    ['{ env: EMPTY }', 'the variable EMPTY is not set, or is empty; set it when you apply the file'],
  ])('%s is told of', async (written, said) => {
    expect(await problemsOf(account(written), sources)).toEqual([`accounts[0].password: ${said} (line 4)`]);
  });
  it.each([
    '12345678',
    '[a, b]',
    '{ file: lines, env: SECRET }',
    '{ secret: hunter2 }',
  ])('%s is none, and is not repeated', async written => {
    expect(await problemsOf(account(written), sources)).toEqual([
      'accounts[0].password: the value cannot be used; give text (in quotes where it looks like a number), { file: PATH } or { env: NAME } (line 4)',
    ]);
  });
  it.each([
    '*hunter2',
    '|hunter2',
    '&hunter2',
    '#hunter2',
    '@hunter2',
    '%hunter2',
    '[hunter2',
    '"hunter2',
  ])('that is not in quotes and means something in YAML, %s, is refused and not repeated', async written => {
    const said = await problemsOf(account(written)).catch((error: Error) => [error.message]);
    expect(said.length).toBeGreaterThan(0);
    expect(said.join()).not.toContain('hunter2');
  });
  it('cannot be read into a place that is shown', async () => {
    const text = 'version: 1\naccounts:\n  - name: a\n    note: { file: lines }';
    expect(await problemsOf(text, sources)).toEqual([
      'accounts[0].note: {"file":"lines"} cannot be used; give text (in quotes where it looks like a number) (line 4)',
    ]);
  });
});
