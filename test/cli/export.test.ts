import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

const CANARIES = {
  UPSTREAM: 'canary-upstream',
  ACCOUNT: 'canary-account',
  SIGNING: 'canary-signing-secret',
  URL: 'https://example.net/canary-path',
};

const HOME = `version: 1
upstreams: [{ name: relay, url: 'smtps://me@relay.example', password: { env: UPSTREAM } }]
accounts: [{ name: scanner, password: { env: ACCOUNT } }]
alert_channels: [{ name: hook, kind: webhook, url: { env: URL }, secret: { env: SIGNING } }]
`;

let line: CommandLine;
beforeEach(async () => {
  line = makeCommandLine();
  const ran = await line.run(['apply', '-'], { stdin: HOME, environment: CANARIES });
  if (ran.status !== 0) throw new Error(ran.stderr);
});
afterEach(() => line.remove());

describe('export', () => {
  it('prints a declaration without a secret, which applied changes nothing', async () => {
    const ran = await line.run(['export']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toContain('    # password: { env: UPSTREAM_RELAY_PASSWORD }\n');
    for (const text of [ran.stdout, (await line.run(['export', '--json'])).stdout]) {
      expect(text).not.toMatch(/canary|argon2/);
      expect((await line.run(['apply', '-', '--prune'], { stdin: text })).stdout).toBe(
        'Nothing to change: 3 items as declared.\n',
      );
    }
  });
  it('completed as its comments say, it makes the same in an empty Postern', async () => {
    const text = (await line.run(['export'])).stdout.replaceAll('    # ', '    ');
    const other = makeCommandLine();
    const environment = {
      UPSTREAM_RELAY_PASSWORD: CANARIES.UPSTREAM,
      ACCOUNT_SCANNER_PASSWORD: CANARIES.ACCOUNT,
      ALERT_HOOK_URL: CANARIES.URL,
      ALERT_HOOK_SECRET: CANARIES.SIGNING,
    };
    expect((await other.run(['apply', '-'], { stdin: text })).stderr).toContain(
      'UPSTREAM_RELAY_PASSWORD is not set',
    );
    expect((await other.run(['apply', '-'], { stdin: text, environment })).stdout).toMatch(/3 added\.\n$/);
    expect((await other.run(['export'])).stdout).toBe((await line.run(['export'])).stdout);
    other.remove();
  });
  it('has the secrets with --with-secrets, and says on stderr what that means', async () => {
    const ran = await line.run(['export', '--with-secrets']);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toMatch(
      /^postern: warning: The secrets are in it in clear: [^\n]+\npostern: warning: Passwords of accounts are in it as hashes: [^\n]+\n$/,
    );
    for (const secret of [CANARIES.UPSTREAM, CANARIES.URL, CANARIES.SIGNING])
      expect(ran.stdout).toContain(secret);
    expect(ran.stdout).not.toContain(CANARIES.ACCOUNT);
    const audit = (await line.run(['audit', 'list', '--action', 'secrets.exported'])).stdout;
    expect(audit).toContain('operator:tester');
    expect(audit).not.toContain('canary');

    const other = makeCommandLine();
    await other.run(['apply', '-'], { stdin: ran.stdout });
    expect((await other.run(['export', '--with-secrets'])).stdout).toBe(ran.stdout);
    other.remove();
  });
  it('writes to a file that only its owner can read, and replaces none unasked', async () => {
    const path = join(line.folder, 'home.yaml');
    const words = ['export', '--with-secrets', '--output', path];
    expect((await line.run(words)).stdout).toBe(`The declaration is written to ${path}.\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(CANARIES.UPSTREAM);
    writeFileSync(path, 'other', { mode: 0o644 });
    expect(await line.run(words)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--force replaces it'),
    });
    expect(readFileSync(path, 'utf8')).toBe('other');
    rmSync(path);
    writeFileSync(path, 'readable by all', { mode: 0o644 });
    expect(await line.json([...words, '--force'])).toEqual({ file: path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
      version: 1,
      accounts: [{ name: 'scanner' }],
    });
    const nowhere = join(line.folder, 'nowhere/home.yaml');
    expect(await line.run(['export', '--output', nowhere])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is no such folder'),
    });
    expect(existsSync(nowhere)).toBe(false);
  });
  it('says what cannot be opened while the sealing key is lost', async () => {
    rmSync(join(line.folder, 'data/sealing.key'));
    const ran = await line.run(['export', '--with-secrets']);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toContain('The password of the upstream relay cannot be opened');
    expect(ran.stderr).toContain('The settings of the alert channel hook cannot be opened');
    expect(ran.stdout).toContain('    # password: { env: UPSTREAM_RELAY_PASSWORD }\n');
    expect(ran.stdout).toContain('    # url: { env: ALERT_HOOK_URL }\n');
  });
});
