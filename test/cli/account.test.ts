import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

const shownAs = async (name: string): Promise<Readonly<Record<string, unknown>>> =>
  Object(await line.json(['account', 'show', name]));

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('account add', () => {
  it('generates a password, prints it once, and says what to enter on the device', async () => {
    const ran = await line.run([
      'account',
      'add',
      'printer',
      '--sender',
      'printer@home.example',
      '--note',
      '2nd floor',
    ]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^Account printer is ready\. Enter on the device:$/m);
    expect(ran.stdout).toMatch(/^ {2}Port, security {2}587, STARTTLS \(some say TLS\)$/m);
    expect(ran.stdout).toMatch(/^ {18}or 465, SSL\/TLS \(some say SSL\)$/m);
    expect(ran.stdout).toMatch(/^ {2}User name {7}printer$/m);
    expect(ran.stdout).toMatch(/^ {2}Password {8}[A-Za-z0-9]{16}$/m);
    expect(ran.stdout).toMatch(/^ {2}Sender {10}printer@home\.example$/m);
    expect(ran.stdout).toContain(`  CA certificate  ${join(line.folder, 'data/tls/ca.crt')}\n`);
  });
  it('proposes a name where none is given', async () => {
    expect(await line.json(['account', 'add'])).toEqual({
      name: expect.stringMatching(/^[a-z][a-z0-9]{3,15}$/),
      password: expect.stringMatching(/^[A-Za-z0-9]{16}$/),
      settings: expect.any(Object),
    });
  });
  it('prints no password where one was given', async () => {
    const given = { stdin: 'correct horse battery staple\nsecond line\n' };
    expect(await line.json(['account', 'add', 'scanner', '--password-stdin'], given)).toEqual({
      name: 'scanner',
      settings: expect.any(Object),
    });
    const shown = await line.run(['account', 'show', 'scanner']);
    expect(shown.stdout).not.toContain('staple');
  });
  it('takes a password from a file or a prompt, asked twice', async () => {
    writeFileSync(join(line.folder, 'secret'), 'from a file, long enough\r\n');
    const file = ['account', 'add', 'filed', '--password-file', join(line.folder, 'secret')];
    expect(await line.json(file)).toMatchObject({ name: 'filed' });
    const prompted = await line.run(['account', 'add', 'asked', '--password-prompt'], {
      answers: ['typed by a person', 'typed by a person'],
    });
    expect(prompted.status).toBe(0);
    expect(prompted.stdout + prompted.stderr).not.toContain('typed by');
    const givenUp = await line.run(['account', 'add', 'asked2', '--password-prompt'], { answers: [] });
    expect(givenUp).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing was changed') });
    const differing = await line.run(['account', 'add', 'typo', '--password-prompt'], {
      answers: ['one', 'two'],
    });
    expect(differing).toMatchObject({ status: 1, stderr: expect.stringContaining('not the same') });
  });
  it('warns of a weak password and takes it', async () => {
    const ran = await line.run(['account', 'add', 'weak', '--password-stdin', '--json'], { stdin: 'scan' });
    expect(ran.status).toBe(0);
    expect(ran.stderr).toMatch(/^postern: warning: [^\n]+ CRAM-MD5 will not work [^\n]+\n$/);
    expect(JSON.parse(ran.stdout)).toEqual({ name: 'weak', settings: expect.any(Object) });
  });
  it.each([
    ['an empty password', '\n', /the first line is empty/],
    ['no password at all', '', /the first line is empty/],
    ['octets that are not UTF-8', new Uint8Array([0x70, 0xd1, 0x0a]), /not UTF-8/],
  ])('refuses %s', async (_, stdin, said) => {
    const ran = await line.run(['account', 'add', 'nobody', '--password-stdin'], { stdin });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(said);
    expect((await line.run(['account', 'show', 'nobody'])).status).toBe(1);
  });
  it.each([
    ['add', 'unnamed'],
    ['password', 'printer'],
  ])('account %s refuses a password file without a name', async (word, name) => {
    const ran = await line.run(['account', word, name, '--password-file', '']);
    expect(ran).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('names no file') });
  });
  it('says in words why a password file cannot be read', async () => {
    const ran = await line.run(['account', 'add', 'unread', '--password-file', line.folder]);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toContain(`The password file "${line.folder}" cannot be read: it is a folder.`);
  });
  it('takes a name that begins with a dash, after --', async () => {
    expect((await line.run(['account', 'add', '--', '-dash'])).status).toBe(0);
  });
  it('cannot prompt where there is no terminal', async () => {
    const ran = await line.run(['account', 'add', 'x', '--password-prompt'], { stdin: '' });
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining('--password-stdin') });
  });
  it('refuses a name that is taken, in any spelling', async () => {
    const ran = await line.run(['account', 'add', 'PRINTER']);
    expect(ran).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^postern: .*taken.*\n$/),
    });
  });
});

describe('an account', () => {
  it('is listed with everything that is no secret', async () => {
    const list = await line.json(['account', 'list']);
    expect(list).toContainEqual({
      id: expect.any(String),
      name: 'printer',
      aliases: [],
      enabled: true,
      created_at: time,
      last_used_at: null,
      expires_at: null,
      password_changed_at: time,
      credentials: [{ set_at: time, ends_at: null, age_days: 0, made_by: 'postern' }],
      lacks: [],
      lacks_reasons: [],
      sender: 'printer@home.example',
      senders: null,
      other_senders: 'refuse',
      recipients: null,
      messages_per_minute: null,
      messages_per_hour: null,
      messages_per_day: null,
      recipients_per_message: null,
      recipients_per_day: null,
      message_size: null,
      queue_share: null,
      networks: null,
      mechanisms: null,
      owner: null,
      note: '2nd floor',
    });
    const { stdout } = await line.run(['account', 'list']);
    expect(stdout).toMatch(/^printer +enabled +- +0 d +printer@home.example +2nd floor$/m);
    expect(stdout).toMatch(/^weak +enabled +- +0 d +CRAM-MD5\*$/m);
    expect(stdout).toMatch(/^\* Not with this password: it is weak\./m);
    for (const row of stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(120);
  });
  it('is shown, changed, disabled, enabled', async () => {
    expect(await line.json(['account', 'set', 'printer', '--note', '', '--name', 'Printer 2'])).toMatchObject(
      {
        name: 'Printer 2',
        note: null,
        sender: 'printer@home.example',
      },
    );
    expect(await line.json(['account', 'disable', 'printer 2'])).toMatchObject({ enabled: false });
    expect(await line.json(['account', 'show', 'PRINTER 2'])).toMatchObject({ enabled: false });
    expect(await line.json(['account', 'enable', 'Printer 2'])).toMatchObject({ enabled: true });
  });
  it('gets a new password, generated or given', async () => {
    expect(await line.json(['account', 'password', 'scanner'])).toEqual({
      name: 'scanner',
      password: expect.stringMatching(/^[A-Za-z0-9]{16}$/),
      settings: expect.any(Object),
    });
    const given = { stdin: 'another long password' };
    expect(await line.json(['account', 'password', 'scanner', '--password-stdin'], given)).toEqual({
      name: 'scanner',
      settings: expect.any(Object),
    });
  });
  it('keeps its old password beside the new one for a while', async () => {
    const ran = await line.run(['account', 'password', 'filed', '--grace', '7d']);
    expect(ran.stdout).toMatch(
      /^Account filed has a new password; the old one is accepted until \d{4}-\d\d-\d\d [\d:]+Z\./m,
    );
    const { credentials } = await shownAs('filed');
    expect(credentials).toMatchObject([
      { made_by: 'postern', ends_at: null },
      { made_by: 'person', ends_at: time },
    ]);
    const shown = await line.run(['account', 'show', 'filed']);
    expect(shown.stdout).toMatch(/^ +set .* \(today\), chosen by a person; accepted until/m);
  });
  it.each(['7', '0d', 'soon', ''])('takes %j for no time of grace', async grace => {
    const ran = await line.run(['account', 'password', 'filed', '--grace', grace]);
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining('--grace takes a duration') });
  });
  it('is gone when it was removed', async () => {
    const removed = await line.json(['account', 'remove', 'scanner']);
    expect(removed).toMatchObject({ name: 'scanner', enabled: false, removed: true });
    const ran = await line.run(['account', 'remove', 'scanner']);
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('no account named "scanner"') });
  });
});

describe('the settings of an account', () => {
  const options = [
    ...['--senders', '@home.example, nas@example.net', '--senders', '*.example.org'],
    ...['--other-senders', 'allow', '--recipients', 'me@Example.com', '--networks', '192.168.1.7/24,fd00::5'],
    ...['--mechanisms', 'plain,scram-sha-256', '--per-minute', '5', '--per-hour', '50', '--per-day', '200'],
    ...['--recipients-per-message', '10', '--recipients-per-day', '300', '--message-size', '10M'],
    ...['--queue-share', '20%', '--expires', '2099-12-31', '--owner', 'me@example.com'],
    ...['--alias', 'mfp', '--alias', 'copier 2,door'],
  ];
  const kept = {
    aliases: ['copier 2', 'door', 'mfp'],
    senders: ['@home.example', 'nas@example.net', '@*.example.org'],
    other_senders: 'allow',
    recipients: ['me@example.com'],
    networks: ['192.168.1.0/24', 'fd00::5/128'],
    mechanisms: ['PLAIN', 'SCRAM-SHA-256'],
    messages_per_minute: 5,
    messages_per_hour: 50,
    messages_per_day: 200,
    recipients_per_message: 10,
    recipients_per_day: 300,
    message_size: 10 * 1024 * 1024,
    queue_share: { percent: 20 },
    expires_at: '2100-01-01T00:00:00.000Z',
    owner: 'me@example.com',
  };

  it('are all taken by add, and shown', async () => {
    await line.json(['account', 'add', 'nas', ...options]);
    expect(await shownAs('nas')).toMatchObject({
      ...kept,
      usage: { messages_last_minute: 0, recipients_last_day: 0, waiting_octets: 0 },
    });
    expect(await shownAs('weak')).toMatchObject({ usage: { messages_last_minute: null, waiting_octets: 0 } });
    const { stdout } = await line.run(['account', 'show', 'MFP']);
    expect(stdout).toMatch(/^Sends as {6}@home\.example, nas@example\.net, .*; others are let through$/m);
    expect(stdout).toMatch(/^Limits {8}5 messages a minute \(0 now\)\n {14}50 messages an hour \(0 now\)$/m);
    expect(stdout).toMatch(/^ {2}User name {7}nas\n {18}or copier 2\n {18}or door\n {18}or mfp$/m);
  });
  it('are changed one by one, and taken away', async () => {
    expect(
      await line.json([
        'account',
        'set',
        'nas',
        '--per-hour',
        '60',
        '--queue-share',
        '1G',
        '--expires',
        '1d',
      ]),
    ).toMatchObject({
      ...kept,
      messages_per_hour: 60,
      queue_share: { octets: 1024 ** 3 },
      expires_at: time,
    });
    const none = [
      ...['--senders', '*', '--recipients', '', '--networks', 'any', '--mechanisms', '*', '--owner', ''],
      ...['--per-minute', 'none', '--per-hour', '', '--per-day', 'none', '--message-size', 'none'],
      ...['--recipients-per-message', 'none', '--recipients-per-day', 'none', '--queue-share', 'none'],
      ...['--expires', 'never', '--other-senders', 'refuse', '--remove-alias', 'mfp,door'],
    ];
    const nothing = Object.fromEntries(Object.keys(kept).map(name => [name, null]));
    expect(await line.json(['account', 'set', 'nas', ...none])).toMatchObject({
      ...nothing,
      other_senders: 'refuse',
      aliases: ['copier 2'],
    });
  });
  it('say where a new name cannot be used by SCRAM yet', async () => {
    const ran = await line.run(['account', 'set', 'nas', '--alias', 'newer']);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toMatch(
      /^postern: warning: SCRAM-SHA-256 does not work with the name "newer" yet[^\n]+\n$/,
    );
    expect(await shownAs('nas')).toMatchObject({
      lacks: ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'],
      lacks_reasons: [
        { mechanism: 'SCRAM-SHA-256', user_name: 'newer', reason: 'next_login' },
        { mechanism: 'SCRAM-SHA-256-PLUS', user_name: 'newer', reason: 'next_login' },
      ],
    });
    expect((await line.run(['account', 'list'])).stdout).toMatch(/^nas \/ copier 2 \/ newer .* SCRAM\+$/m);
  });
  it('say where an account is left without a mechanism that works', async () => {
    const ran = await line.run(['account', 'set', 'nas', '--mechanisms', 'SCRAM-SHA-256,SCRAM-SHA-256-PLUS']);
    expect(ran.stderr).toMatch(
      /^postern: warning: SCRAM-SHA-256 does not work with the name "newer" until the account gets a new password[^\n]+\n$/,
    );
    const { stdout } = await line.run(['account', 'list']);
    expect(stdout).toMatch(/^nas \/ copier 2 \/ newer .* SCRAM!$/m);
    expect(stdout).toMatch(/^! After a new password/m);
  });
  it('say that an account has expired', async () => {
    const ran = await line.run(['account', 'set', 'nas', '--expires', '2020-01-01']);
    expect(ran.stderr).toMatch(/^postern: warning: The account has expired/);
    expect((await line.run(['account', 'list'])).stdout).toMatch(/^nas .* expired /m);
  });
  it.each([
    [['--per-minute', '0'], 2, '--per-minute takes a whole number from 1 to 1000000000, or none, not "0".'],
    [['--per-day', '1e9'], 2, '--per-day takes a whole number'],
    [['--message-size', 'big'], 2, '--message-size takes a size'],
    [['--queue-share', '20 percent'], 2, '--queue-share takes a size'],
    [['--expires', '90'], 2, '--expires takes a date'],
    [['--other-senders', 'none'], 2, '--other-senders takes refuse or allow, not "none".'],
    [['--senders', 'none'], 2, '--senders takes a list such as'],
    [['--networks', '10.0.0.0/8,none'], 2, '--networks takes a list such as'],
    [['--senders', 'scanner'], 2, 'Permitted senders: "scanner" cannot be used'],
    [['--networks', 'home'], 2, '"home" is no network'],
    [['--mechanisms', 'NTLM'], 2, '"NTLM" is no mechanism'],
    [['--queue-share', '120%'], 2, 'at most 100 %'],
    [['--senders', 'none'], 2, `for no limit write --senders '*'`],
    [['--mechanisms', 'none'], 2, `for no limit write --mechanisms '*'`],
    [
      ['--networks', 'private'],
      2,
      '"private" is a word of limits.networks in the configuration; for an account',
    ],
    [['--owner', 'me'], 2, '"me" has no @: the owner must be a whole address'],
    [['--message-size', '0'], 2, 'one octet or more'],
    [['--queue-share', '0%'], 2, 'at least 0.01 %'],
    [['--per-hour', '1000000001'], 2, 'from 1 to 1000000000'],
    [['--alias', ''], 2, '--alias takes a login name, not an empty one.'],
    [['--alias', '*'], 1, '"*" stands for any account'],
    [['--remove-alias', 'never-was'], 1, 'The account has no alias "never-was"'],
    [['--alias', 'weak'], 1, 'is taken'],
    [[], 2, 'There is nothing to change'],
  ])('%j cannot be set', async (words, status, said) => {
    const ran = await line.run(['account', 'set', 'nas', ...words]);
    expect(ran).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(said) });
  });
});

describe('an account, where words mislead', () => {
  it('is not removed by an alias', async () => {
    await line.json(['account', 'add', 'lobby', '--alias', 'old lobby']);
    const ran = await line.run(['account', 'remove', 'OLD lobby']);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toContain(`postern account set lobby --remove-alias 'OLD lobby'`);
    expect(ran.stderr).toContain('postern account remove lobby.');
    expect(await shownAs('lobby')).toMatchObject({ enabled: true });
    expect((await line.run(['account', 'disable', 'old lobby'])).stdout).toContain(
      'Account lobby is disabled',
    );
  });
  it('loses owner, sender and note by "none" as by an empty text', async () => {
    const [all, gone] = [
      { sender: 'a@b.example', owner: 'c@d.example', note: 'x' },
      { sender: null, owner: null, note: null },
    ];
    for (const nothing of ['none', '']) {
      const words = (values: readonly string[]) =>
        ['--sender', '--owner', '--note'].flatMap((flag, at) => [flag, values[at] ?? '']);
      expect(await line.json(['account', 'set', 'lobby', ...words(Object.values(all))])).toMatchObject(all);
      expect(
        await line.json(['account', 'set', 'lobby', ...words([nothing, nothing, nothing])]),
      ).toMatchObject(gone);
    }
  });
  it('says which promised password a second changeover ends', async () => {
    expect(await line.json(['account', 'password', 'lobby', '--grace', '7d'])).toMatchObject({
      grace_ends_at: time,
    });
    const ran = await line.run(['account', 'password', 'lobby', '--grace', '1d']);
    expect(ran.stderr).toMatch(
      /^postern: warning: the password of lobby set [^\n]+Z, promised until [^\n]+Z, ends now[^\n]+\n$/,
    );
    expect(await line.json(['account', 'password', 'lobby'])).not.toHaveProperty('grace_ends_at');
  });
  it('says that the limit of the server holds', async () => {
    const ran = await line.run(['account', 'set', 'lobby', '--message-size', '60M']);
    expect(ran).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('limits.message_size of the configuration, 50 MiB, holds'),
    });
  });
  it.each(['9999-12-31', '36500000d'])('expires in a year of four digits: %s', async when => {
    expect(await line.json(['account', 'set', 'lobby', '--expires', when])).toMatchObject({
      expires_at: '9999-12-31T23:59:59.999Z',
    });
  });
});

describe('the settings card', () => {
  const card = async (environment: Readonly<Record<string, string>> = {}) =>
    (await line.run(['account', 'show', 'weak'], { environment })).stdout;

  it('names the configured host name, and no address that the certificate is not good for', async () => {
    const { settings } = Object(
      await line.json(['account', 'show', 'weak'], { environment: { POSTERN_HOSTNAME: 'mail.example.net' } }),
    );
    const { names } = Object(await line.json(['certificate', 'show']));
    expect(settings.server).toBe('mail.example.net');
    for (const address of settings.addresses) expect(names).toContain(address);
  });
  it('names what an own certificate is good for, and the certificate itself where nobody signed it', async () => {
    const [certificate, key] = [join(line.folder, 'own.pem'), join(line.folder, 'own.key')];
    const subject = ['-subj', '/CN=own', '-addext', 'subjectAltName=DNS:smtp.example.org,DNS:*.lan.example'];
    const openssl = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...subject];
    execFileSync('openssl', [...openssl, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    const own = { POSTERN_TLS_CERTIFICATE: certificate, POSTERN_TLS_KEY: key };
    const other = await card({ ...own, POSTERN_HOSTNAME: 'mail.example.net' });
    expect(other).toContain(
      'smtp.example.org or *.lan.example (your certificate is not good for mail.example.net)',
    );
    expect(other).toContain(`CA certificate  the certificate itself, ${certificate}\n`);
    expect(await card({ ...own, POSTERN_HOSTNAME: 'a.lan.example' })).toMatch(
      /^ {2}Server {10}a\.lan\.example$/m,
    );
  });
  it.each([
    ['every address', ':8026', /^ {2}CA certificate {2}http:\/\/mail\.example\.net:8026\/ca\.crt$/m],
    ['one address', '192.0.2.1:80', /^ {2}CA certificate {2}http:\/\/192\.0\.2\.1:80\/ca\.crt$/m],
    ['loopback', '127.0.0.1:80', /^ {2}CA certificate {2}\/.*\/data\/tls\/ca\.crt$/m],
  ])('says where devices fetch the CA certificate: HTTP on %s', async (_, listen, shown) => {
    expect(await card({ POSTERN_HOSTNAME: 'mail.example.net', POSTERN_PUBLIC_LISTEN: listen })).toMatch(
      shown,
    );
  });
  it('says where a listener is bound to one address', async () => {
    const listeners = '[{port: 2587, address: 192.0.2.1, tls: starttls}]';
    expect(await card({ POSTERN_LISTENERS: listeners })).toMatch(
      /^ {2}Port, security {2}2587, STARTTLS \(some say TLS\), only on 192\.0\.2\.1$/m,
    );
  });
});
