// Declarations by chance: everything that a declaration can say, in combinations that are right.

import fc from 'fast-check';

const some = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const limit = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.constant('none'));
const size = fc.oneof(fc.integer({ min: 1, max: 10_000_000 }), fc.constantFrom('10M', '512 KiB', 'none'));
const patterns = fc.uniqueArray(
  fc.constantFrom('a@example.com', '@example.net', '@*.example.org', 'B@Example.com'),
  {
    minLength: 1,
  },
);
const note = fc.constantFrom(
  'plain',
  'with: colon',
  '# no comment',
  'ümläut 😀',
  '12345',
  'true',
  "it's",
  'a\nb\n',
  ' x ',
);
const secret = fc.constantFrom('geheim pässwört 1', '12345678', '{ env: X }', 'x: y # z', 'null', 'tr\tab');

const login = fc.oneof(
  fc.record({
    url: fc.constantFrom(
      'smtps://relay.example',
      'smtp+starttls://[2001:db8::1]:2525',
      'smtp+notls://127.0.0.1',
    ),
  }),
  fc.record({
    url: fc.constantFrom(
      'smtps://me@example.com@smtp.example.com',
      'smtp+starttls://a%3Ab@smtp.office365.com',
      'mailgun+https://mg.example.com@api.mailgun.net',
    ),
    password: secret,
  }),
  fc.record({
    preset: fc.constantFrom('gmail', 'fastmail'),
    user: fc.constant('me@example.com'),
    password: secret,
  }),
  fc.record({ url: fc.constant('smtp+notls://relay.example'), allow_plaintext: fc.constant(true) }),
  fc.record({
    url: fc.constantFrom(
      'smtp+starttls://me@contoso.example@smtp.office365.com',
      'graph+https://me@contoso.example@graph.microsoft.com',
    ),
    oauth: fc.record(
      {
        client_id: fc.constant('abc'),
        tenant: fc.constantFrom('common', 'contoso.example'),
        flow: fc.constantFrom('device-code', 'authorization-code'),
        client_secret: secret,
        client_secret_ends: fc.constant('2031-06-30'),
        redirect_uri: fc.constantFrom('http://localhost', 'http://127.0.0.1:8765'),
        scopes: fc.constantFrom(['a', 'b'], ['https://outlook.office.com/SMTP.Send', 'offline_access']),
        token_endpoint: fc.constant('https://login.example.com/token'),
      },
      { requiredKeys: ['client_id'] },
    ),
  }),
  fc.record({
    url: fc.constant('smtp+starttls://me@gmail.com@smtp.gmail.com'),
    oauth: fc.record({ client_id: fc.constant('g'), client_secret: secret, testing: fc.boolean() }),
  }),
);

const tuning = fc.record(
  {
    ehlo_name: fc.constantFrom('gate.example', '[192.0.2.1]'),
    connections: fc.integer({ min: 1, max: 100 }),
    per_connection: limit,
    per_minute: limit,
    per_day: limit,
    max_size: size,
    sender: fc.constantFrom('scan@example.com', 'scan+{account}@example.com'),
    senders: patterns,
    null_sender: fc.constantFrom('keep', 'replace'),
    display_name: fc.constantFrom('keep', 'without-at'),
    paused: fc.boolean(),
  },
  { requiredKeys: ['sender'] },
);

const account = fc.record(
  {
    password: fc.constantFrom('a password of some length', 'scan', '12345678'),
    enabled: fc.boolean(),
    sender: fc.constantFrom('scan@example.com', 'Scan@Example.com'),
    senders: patterns,
    other_senders: fc.constantFrom('refuse', 'allow'),
    recipients: patterns,
    networks: fc.constantFrom(['10.0.0.0/8'], ['192.168.1.1', 'fd00::/8']),
    mechanisms: fc.constantFrom(['PLAIN'], ['login', 'SCRAM-SHA-256']),
    per_minute: limit,
    recipients_per_day: limit,
    message_size: size,
    queue_share: fc.constantFrom('20%', '0.07 %', '200M', 1000, 'none'),
    expires: fc.constantFrom('2031-01-01', '2031-01-01T18:00:00.500Z', 'never'),
    owner: fc.constant('anna@example.com'),
    note,
  },
  { requiredKeys: ['password'] },
);

const channel = fc.oneof(
  fc.record({ kind: fc.constant('webhook'), url: fc.webUrl(), secret: fc.constant('0123456789abcdef') }),
  fc.record({
    kind: fc.constant('ntfy'),
    url: fc.constant('https://ntfy.sh/topic'),
    token: some(fc.constant('tk_1')),
  }),
  fc.record({
    kind: fc.constant('email'),
    to: fc.constant('me@example.com'),
    from: some(fc.constant('p@example.com')),
  }),
);

const NAMES = ['alpha', 'Büro 2', 'c:d', '4711', 'e-f'];

/** Up to four, each with a name of its own. */
const named = <Value extends object>(arbitrary: fc.Arbitrary<Value>) =>
  fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 4 }),
      fc.array(arbitrary, { minLength: 4, maxLength: 4 }),
    )
    .map(([names, values]) =>
      values.slice(0, names.length).map((value, i) => ({ name: names[i] ?? '', ...value })),
    );

/** Upstreams and accounts by their numbers, of which some are none. */
const route = fc.record({
  upstreams: fc.uniqueArray(fc.nat(3), { minLength: 1 }),
  accounts: some(fc.uniqueArray(fc.nat(3), { minLength: 1 })),
  senders: some(fc.constantFrom(['<>'], ['@example.com', '<>'])),
  larger_than: some(size),
});

const parts = fc.record({
  upstreams: named(fc.tuple(login, tuning).map(([one, more]) => ({ ...one, ...more }))),
  accounts: named(account),
  routes: named(route),
  recipients: fc.uniqueArray(fc.constantFrom('root', '*@localdomain', 'a@*.local'), { maxLength: 3 }),
  alert_channels: named(
    fc.tuple(channel, some(fc.constantFrom('full', 'minimal'))).map(([one, detail]) => ({ ...one, detail })),
  ),
  aliases: fc.constantFrom(undefined, ['alias 1'], ['ALIAS 2', 'alias 1']),
});

/** As JSON. */
export const document: fc.Arbitrary<string> = parts.map(({ aliases, recipients, ...sections }) => {
  const { upstreams, accounts, routes } = sections;
  const names = (list: readonly Readonly<{ name: string }>[], numbers: readonly number[]) =>
    numbers.flatMap(number => list[number]?.name ?? []);
  return JSON.stringify({
    version: 1,
    ...sections,
    // One account has aliases: no other may have them.
    accounts: accounts.map((one, index) => (index === 0 ? { ...one, aliases } : one)),
    recipients: recipients.map(pattern => ({ pattern, forward_path: 'me@example.com' })),
    routes: routes
      .map(one => ({
        ...one,
        upstreams: names(upstreams, one.upstreams ?? []),
        accounts: accounts.length === 0 ? undefined : names(accounts, one.accounts ?? []),
      }))
      .map(one => ({ ...one, accounts: one.accounts?.length === 0 ? undefined : one.accounts }))
      .filter(one => one.upstreams.length > 0),
  });
});
