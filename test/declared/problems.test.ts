// What is wrong with a declaration over what there is: all of it is said at once, at its path and line, and nothing is changed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeclaredBench, openDeclaredBench } from './bench.ts';

let bench: DeclaredBench;
beforeAll(async () => {
  bench = await openDeclaredBench();
  await bench.apply(`
    version: 1
    upstreams: [{ name: main, url: smtps://main.example }, { name: second, url: smtps://second.example }]
    accounts: [{ name: scanner, password: a password of some length, aliases: [scan2] }]
    routes: [{ name: big, larger_than: 10M, upstreams: [second] }]
    alert_channels: [{ name: push, kind: ntfy, url: https://ntfy.sh/topic, token: tk_0123456789 }]`);
});
afterAll(() => bench.close());

const upstream = (keys: string) =>
  `version: 1\nupstreams:\n  - name: a\n    ${keys.replaceAll('; ', '\n    ')}`;
const account = (keys: string) =>
  `version: 1\naccounts:\n  - name: a\n    ${keys.replaceAll('; ', '\n    ')}`;
const route = (keys: string) => `version: 1\nroutes:\n  - name: a\n    ${keys.replaceAll('; ', '\n    ')}`;
const channel = (keys: string) =>
  `version: 1\nalert_channels:\n  - name: a\n    ${keys.replaceAll('; ', '\n    ')}`;
const user = 'url: smtps://me@example.com@smtp.example.com; password: secret';

describe('of an upstream', () => {
  it.each([
    ['ehlo_name: x', /^upstreams\[0\]\.url: is missing; give a URL such as .*, or preset \(line 3\)$/],
    ['url: smtps://me:hunter2@smtp.example.com', /^upstreams\[0\]\.url: The URL contains a password/],
    [
      'url: smtp+notls://smtp.example.com',
      /^upstreams\[0\]\.url: .* or add allow_plaintext if you really mean it. \(line 4\)$/,
    ],
    [
      'url: smtps://me@smtp.example.com',
      /^upstreams\[0\]\.password: is missing; give \{ file: PATH \}, .*, or oauth \(line 3\)$/,
    ],
    ['url: smtps://smtp.example.com; password: x', /^upstreams\[0\]: A password needs a user name/],
    [
      'preset: gmial',
      /^upstreams\[0\]\.preset: there is no preset "gmial"; did you mean gmail\? \(line 4\)$/,
    ],
    ['preset: gmail; password: x', /^upstreams\[0\]\.preset: user is missing\. /],
    [`${user}; user: other`, /^upstreams\[0\]\.user: belongs to a preset without a url/],
    [
      `${user}; iam_secret: x`,
      /^upstreams\[0\]\.iam_secret: stands beside password; keep one of them \(line 6\)$/,
    ],
    [
      'url: smtps://me@smtp.example.com; iam_secret: x',
      /^upstreams\[0\]\.iam_secret: is for Amazon SES alone/,
    ],
    [
      `${user}; region: eu-central-1`,
      /^upstreams\[0\]\.region: A region is for Amazon SES alone: leave region away/,
    ],
    [`${user}; ca: nothing`, /^upstreams\[0\]\.ca: The CA file is not a certificate in PEM form/],
    [`${user}; ehlo_name: a b`, /^upstreams\[0\]\.ehlo_name: "a b" cannot be an EHLO name/],
    [`${user}; per_day: 1000000000`, /^upstreams\[0\]\.per_day: A limit of messages must be/],
    [`${user}; sender: nobody`, /^upstreams\[0\]\.sender: "nobody" cannot be the sender/],
    [`${user}; senders: [nobody]`, /^upstreams\[0\]\.senders: "nobody" cannot be used/],
    [
      'url: smtps://smtp.example.com; rewrite: always',
      /^upstreams\[0\]\.rewrite: Senders cannot be rewritten\. .*sender scans@example.com/,
    ],
    [`${user}; oauth: { client_id: x }`, /^upstreams\[0\]\.password: stands beside oauth/],
    [
      'url: smtps://me@smtp.example.com; oauth: { client_id: x }',
      /^upstreams\[0\]\.oauth: It is not known whose OAuth2 .* Say oauth\.provider google/,
    ],
    [
      'preset: gmail; user: me@gmail.com; oauth: { client_id: x }',
      /^upstreams\[0\]\.oauth\.client_secret: is missing/,
    ],
    [
      'preset: gmail; user: me@example.com; oauth: { flow: service-account }',
      /^upstreams\[0\]\.oauth\.service_account: is missing/,
    ],
    [
      'preset: gmail; user: me@example.com; oauth: { service_account: "{}" }',
      /^upstreams\[0\]\.oauth: That is no key file/,
    ],
  ])('%s', async (keys, said) => {
    const lines = await bench.problems(upstream(keys));
    expect(lines).toEqual([expect.stringMatching(said)]);
    expect(lines[0]).not.toContain('hunter2');
  });
  it('all at once', async () => {
    const keys = `url: http://x; ca: nothing; ehlo_name: a b; sender: nobody; per_day: 1000000000`;
    const paths = (await bench.problems(upstream(keys))).map(line => line.split(':')[0]);
    expect(paths.sort()).toEqual(
      ['ca', 'ehlo_name', 'per_day', 'sender', 'url'].map(key => `upstreams[0].${key}`),
    );
  });
});

describe('of an account', () => {
  const password = 'password: long enough for all';
  it.each([
    ['note: x', /^accounts\[0\]\.password: is missing, and the account is new; give \{ file: PATH \}/],
    ['password: ""', /^accounts\[0\]\.password: The password is empty/],
    [
      `${password}; password_hash: x`,
      /^accounts\[0\]\.password_hash: stands beside password; keep one of them \(line 5\)$/,
    ],
    ['password_hash: $2y$10$abcdefghijklmnopqrstuv', /^accounts\[0\]\.password_hash: is none; give what/],
    [
      'password_hash: $argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      /^accounts\[0\]\.password_hash: is none/,
    ],
    [`${password}; networks: [private]`, /^accounts\[0\]\.networks: "private" is a word of limits\.networks/],
    [`${password}; mechanisms: [NTLM]`, /^accounts\[0\]\.mechanisms: "NTLM" is no mechanism/],
    [`${password}; sender: me`, /^accounts\[0\]\.sender: "me" has no @/],
    [`${password}; aliases: ['*']`, /^accounts\[0\]\.aliases: The account name "\*" stands for any account/],
    [
      `${password}; aliases: [SCAN2]`,
      /^accounts\[0\]\.aliases: The name "SCAN2" is taken .* a name of the account scanner, which the file does not name/,
    ],
  ])('%s', async (keys, said) => {
    expect(await bench.problems(account(keys))).toEqual([expect.stringMatching(said)]);
  });
  it('that is there twice, or has the name of another', async () => {
    const text = `
      version: 1
      accounts:
        - { name: a, password: long enough for all, aliases: [c] }
        - { name: b, password: long enough for all, aliases: [C] }
        - { name: A, password: long enough for all }`;
    expect(await bench.problems(text)).toEqual([
      'accounts[2].name: is that of accounts[0] already; keep one of them (line 6)',
      'accounts[1].aliases: "C" is a name of accounts[0] already; keep one of them (line 5)',
    ]);
  });
});

describe('of a route', () => {
  it.each([
    ['upstreams: []', /^routes\[0\]\.upstreams: A route needs at least one upstream/],
    [
      'upstreams: [nowhere]',
      /^routes\[0\]\.upstreams: No upstream is called "nowhere": there are these: main, second/,
    ],
    ['upstreams: [main]; accounts: [nobody]', /^routes\[0\]\.accounts: No account is called "nobody"/],
    [
      'upstreams: [main]; senders: [x]',
      /^routes\[0\]\.senders: The senders of the route: "x" cannot be used/,
    ],
    [
      'upstreams: [main]; larger_than: 10M; up_to: 1M',
      /^routes\[0\]: No message is larger than larger_than and at most up_to/,
    ],
  ])('%s', async (keys, said) => {
    expect(await bench.problems(route(keys))).toEqual([expect.stringMatching(said)]);
  });
  it('that names what the file adds is none', async () => {
    const text = `${upstream('url: smtps://a.example')}\n${route('upstreams: [A]').replace('version: 1\n', '')}`;
    expect(await bench.problems(text)).toEqual([]);
  });
  it('that names what --prune takes away', async () => {
    const text =
      'version: 1\nupstreams: [{ name: main, url: smtps://main.example }]\nroutes: [{ name: big, larger_than: 10M, upstreams: [second] }]';
    expect(await bench.problems(text)).toEqual([]);
    expect(await bench.problems(text, { prune: true })).toEqual([
      'routes[0].upstreams: "second" will not exist any more: this file takes it away; name another one (line 3)',
    ]);
  });
  it('is not told that an upstream is missing of which the name could not be read', async () => {
    const text =
      'version: 1\nupstreams: [{ nam: a, url: smtps://a.example }]\nroutes: [{ name: r, upstreams: [a] }]';
    const lines = await bench.problems(text);
    expect(lines.map(line => line.split(':')[0])).toEqual(['upstreams[0].name', 'upstreams[0].nam']);
  });
});

describe('of an alert channel', () => {
  it.each([
    ['kind: webhook', /^alert_channels\[0\]\.url: is missing/],
    ['kind: webhook; url: https://example.net/hook', /^alert_channels\[0\]\.secret: is missing/],
    [
      'kind: webhook; url: example.net; secret: 0123456789abcdef',
      /^alert_channels\[0\]\.url: The URL must begin with https/,
    ],
    [
      'kind: webhook; url: https://example.net/hook; secret: short',
      /^alert_channels\[0\]\.secret: The secret has fewer than 16/,
    ],
    [
      'kind: ntfy; url: https://ntfy.sh/topic; token: "a b"',
      /^alert_channels\[0\]\.token: The token has characters/,
    ],
    [
      'kind: ntfy; url: https://ntfy.sh/topic; secret: x',
      /^alert_channels\[0\]\.secret: does not belong to an alert channel of the kind ntfy/,
    ],
    ['kind: email', /^alert_channels\[0\]\.to: is missing; give an address/],
    [
      'kind: email; to: me@example.com; from: postern',
      /^alert_channels\[0\]\.from: "postern" is not a whole address/,
    ],
  ])('%s', async (keys, said) => {
    const lines = await bench.problems(channel(keys));
    expect(lines[0]).toMatch(said);
    expect(lines.join('\n')).not.toContain('0123456789abcdef');
  });
  it('whose token would go to another server', async () => {
    const moved = (more = '') =>
      `version: 1\nalert_channels: [{ name: push, kind: ntfy, url: https://other.example/topic${more} }]`;
    expect(await bench.problems(moved())).toEqual([
      expect.stringMatching(
        /^alert_channels\[0\]\.token: is missing; the stored one is not sent to another server/,
      ),
    ]);
    expect(await bench.problems(moved(", token: ''"))).toEqual([]);
    expect(await bench.problems(moved().replace('other.example/topic', 'ntfy.sh/other'))).toEqual([]);
  });
  it('of which there would be too many', async () => {
    const many = Array.from({ length: 20 }, (_, i) => `  - { name: c${i}, kind: email, to: me@example.com }`);
    expect(await bench.problems(`version: 1\nalert_channels:\n${many.join('\n')}`)).toEqual([
      'alert_channels: would be 21 in all; there may be 20 alert channels (line 2)',
    ]);
  });
});

it('of a recipient', async () => {
  const text = `
    version: 1
    recipients:
      - { pattern: '*x', forward_path: me@example.com }
      - { pattern: root, forward_path: root@localhost }
      - { pattern: Root, forward_path: me@example.com }`;
  expect(await bench.problems(text)).toEqual([
    expect.stringMatching(/^recipients\[0\]\.pattern: "\*x" is no pattern of recipients/),
    expect.stringMatching(/^recipients\[1\]\.forward_path: root@localhost is a local address itself/),
    'recipients[2].pattern: is that of recipients[1] already; keep one of them (line 6)',
  ]);
});

it('nothing was changed by all that', async () => {
  expect(bench.upstreams.list().map(({ name, revision }) => `${name} ${revision}`)).toEqual([
    'main 1',
    'second 1',
  ]);
  expect(bench.accounts.list().map(({ account }) => account.name)).toEqual(['scanner']);
});
