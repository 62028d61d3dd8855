// Flag > environment > file > default, and what each source can hold.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../server/config/environment.ts';
import { variableOf } from '../../server/config/environment.ts';
import { loadConfig } from '../../server/config/load.ts';
import { type Config, describeConfig } from '../../server/config/schema.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function load(
  environment: Environment = {},
  flags: { config?: string; data?: string } = {},
): Promise<Config> {
  const loaded = await loadConfig({ flags, environment, folder });
  if (loaded.kind === 'refused') throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

async function problems(
  environment: Environment,
  flags: { config?: string } = {},
): Promise<readonly string[]> {
  const loaded = await loadConfig({ flags, environment, folder });
  return loaded.kind === 'refused' ? loaded.problems : [];
}

function writeConfig(text: string): void {
  mkdirSync(join(folder, 'config'), { recursive: true });
  writeFileSync(join(folder, 'config/postern.yaml'), text);
}

const mechanisms = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'];

describe('without any configuration', () => {
  it('everything has its default', async () => {
    expect(await load()).toEqual({
      listeners: [
        { port: 587, address: '::', tls: 'starttls', mechanisms },
        { port: 465, address: '::', tls: 'implicit', mechanisms },
      ],
      tls: { names: [] },
      storage: { path: join(folder, 'data'), ballast: 16 * 1024 * 1024, allow_unsafe_filesystem: false },
      admin: { listen: { address: '127.0.0.1', port: 8025 } },
      public: { listen: null },
      limits: {
        message_size: 50 * 1024 * 1024,
        recipients: 1000,
        connections: 2000,
        connections_per_address: 1000,
        connections_per_account: 200,
        networks: ['loopback', 'private', 'link-local', 'unique-local', 'shared', 'on-link'],
        failed_logins: 5,
        ban_after: 20,
        ban_address_after: 50,
        account_failures: 100,
        ban_window: 600_000,
        ban_time: 300_000,
        ban_longest: 86_400_000,
        never_banned: [],
        credential_age: 90 * 86_400_000,
        commands: 5000,
        commands_before_login: 100,
        wrong_commands: 20,
        unknown_commands: 10,
        command_line: 4096,
        login_timeout: 120_000,
        idle_timeout: 300_000,
        command_timeout: 60_000,
        data_rate: 256,
        disk_reserve: { octets: 256 * 1024 * 1024, share: 0.05 },
      },
      queue: {
        retry_min: 60_000,
        retry_max: 3_600_000,
        expiry: 345_600_000,
        alert_after: 14_400_000,
        retention: 2_592_000_000,
        keep_content: false,
        outage_grace: 2_592_000_000,
        delay_after: 14_400_000,
        ambiguous_wait: 600_000,
        ambiguous_for: 86_400_000,
        reports_per_hour: 10,
        max_received: 50,
      },
      received: { client_address: 'show' },
      log: { level: 'info', format: 'auto', audit_retention: 365 * 86_400_000 },
    });
  });
});

describe('the file', () => {
  it('is found at config/postern.yaml', async () => {
    writeConfig('hostname: mail.example\nlimits:\n  message_size: 10 MiB\n');
    const config = await load();
    expect(config.hostname).toBe('mail.example');
    expect(config.limits.message_size).toBe(10 * 1024 * 1024);
    expect(config.limits.recipients).toBe(1000);
  });
  it('may be empty, or have sections whose every line is commented out', async () => {
    writeConfig('');
    expect((await load()).log.level).toBe('info');
    writeConfig('# nothing\nlimits:\n#  recipients: 5\nlog:\n  level:\n');
    expect((await load()).limits.recipients).toBe(1000);
    expect((await load()).log.level).toBe('info');
  });
  it('must be there when it is named', async () => {
    expect(await problems({}, { config: 'none.yaml' })).toEqual([
      'none.yaml: cannot read the configuration file: there is no such file',
    ]);
    expect(await problems({ POSTERN_CONFIG: '.' })).toEqual([
      '.: cannot read the configuration file: it is a folder',
    ]);
  });
  it('is named by --config before POSTERN_CONFIG before the search', async () => {
    writeConfig('hostname: searched');
    writeFileSync(join(folder, 'environment.yaml'), 'hostname: environment');
    writeFileSync(join(folder, 'flag.yaml'), 'hostname: flag');
    expect((await load()).hostname).toBe('searched');
    expect((await load({ POSTERN_CONFIG: 'environment.yaml' })).hostname).toBe('environment');
    expect((await load({ POSTERN_CONFIG: 'environment.yaml' }, { config: 'flag.yaml' })).hostname).toBe(
      'flag',
    );
  });
  it('says where each value comes from', async () => {
    writeConfig('log:\n  level: warn\n');
    const loaded = await loadConfig({ flags: { data: 'd' }, environment: { POSTERN_HOSTNAME: 'h' }, folder });
    if (loaded.kind === 'refused') throw new Error(loaded.problems.join('\n'));
    expect(loaded.sourceOf('log.level')).toBe('config/postern.yaml line 2');
    expect(loaded.sourceOf('hostname')).toBe('POSTERN_HOSTNAME');
    expect(loaded.sourceOf('storage.path')).toBe('--data');
    expect(loaded.sourceOf('log.format')).toBeNull();
  });
  it('cannot reach outside the configuration through odd keys', async () => {
    writeConfig('__proto__:\n  polluted: 1\n');
    expect(await problems({})).toHaveLength(1);
    expect('polluted' in {}).toBe(false);
  });
  it('cannot exhaust memory with aliases', async () => {
    const bomb = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    writeConfig(['a0: &a0 [x]', ...bomb].join('\n'));
    expect((await problems({})).length).toBeGreaterThan(0);
  });
});

describe('the environment', () => {
  it('stands above the file, a flag above both', async () => {
    writeConfig('storage:\n  path: /file\nlimits:\n  recipients: 1\n');
    expect((await load()).storage.path).toBe('/file');
    expect((await load({ POSTERN_STORAGE_PATH: '/environment' })).storage.path).toBe('/environment');
    const both = { POSTERN_STORAGE_PATH: '/environment', POSTERN_DATA_DIR: '/data' };
    expect((await load(both)).storage.path).toBe('/data');
    expect((await load(both, { data: '/flag' })).storage.path).toBe('/flag');
    expect((await load(both, { data: '/flag' })).limits.recipients).toBe(1);
  });
  it('is read as YAML', async () => {
    const config = await load({
      POSTERN_LIMITS_RECIPIENTS: '7',
      POSTERN_LIMITS_MESSAGE_SIZE: '10 MiB',
      POSTERN_TLS_NAMES: '[mail.example, 192.0.2.1]',
      POSTERN_LISTENERS: '[{port: 2525, tls: starttls}]',
      POSTERN_STORAGE_ALLOW_UNSAFE_FILESYSTEM: 'true',
    });
    expect(config.limits.recipients).toBe(7);
    expect(config.limits.message_size).toBe(10 * 1024 * 1024);
    expect(config.tls.names).toEqual(['mail.example', '192.0.2.1']);
    expect(config.listeners).toEqual([{ port: 2525, address: '::', tls: 'starttls', mechanisms }]);
    expect(config.storage.allow_unsafe_filesystem).toBe(true);
  });
  it('takes text as it stands where text is meant', async () => {
    const config = await load({ POSTERN_ADMIN_LISTEN: '[::1]:8025', POSTERN_HOSTNAME: '123' });
    expect(config.admin.listen).toEqual({ address: '::1', port: 8025 });
    expect(config.hostname).toBe('123');
    expect((await load({ POSTERN_ADMIN_LISTEN: "''" })).admin.listen).toBeNull();
  });
  it('counts an empty variable as not set', async () => {
    expect((await load({ POSTERN_LIMITS_RECIPIENTS: '', POSTERN_DATA_DIR: '' })).limits.recipients).toBe(
      1000,
    );
  });
  it('can point to a file with _FILE', async () => {
    writeFileSync(join(folder, 'name'), 'mail.example\n');
    expect((await load({ POSTERN_HOSTNAME_FILE: 'name' })).hostname).toBe('mail.example');
    expect(await problems({ POSTERN_HOSTNAME_FILE: 'none' })).toEqual([
      'POSTERN_HOSTNAME_FILE: cannot read none: there is no such file',
    ]);
    expect(await problems({ POSTERN_HOSTNAME_FILE: 'name', POSTERN_HOSTNAME: 'x' })).toEqual([
      'POSTERN_HOSTNAME_FILE: POSTERN_HOSTNAME is set too; keep one of them',
    ]);
  });

  it('never repeats what stands in such a file: it may be a secret for another variable', async () => {
    writeFileSync(join(folder, 'secret'), 'hunter2\n');
    expect(await problems({ POSTERN_LIMITS_RECIPIENTS_FILE: 'secret' })).toEqual([
      'limits.recipients: the value cannot be used; give a whole number from 1 to 100000 (POSTERN_LIMITS_RECIPIENTS_FILE)',
    ]);
    writeFileSync(join(folder, 'secret'), '*hunter2\n');
    expect((await problems({ POSTERN_LIMITS_RECIPIENTS_FILE: 'secret' })).join()).toMatch(
      /: the file holds no YAML; give/,
    );
  });
  it('is refused where it is unknown or wrong', async () => {
    expect(
      await problems({ POSTERN_LIMITS_RECIPIENT: '5', POSTERN_PASSWORD: 'x', POSTERN_LOG_LEVEL: 'loud' }),
    ).toEqual([
      'POSTERN_LIMITS_RECIPIENT: unknown environment variable; did you mean POSTERN_LIMITS_RECIPIENTS?',
      'POSTERN_PASSWORD: unknown environment variable; config/reference.md lists the known ones',
      'log.level: "loud" cannot be used; give debug, info, warn or error (POSTERN_LOG_LEVEL)',
    ]);
  });
  it('may hold what Kubernetes puts beside a service named postern', async () => {
    await load({
      POSTERN_SERVICE_HOST: '10.0.0.1',
      POSTERN_SERVICE_PORT_SMTP: '587',
      POSTERN_PORT: 'tcp://10.0.0.1:587',
      POSTERN_PORT_587_TCP_ADDR: '10.0.0.1',
    });
  });
  it('has one name for each key', () => {
    const names = describeConfig()
      .filter(one => one.type === 'key')
      .map(one => variableOf(one.path));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('what is allowed but perhaps not meant', () => {
  async function cautions(text: string): Promise<readonly string[]> {
    writeConfig(text);
    const loaded = await loadConfig({ flags: {}, environment: {}, folder });
    return loaded.kind === 'loaded' ? loaded.cautions : ['refused'];
  }
  it('gets a caution', async () => {
    expect(await cautions('admin:\n  listen: :8025\n')).toEqual([
      expect.stringMatching(/^admin\.listen: \[::\]:8025 can be/),
    ]);
    expect(await cautions('storage:\n  allow_unsafe_filesystem: true\n')).toHaveLength(1);
    expect(await cautions('tls: {certificate: a, key: b, names: [c]}\n')).toHaveLength(1);
    expect(await cautions('admin:\n  listen: 127.0.0.1:1\n')).toEqual([]);
  });
});

it('relative paths count from the folder that Postern is started in', async () => {
  mkdirSync(join(folder, 'elsewhere'));
  writeFileSync(
    join(folder, 'elsewhere/a.yaml'),
    'tls: {certificate: c.pem, key: /k.pem}\nstorage: {path: d}\n',
  );
  const config = await load({}, { config: 'elsewhere/a.yaml' });
  expect(config.tls.certificate).toBe(join(folder, 'c.pem'));
  expect(config.tls.key).toBe('/k.pem');
  expect(config.storage.path).toBe(join(folder, 'd'));
});
