import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writtenConfig } from '../../server/cli/config.ts';
import { parseConfig } from '../../server/config/schema.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
  mkdirSync(join(line.folder, 'config'));
  mkdirSync(join(line.folder, 'out'));
});
afterAll(() => line.remove());

const file = (text: string) => writeFileSync(join(line.folder, 'config/postern.yaml'), text);

describe('config check', () => {
  it('says that all is well', async () => {
    file('limits:\n  message_size: 10 MiB\n');
    expect(await line.run(['config', 'check'])).toMatchObject({ status: 0, stderr: '' });
    expect(await line.json(['config', 'check'])).toEqual({
      ok: true,
      file: 'config/postern.yaml',
      problems: [],
      warnings: [],
    });
  });
  it('says all that is wrong, and exits with 1', async () => {
    file('limits:\n  message_size: big\nhostnam: x\n');
    const ran = await line.run(['config', 'check', '--json']);
    expect(ran.status).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      problems: [expect.any(String), expect.any(String)],
    });
    for (const words of [
      ['config', 'check'],
      ['config', 'check', '--json'],
    ]) {
      expect((await line.run(words)).stderr).toMatch(/^postern: The configuration has 2 problems, [^\n]+\n$/);
    }
  });
});

describe('config check, of what works but may not be meant', () => {
  const near = 'loopback, private, link-local, unique-local, shared, on-link';
  const cautionsOf = async (text: string): Promise<unknown> => {
    file(text);
    const checked = (await line.json(['config', 'check'])) as { warnings: readonly string[] };
    return checked.warnings.map(warning => warning.split(';')[0]);
  };
  const loopback = 'limits.networks: loopback is not served any more';
  const home = 'limits.networks: no private network is served any more';

  it.each([
    [`[${near}, 203.0.113.0/24]`, []],
    ['[any]', []],
    ['[0.0.0.0/0]', []],
    ['[loopback, 192.168.1.0/24]', []],
    ['[private]', [loopback]],
    ['[127.0.0.1, 203.0.113.0/24]', [home]],
    ['[203.0.113.0/24]', [loopback, home]],
  ])('limits.networks: %s', async (list, said) => {
    expect(await cautionsOf(`limits:\n  networks: ${list}\n`)).toEqual(said);
  });
  it('says that a limit never counts', async () => {
    expect(await cautionsOf('limits: { ban_after: 60 }')).toEqual([
      expect.stringContaining('limits.ban_after: 60 is above limits.ban_address_after (50)'),
    ]);
  });
});

describe('config check, of lists and files', () => {
  const problemsOf = async (text: string, environment = {}): Promise<string> => {
    file(text);
    return (await line.run(['config', 'check'], { environment })).stdout;
  };
  it.each([
    ['limits: { networks: [] }', 'limits.networks: [] cannot be used; give a list with at least one item'],
    [
      'limits: { networks: private }',
      'limits.networks: "private" is no list; a list is meant, written in brackets: [private]',
    ],
    [
      'listeners: [{port: 587, tls: starttls, mechanisms: PLAIN}]',
      'listeners[0].mechanisms: "PLAIN" is no list; a list is meant',
    ],
    [
      'listeners: [{port: 587, tls: starttls, mechanisms: [NTLM]}]',
      'listeners[0].mechanisms[0]: "NTLM" cannot be used',
    ],
    [
      'limits: { ban_time: 2d }',
      'limits.ban_time: 2d is longer than limits.ban_longest (1d); give at most that',
    ],
    [
      'tls: { certificate: /nowhere/c.pem, key: /nowhere/k.pem }',
      'tls.certificate: there is no file "/nowhere/c.pem"',
    ],
  ])('%s', async (text, said) => {
    expect(await problemsOf(text)).toContain(said);
  });
  it('says so of the environment too', async () => {
    expect(await problemsOf('', { POSTERN_LIMITS_NETWORKS: 'private' })).toContain(
      'limits.networks: "private" is no list; a list is meant, written in brackets: [private]',
    );
  });
  it('takes mechanisms in small letters', async () => {
    file('listeners: [{port: 587, tls: starttls, mechanisms: [plain, Login]}]');
    expect(await line.json(['config', 'show'])).toMatchObject({
      listeners: [{ mechanisms: ['PLAIN', 'LOGIN'] }],
    });
  });
});

describe('config show', () => {
  it('prints what is in force as it would be written, and where it comes from', async () => {
    file('limits:\n  message_size: 10485760\n');
    const environment = { POSTERN_LOG_LEVEL: 'warn' };
    const ran = await line.run(['config', 'show'], { environment });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toContain('# limits.message_size: from config/postern.yaml line 2\n');
    expect(ran.stdout).toContain('# log.level: from POSTERN_LOG_LEVEL\n');
    expect(ran.stdout).toContain('  message_size: 10 MiB\n');
    expect(ran.stdout).toContain('  disk_reserve: max(256 MiB, 5 %)\n');
  });
  it('prints what can be read again to the same configuration', async () => {
    file('queue:\n  retry_min: 90\npublic:\n  listen: "[::1]:8080"\n');
    const written = await line.json(['config', 'show']);
    const first = parseConfig(written);
    expect(first).toMatchObject({
      kind: 'valid',
      value: { queue: { retry_min: 90_000 }, public: { listen: { address: '::1', port: 8080 } } },
    });
  });
  it('prints all defaults in the units of the file, and config check takes them for the same', async () => {
    const defaults = parseConfig({});
    file('');
    const { stdout } = await line.run(['config', 'show']);
    for (const said of ['ban_window: 10m', 'credential_age: 90d', 'command_line: 4 KiB', 'alert_after: 4h'])
      expect(stdout).toContain(`  ${said}\n`);
    expect(stdout).toContain('  audit_retention: 365d\n');
    const written = await line.json(['config', 'show']);
    file(stdout);
    expect(await line.json(['config', 'check'])).toMatchObject({ ok: true, problems: [] });
    expect(await line.json(['config', 'show'])).toEqual(written);
    if (defaults.kind === 'invalid') throw new Error('the defaults are not valid');
    expect(parseConfig(writtenConfig(defaults.value, []))).toEqual(defaults);
  });
  it.each([
    { limits: { disk_reserve: '33.333 %', data_rate: 1000, ban_time: '1500ms', credential_age: 0 } },
    { admin: { listen: '' }, public: { listen: '[::1]:8080' }, limits: { disk_reserve: 7 } },
    { listeners: [{ port: 0, tls: 'implicit' }], limits: { networks: ['any'], data_rate: 0 } },
  ])('writes what it reads: %j', input => {
    const parsed = parseConfig(input);
    if (parsed.kind === 'invalid') throw new Error('the configuration is not valid');
    expect(parseConfig(writtenConfig(parsed.value, []))).toEqual(parsed);
  });
  it('masks secrets', () => {
    const parsed = parseConfig({ tls: { certificate: 'c', key: 'hidden' } });
    if (parsed.kind === 'invalid') throw new Error('the configuration is not valid');
    const secret = { path: 'tls.key', secret: true };
    const facts = {
      type: 'key',
      means: '',
      allowed: '',
      fallback: undefined,
      example: null,
      isText: true,
      isList: false,
    } as const;
    const shown = JSON.stringify(writtenConfig(parsed.value, [{ ...facts, ...secret }]));
    expect(shown).toContain('"key":"********"');
    expect(shown).not.toContain('hidden');
  });
});

describe('config docs', () => {
  it('are up to date in this checkout', async () => {
    expect(await line.run(['config', 'docs', '--check'])).toEqual({
      status: 0,
      stdout: 'The generated documents are up to date.\n',
      stderr: '',
    });
  });
  it('are written, and found out of date where they were changed', async () => {
    const out = join(line.folder, 'out');
    expect((await line.run(['config', 'docs', '--out', out])).status).toBe(0);
    expect((await line.run(['config', 'docs', '--check', '--out', out])).status).toBe(0);
    writeFileSync(join(out, 'reference.md'), 'changed');
    const ran = await line.run(['config', 'docs', '--check', '--out', out]);
    expect(ran).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Not up to date: reference.md.'),
    });
  });
  it('cannot be written where there is no folder, and that is said in words', async () => {
    const ran = await line.run(['config', 'docs', '--out', join(line.folder, 'nowhere')]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/cannot be written to ".*nowhere": there is no such folder\. Make the folder/);
    expect(ran.stderr).not.toContain('ENOENT');
  });
  it('have an example that is a valid configuration, also with every line in force', async () => {
    const example = readFileSync(join(import.meta.dirname, '../../config/postern.example.yaml'), 'utf8');
    file(example);
    expect(await line.run(['config', 'check'])).toMatchObject({ status: 0 });
    file(example.replace(/^( *)#(?! )/gm, '$1'));
    const shown = (await line.json(['config', 'show'])) as {
      hostname: string;
      limits: { message_size: string };
    };
    expect(shown.hostname).toBe('postern.home.arpa');
    expect(shown.limits.message_size).toBe('50 MiB');
  });
});
