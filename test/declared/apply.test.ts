// What applying a declaration does to a real database: only what differs, all of it in one commit, and nothing the second time.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settingColumns } from '../../server/accounts/account-settings.ts';
import { checkAccount } from '../../server/declared/account-input.ts';
import { sesPassword } from '../../server/relay/ses-password.ts';
import { type DeclaredBench, news, openDeclaredBench } from './bench.ts';

let bench: DeclaredBench;
beforeEach(async () => {
  bench = await openDeclaredBench();
});
afterEach(() => bench.close());

const FULL = `
version: 1
upstreams:
  - name: gmail
    preset: gmail
    user: me@gmail.com
    password: app password
  - name: relay
    url: smtp+starttls://relay.example
    per_hour: 100
  - name: work
    url: smtp+starttls://me@contoso.example@smtp.office365.com
    oauth: { client_id: abc, client_secret: hush, tenant: contoso.example }
accounts:
  - name: scanner
    password: a password of some length
    aliases: [scan2]
    networks: [192.168.1.0/24]
  - name: nas
    password: another password
    enabled: false
    note: in the cellar
routes:
  - { name: big, larger_than: 10M, upstreams: [relay] }
  - { name: scans, accounts: [SCANNER], upstreams: [gmail, relay] }
recipients:
  - { pattern: root, forward_path: me@example.com }
alert_channels:
  - { name: hook, kind: webhook, url: https://example.net/hook/1, secret: 0123456789abcdef }
  - { name: mail, kind: email, to: me@example.com }
`;

/** The declaration with a piece of it written otherwise. */
function but(from: string, to: string, text = FULL): string {
  if (!text.includes(from)) throw new Error(`the declaration has no ${from}`);
  return text.replace(from, to);
}

describe('an empty Postern', () => {
  it('gets all that is declared', async () => {
    expect(news(await bench.apply(FULL))).toEqual([
      'upstream gmail: added',
      'upstream relay: added',
      'upstream work: added',
      'account scanner: added',
      'account nas: added',
      'route big: added',
      'route scans: added',
      'recipient root: added',
      'alert_channel hook: added',
      'alert_channel mail: added',
    ]);
    const [gmail, relay, work] = bench.upstreams.list();
    expect(gmail).toMatchObject({
      host: 'smtp.gmail.com',
      preset: 'gmail',
      user: 'me@gmail.com',
      isDefault: true,
    });
    expect(gmail && bench.upstreams.password(gmail)).toBe('app password');
    expect(relay).toMatchObject({ user: null, isDefault: false, pacing: { messagesPerHour: 100 } });
    expect(work?.oauth).toMatchObject({
      provider: 'microsoft',
      clientAuthentication: 'post',
      clientId: 'abc',
    });
    expect(work && bench.upstreams.clientSecret(work)).toBe('hush');
    expect(bench.accounts.show('SCAN2')?.account).toMatchObject({
      name: 'scanner',
      networks: ['192.168.1.0/24'],
    });
    expect(bench.accounts.show('nas')?.account).toMatchObject({ enabled: false, note: 'in the cellar' });
    expect(bench.accounts.show('scanner')?.lacks).toEqual([]);
    expect(bench.routes.list().map(({ name }) => name)).toEqual(['big', 'scans']);
    expect(bench.routes.find('scans')?.accounts).toEqual(['scanner']);
    expect(bench.rules.mappedRecipient('root')).toBe('me@example.com');
    expect(bench.channels.list().map(({ name, detail }) => `${name} ${detail}`)).toEqual([
      'hook minimal',
      'mail full',
    ]);
  });

  it('is told what else is to be done, and what speaks against a choice', async () => {
    const [consent] = await bench.warnings(FULL);
    expect(consent).toBe('upstream work: somebody must consent: postern upstream authorize work');
    const outlook = `version: 1
upstreams: [{ name: outlook, url: 'smtp+starttls://me@outlook.com@smtp-mail.outlook.com', password: secret }]`;
    expect(await bench.warnings(outlook)).toEqual([
      expect.stringMatching(/^upstream outlook: .*refuses passwords/),
    ]);
    await bench.apply(FULL);
    expect(await bench.warnings(FULL)).toEqual([]);
  });

  it('derives what Amazon SES takes over SMTP from a secret access key, and knows it again', async () => {
    const ses = `version: 1
upstreams: [{ name: ses, preset: ses, region: eu-central-1, user: AKIA0123456789ABCDEF, iam_secret: canary-key }]`;
    await bench.apply(ses);
    const stored = bench.upstreams.find('ses');
    expect(stored).toMatchObject({ host: 'email-smtp.eu-central-1.amazonaws.com', region: null });
    expect(stored && bench.upstreams.password(stored)).toBe(sesPassword('canary-key', 'eu-central-1'));
    expect(news(await bench.plan(ses))).toEqual([]);
    expect(news(await bench.plan(ses.replace('canary-key', 'other-key')))).toEqual([
      'upstream ses: changed (password)',
    ]);
  });

  it('has it in the audit as if it had been said one by one', async () => {
    await bench.apply(FULL);
    expect(await bench.auditLines()).toEqual(
      expect.arrayContaining([
        'account.added | scanner | password chosen by a person, alias "scan2", networks',
        'account.added | nas | password chosen by a person, note',
        'account.disabled | nas',
        'route.added | big',
        'recipient.rule-added | root | me@example.com',
        'alert.channel-added | hook | webhook',
      ]),
    );
  });
});

describe('the same declaration', () => {
  it('changes nothing the second time: no revision, no password, no row', async () => {
    await bench.apply(FULL);
    const rows = async () =>
      Promise.all(
        [
          'upstream',
          'account',
          'credential',
          'derived_secret',
          'route',
          'recipient_rule',
          'alert_channel',
          'audit',
        ].map(table => bench.database.read(`SELECT * FROM ${table} ORDER BY 1, 2`)),
      );
    const before = await rows();
    bench.clock.move(60_000);
    const changes = await bench.apply(FULL, { prune: true });
    expect(changes).toHaveLength(10);
    expect(news(changes)).toEqual([]);
    expect(await rows()).toEqual(before);
  });

  it('may be written otherwise', async () => {
    await bench.apply(FULL);
    const text = [
      ['name: gmail', 'name: GMAIL'],
      ['networks: [192.168.1.0/24]', 'networks: [192.168.1.77/24]'],
      ['larger_than: 10M', 'larger_than: 10240 KiB'],
      ['pattern: root', 'pattern: ROOT'],
      ['aliases: [scan2]', 'aliases: [SCAN2, scanner]'],
    ].reduce((all, [from = '', to = '']) => but(from, to, all), FULL);
    expect(news(await bench.plan(text))).toEqual([]);
  });

  it('without its secrets keeps them', async () => {
    await bench.apply(FULL);
    const text = FULL.split('\n')
      .filter(line => !/^ +password/.test(line))
      .join('\n')
      .replace(', client_secret: hush', '')
      .replace(', url: https://example.net/hook/1, secret: 0123456789abcdef', '');
    expect(news(await bench.plan(text))).toEqual([]);
  });
});

describe('a change', () => {
  beforeEach(async () => void (await bench.apply(FULL)));

  it.each([
    ['note: in the cellar', 'note: in the attic', 'account nas: changed (note)'],
    ['enabled: false', 'enabled: true', 'account nas: changed (enabled)'],
    ['    note: in the cellar\n', '', 'account nas: changed (note)'],
    ['aliases: [scan2]', 'aliases: [scan3]', 'account scanner: changed (aliases)'],
    ['another password', 'yet another password', 'account nas: changed (password)'],
    ['app password', 'new password', 'upstream gmail: changed (password)'],
    ['per_hour: 100', 'per_hour: 200', 'upstream relay: changed (per_hour)'],
    ['per_hour: 100', 'paused: true', 'upstream relay: changed (per_hour, paused)'],
    ['smtp+starttls://relay.example', 'smtps://relay.example', 'upstream relay: changed (url)'],
    ['per_hour: 100', 'default: true\n    per_hour: 100', 'upstream relay: changed (default)'],
    [
      'tenant: contoso.example',
      'tenant: contoso.example, flow: authorization-code',
      'upstream work: changed (oauth.flow)',
    ],
    ['client_secret: hush', 'client_secret: shush', 'upstream work: changed (oauth.client_secret)'],
    ['upstreams: [gmail, relay]', 'upstreams: [relay, gmail]', 'route scans: changed (upstreams)'],
    ['larger_than: 10M', 'larger_than: 20M', 'route big: changed (larger_than)'],
    ['forward_path: me@', 'forward_path: you@', 'recipient root: changed (forward_path)'],
    ['hook/1', 'hook/2', 'alert_channel hook: changed (url)'],
    ['to: me@example.com', 'to: me@example.com, detail: minimal', 'alert_channel mail: changed (detail)'],
  ])('of %j to %j is that one', async (from, to, said) => {
    const text = but(from, to);
    expect(news(await bench.apply(text))).toEqual([said]);
    expect(news(await bench.plan(text))).toEqual([]);
  });

  it('of a password leaves no grace, and counts at once', async () => {
    await bench.apply(but('another password', 'yet another password'));
    const stored = bench.accounts.lookup('nas');
    expect(stored?.credentials).toHaveLength(1);
    const hashes = stored?.credentials.map(({ passwordHash }) => passwordHash) ?? [];
    expect(await bench.hasher.verify(hashes, 'yet another password')).toBe(0);
    expect(await bench.auditLines()).toContain('account.password | nas | chosen by a person');
  });

  it('of an upstream clears what was known of it, and leaves the others alone', async () => {
    const gmail = bench.upstreams.find('gmail');
    if (gmail === null) throw new Error('gmail is gone');
    const fault = { kind: 'credentials', text: 'refused', since: 1, nextProbeAt: null } as const;
    await bench.upstreams.recordFault(gmail, fault);
    await bench.apply(but('per_hour: 100', 'per_hour: 200'));
    expect(bench.upstreams.find('gmail')).toMatchObject({ fault, revision: 1 });
    await bench.apply(but('app password', 'new password', but('per_hour: 100', 'per_hour: 200')));
    expect(bench.upstreams.find('gmail')).toMatchObject({ fault: null, revision: 2 });
  });

  it('of the order of routes moves those that are named', async () => {
    const text = `
      version: 1
      routes:
        - { name: scans, accounts: [scanner], upstreams: [gmail, relay] }
        - { name: new, upstreams: [relay] }
        - { name: big, larger_than: 10M, upstreams: [relay] }`;
    expect(news(await bench.apply(text))).toEqual([
      'route scans: changed (place)',
      'route new: added',
      'route big: changed (place)',
    ]);
    expect(bench.routes.list().map(({ name }) => name)).toEqual(['scans', 'new', 'big']);
    expect(await bench.auditLines()).toContain('route.moved | scans | now number 1');
    expect(news(await bench.plan(text))).toEqual([]);
  });

  it('that gives the alias of one account to another is possible', async () => {
    const text = but('aliases: [scan2]', '', but('note: in the cellar', 'aliases: [scan2]'));
    expect(news(await bench.apply(text))).toEqual([
      'account scanner: changed (aliases)',
      'account nas: changed (aliases, note)',
    ]);
    expect(bench.accounts.show('scan2')?.account.name).toBe('nas');
  });

  it('of what a route means by an alias changes the route', async () => {
    const byAlias = but('accounts: [SCANNER]', 'accounts: [scan2]');
    expect(news(await bench.plan(byAlias))).toEqual([]);
    const moved = but('    aliases: [scan2]\n', '', but('note: in the cellar', 'aliases: [scan2]', byAlias));
    expect(news(await bench.apply(moved))).toContain('route scans: changed (accounts)');
    expect(bench.routes.find('scans')?.accounts).toEqual(['nas']);
  });

  it('that makes an alias an account of its own is possible', async () => {
    const text = but(
      '    aliases: [scan2]\n',
      '',
      but('enabled: false', 'enabled: false\n  - name: scan2\n    password: of its own'),
    );
    await bench.apply(text);
    expect(bench.accounts.show('scan2')?.account).toMatchObject({ name: 'scan2', aliases: [] });
  });

  it('to a weak password is told of, and so is what it costs', async () => {
    expect(await bench.warnings(but('another password', 'scan'))).toEqual([
      expect.stringMatching(/^account nas: The password .* CRAM-MD5 will not work with it/),
    ]);
    await bench.apply(but('another password', 'scan'));
    expect(bench.accounts.show('nas')?.lacks.map(({ mechanism }) => mechanism)).toEqual(['CRAM-MD5']);
    const allowed = but('another password', 'scan\n    allow_weak_derived: true');
    expect(news(await bench.apply(allowed))).toEqual(['account nas: changed (password)']);
    expect(bench.accounts.show('nas')?.lacks).toEqual([]);
    expect(news(await bench.plan(allowed))).toEqual([]);
  });
});

describe('what the file does not name', () => {
  beforeEach(async () => void (await bench.apply(FULL)));
  const FEW =
    'version: 1\naccounts: [{ name: scanner, networks: [192.168.1.0/24], aliases: [scan2] }]\nroutes: []';

  it('stays', async () => {
    expect(news(await bench.apply(FEW))).toEqual([]);
  });
  it('goes with --prune, but only from sections that the file has', async () => {
    expect(news(await bench.apply(FEW, { prune: true }))).toEqual([
      'account nas: removed',
      'route big: removed',
      'route scans: removed',
    ]);
    expect(bench.accounts.show('nas')).toBeNull();
    expect(bench.upstreams.list()).toHaveLength(3);
    expect(bench.channels.list()).toHaveLength(2);
    expect(await bench.auditLines()).toEqual(
      expect.arrayContaining(['account.removed | nas', 'route.removed | big']),
    );
  });
  it('goes altogether where all sections are empty', async () => {
    const nothing = 'version: 1\nupstreams: []\naccounts: []\nroutes: []\nrecipients: []\nalert_channels: []';
    expect(await bench.apply(nothing, { prune: true })).toHaveLength(10);
    expect(
      await bench.database.read(
        'SELECT 1 FROM upstream WHERE sealed_password IS NOT NULL OR sealed_client_secret IS NOT NULL',
      ),
    ).toEqual([]);
    expect(news(await bench.apply(FULL))).toHaveLength(10);
  });
  it('leaves its names to others', async () => {
    const text =
      'version: 1\naccounts: [{ name: other, password: long enough for all, aliases: [nas, scan2, scanner] }]';
    await bench.apply(text, { prune: true });
    expect(bench.accounts.show('scan2')?.account.name).toBe('other');
  });
  it('leaves the default to the first of the file', async () => {
    const text =
      'version: 1\nupstreams: [{ name: relay, url: smtp+starttls://relay.example, per_hour: 100 }]';
    expect(news(await bench.apply(text, { prune: true }))).toEqual([
      'upstream relay: changed (default)',
      'upstream gmail: removed',
      'upstream work: removed',
    ]);
    expect(bench.upstreams.list()).toMatchObject([{ name: 'relay', isDefault: true }]);
  });
});

it('every setting of an account has its key in a declaration', async () => {
  await bench.apply(FULL);
  const account = bench.accounts.show('nas')?.account;
  if (account === undefined) throw new Error('nas is gone');
  const { policy, mechanisms, networks, expiresAt, owner, note } = account;
  const columns = settingColumns({ ...policy, mechanisms, networks, expiresAt, owner, note });
  const declared = checkAccount({ name: 'nas' }).settings.flatMap(([, one]) => settingColumns(one));
  expect(declared.map(([column]) => column).sort()).toEqual(columns.map(([column]) => column).sort());
});

describe('a commit that somebody else is in the way of', () => {
  it('does nothing at all, and says so', async () => {
    await bench.apply(FULL);
    const elsewhere = await bench.elsewhere();
    const text = but('note: in the cellar', 'note: in the attic', but('per_hour: 100', 'per_hour: 1'));
    const read = await bench.apply(text).then(
      () => 'applied',
      (error: Error) => error.message,
    );
    expect(read).toBe('applied');
    // Between the preview and the commit.
    const { preview } = await previewOf(bench, FULL);
    await elsewhere.accounts.set('nas', { note: 'elsewhere' });
    await elsewhere.accounts.set('scanner', { note: 'elsewhere' });
    expect(await preview.apply()).toEqual({
      kind: 'refused',
      text: expect.stringMatching(
        /^Somebody else changed something at the same moment, so nothing was changed/,
      ),
    });
    expect(bench.upstreams.find('relay')?.pacing.messagesPerHour).toBe(1);
  });
});

async function previewOf({ declared }: DeclaredBench, text: string) {
  const { readDeclaration } = await import('../../server/declared/read-declaration.ts');
  const read = await readDeclaration(text, 'd.yaml', { readFile: () => ({ reason: '' }), environment: {} });
  if (read.kind === 'broken') throw new Error('broken');
  const preview = await declared.preview(read, { prune: false });
  if (preview.kind === 'refused') throw new Error('refused');
  return { preview };
}
