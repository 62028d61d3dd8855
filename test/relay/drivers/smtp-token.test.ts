// Logging in to an upstream with access tokens, over a real connection: what is sent octet for octet, and what becomes of a
// token that is refused, in the ways in which Google, Microsoft and RFC 7628 refuse. Whatever happens, no part of a token
// stands in a fault.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../server/ids.ts';
import type { Credentials } from '../../../server/relay/credentials.ts';
import type { OAuthSettings } from '../../../server/relay/oauth/oauth-settings.ts';
import type { TokenResult } from '../../../server/relay/oauth/token.ts';
import type { Upstream } from '../../../server/relay/upstream.ts';
import { testUpstream } from '../../../server/relay/upstream-test.ts';
import { PATIENT, relayTo, remote, upstreamAt } from '../bench.ts';
import type { RemoteOptions, Script } from '../remote.ts';

const USER = 'someuser@example.com';
const OLD = 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg';
const NEW = 'ya29.another-token-of-the-same-mailbox_0123456789';

const OAUTH: OAuthSettings = {
  provider: 'google',
  flow: 'authorization-code',
  clientId: 'client',
  scopes: ['https://mail.google.com/'],
  authorizationEndpoint: 'https://accounts.example/auth',
  deviceEndpoint: null,
  tokenEndpoint: 'https://accounts.example/token',
  clientAuthentication: 'none',
  redirectUri: 'http://127.0.0.1',
  keyId: null,
  clientSecretEndsAt: null,
  testing: false,
};

const consentNeeded: TokenResult = {
  kind: 'fault',
  fault: { kind: 'consent', stage: 'auth', reply: null, text: 'Somebody must consent again.' },
};

/** Credentials that give this token, and another one when it is refused; `asked` holds what was refused. */
function tokens(first: string | TokenResult, another: string | TokenResult = NEW) {
  const asked: string[] = [];
  const resultOf = (given: string | TokenResult): TokenResult =>
    typeof given === 'string' ? { kind: 'token', token: given } : given;
  const credentials: Credentials = {
    kind: 'token',
    current: async () => resultOf(first),
    another: async refused => {
      asked.push(refused);
      return resultOf(another);
    },
  };
  return { credentials, asked };
}

const xoauth2 = (token: string, user = USER) =>
  Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64');

type Given = RemoteOptions &
  Readonly<{
    offered?: readonly string[];
    first?: string | TokenResult;
    another?: string | TokenResult;
    changes?: Partial<Upstream>;
  }>;

/** Logs in, and returns what was said about it and what the remote heard. */
async function login({ offered = ['PLAIN', 'XOAUTH2', 'OAUTHBEARER'], ...given }: Given) {
  const { first = OLD, another, changes = {}, ...options } = given;
  const server = await remote({ keywords: [`AUTH ${offered.join(' ')}`], ...options });
  const { credentials, asked } = tokens(first, another);
  const upstream = await upstreamAt(server.port, { user: USER, oauth: OAUTH, ...changes });
  const { ok, checks } = await testUpstream({
    upstream,
    credentials,
    hostname: 'postern.example',
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    random: systemRandom,
    timeouts: PATIENT,
  });
  const last = checks.find(check => check.name === 'login') ?? checks.at(-1);
  expectNoToken(JSON.stringify(checks), [OLD, NEW]);
  const logins = server.commands.slice(server.commands.findLastIndex(line => line.startsWith('EHLO')) + 1);
  const heard = logins.filter(line => !/^(MAIL|QUIT)/.test(line));
  return { ok, last, text: last?.text ?? '', heard, asked, server, port: server.port };
}

/** Neither in clear nor in base64, nor a part of either. */
function expectNoToken(text: string, secrets: readonly string[]): void {
  const written = secrets.flatMap(token => [token, xoauth2(token), Buffer.from(token).toString('base64')]);
  for (const secret of written) {
    for (let at = 0; at + 12 <= secret.length; at += 4)
      if (!xoauth2('').startsWith(secret.slice(at, at + 12)))
        expect(text).not.toContain(secret.slice(at, at + 12));
  }
}

/** Answers the lines of logins one by one, all connections together; from then on as by default, which is 235. */
function answering(...replies: readonly (string | undefined)[]): Script {
  let next = 0;
  return ({ verb }) => (verb === 'AUTH' ? replies[next++] : undefined);
}

const challenge = (json: string) => `334 ${Buffer.from(json).toString('base64')}`;
const GOOGLE_334 =
  '334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K';
const GOOGLE_535 =
  '535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials abc - gsmtp';
const MICROSOFT_535 = '535 5.7.3 Authentication unsuccessful [AM0PR01.eurprd01.prod.exchangelabs.com]';

describe('an access token', () => {
  it('is sent by XOAUTH2 where that is offered', async () => {
    const { ok, text, heard } = await login({});
    expect(heard).toEqual([
      'AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==',
    ]);
    expect([ok, text]).toEqual([true, `The login as ${USER} is accepted (XOAUTH2).`]);
  });

  it('is sent by OAUTHBEARER where XOAUTH2 is not offered', async () => {
    const { text, heard, port } = await login({ offered: ['PLAIN', 'OAUTHBEARER'] });
    const initial = `n,a=${USER},\x01host=127.0.0.1\x01port=${port}\x01auth=Bearer ${OLD}\x01\x01`;
    expect(heard[0]).toBe(`AUTH OAUTHBEARER ${Buffer.from(initial).toString('base64')}`);
    expect(text).toContain('accepted (OAUTHBEARER)');
  });

  it('is sent by OAUTHBEARER where XOAUTH2 is offered and not taken after all', async () => {
    const { text, asked } = await login({ script: answering('504 5.5.4 Unrecognized authentication type') });
    expect([text, asked]).toEqual([expect.stringContaining('accepted (OAUTHBEARER)'), []]);
  });

  it.each([
    [['PLAIN', 'LOGIN', 'SCRAM-SHA-256'], 'only PLAIN, LOGIN, SCRAM-SHA-256'],
    [[], 'no login at all'],
  ])('is sent by nothing else, of %j', async (offered, words) => {
    const { ok, text, heard, port } = await login({ offered });
    expect([ok, heard]).toEqual([false, []]);
    expect(text).toContain(`127.0.0.1 port ${port} does not offer it for SMTP (XOAUTH2 or OAUTHBEARER)`);
    expect(text).toContain(words);
  });

  it('is not sent without TLS, unless the operator wants none', async () => {
    const script: Script = ({ verb }) => (verb === 'STARTTLS' ? '502 5.5.1 no' : undefined);
    const { ok, server } = await login({ tls: 'none', script });
    expect([ok, server.commands.filter(line => line.startsWith('AUTH'))]).toEqual([false, []]);
    expect((await login({ tls: 'none', changes: { scheme: 'smtp+notls' } })).text).toContain('(XOAUTH2)');
  });

  it('is got first: where none can be had, the upstream is not connected to', async () => {
    const { ok, last, server } = await login({ first: consentNeeded });
    expect([ok, last, server.connections()]).toEqual([
      false,
      { name: 'login', ok: false, text: 'Somebody must consent again.' },
      0,
    ]);
  });

  it('needs a user name', async () => {
    const { text, heard } = await login({ changes: { user: null } });
    expect([text, heard]).toEqual([expect.stringContaining('has no user name'), []]);
  });
});

describe('a password', () => {
  it('is never sent to an upstream that wants tokens, and it is said what it wants', async () => {
    const server = await remote({ keywords: ['AUTH XOAUTH2'] });
    const { deliver } = relayTo(await upstreamAt(server.port));
    expect((await deliver()).fault).toMatchObject({
      kind: 'credentials',
      text: expect.stringMatching(/only XOAUTH2\. It wants OAuth2 instead of a password.*authorize provider/),
    });
    expect(server.commands.filter(line => line.startsWith('AUTH'))).toEqual([]);
  });
});

describe('a command of AUTH', () => {
  /** How long the token is where the message has so many octets. */
  const tokenFor = (octets: number) => 'e'.repeat(octets - Buffer.from(xoauth2(''), 'base64').length);

  it('has the token in it up to 512 octets with its CRLF', async () => {
    // 372 octets are 496 in base64; 373 are 500.
    const token = tokenFor(372);
    const { ok, heard } = await login({ first: token });
    expect([ok, heard[0]]).toEqual([true, `AUTH XOAUTH2 ${xoauth2(token)}`]);
    expect(`${heard[0]}\r\n`).toHaveLength(511);
  });

  it.each([
    373, 2500,
  ])('stands alone where it would be longer, and the token follows (%i octets)', async octets => {
    const token = tokenFor(octets);
    const { ok, heard } = await login({ first: token, script: answering('334 ') });
    expect([ok, heard]).toEqual([true, ['AUTH XOAUTH2', xoauth2(token)]]);
  });

  it('stands alone also where the server writes no blank behind 334, and where a refusal follows', async () => {
    const token = tokenFor(2500);
    const script = answering('334', GOOGLE_334, GOOGLE_535);
    const { ok, heard, asked } = await login({ first: token, script });
    expect([ok, asked]).toEqual([true, [token]]);
    expect(heard).toEqual(['AUTH XOAUTH2', xoauth2(token), '', `AUTH XOAUTH2 ${xoauth2(NEW)}`]);
  });
});

describe('a token that is refused', () => {
  it('as Google does is replaced once, on the same connection', async () => {
    const { ok, heard, asked, server } = await login({ script: answering(GOOGLE_334, GOOGLE_535) });
    expect(heard).toEqual([`AUTH XOAUTH2 ${xoauth2(OLD)}`, '', `AUTH XOAUTH2 ${xoauth2(NEW)}`]);
    expect([ok, asked, server.connections()]).toEqual([true, [OLD], 1]);
  });

  it('as Microsoft does, without a challenge, is replaced too', async () => {
    const { ok, heard, asked, server } = await login({
      offered: ['LOGIN', 'XOAUTH2'],
      script: answering(MICROSOFT_535),
    });
    expect(heard).toEqual([`AUTH XOAUTH2 ${xoauth2(OLD)}`, `AUTH XOAUTH2 ${xoauth2(NEW)}`]);
    expect([ok, asked, server.connections()]).toEqual([true, [OLD], 1]);
  });

  it('as RFC 7628 says is answered by a single 0x01, and replaced', async () => {
    const script = answering(
      challenge('{"status":"invalid_token","scope":"example_scope"}'),
      '535 5.7.8 Authentication credentials invalid',
    );
    const { ok, heard, asked } = await login({ offered: ['OAUTHBEARER'], script });
    expect([ok, asked, heard[1]]).toEqual([true, [OLD], 'AQ==']);
  });

  it.each([
    'DROP',
    '421 4.7.0 Too many errors',
    '503 5.5.1 AUTH not allowed now',
  ])('is replaced on a new connection where the upstream says %s to a second login', async second => {
    const { ok, heard, asked, server } = await login({ script: answering(MICROSOFT_535, second) });
    expect([ok, asked, server.connections()]).toEqual([true, [OLD], 2]);
    expect(heard).toEqual([`AUTH XOAUTH2 ${xoauth2(NEW)}`]);
  });

  it('by hanging up behind the challenge is replaced as well', async () => {
    const { ok, asked, server } = await login({ script: answering(GOOGLE_334, 'DROP') });
    expect([ok, asked, server.connections()]).toEqual([true, [OLD], 2]);
  });
});

describe('a second refusal is final', () => {
  const words = 'Of the token it says: status 401, scope https://mail.google.com/.';

  it('on the same connection', async () => {
    const script = answering(GOOGLE_334, GOOGLE_535, GOOGLE_334, GOOGLE_535);
    const { ok, text, heard, asked, server } = await login({ script });
    expect([ok, asked, server.connections()]).toEqual([false, [OLD], 1]);
    expect(heard.filter(line => line.startsWith('AUTH'))).toHaveLength(2);
    expect(text).toContain(words);
    expect(text).toContain('postern upstream authorize provider');
    expect(text).toContain('It said: 535 5.7.8 Username and Password not accepted.');
  });

  it('on a new one', async () => {
    const script = answering(MICROSOFT_535, 'DROP', MICROSOFT_535);
    const { text, asked, server } = await login({ script });
    expect([asked, server.connections()]).toEqual([[OLD], 2]);
    expect(text).toContain('Microsoft 365 does not accept this login');
  });

  it('also where the upstream hangs up once more', async () => {
    const { text, asked, server } = await login({ script: answering(MICROSOFT_535, 'DROP', 'DROP') });
    expect([asked, server.connections()]).toEqual([[OLD], 2]);
    expect(text).toContain('broke the connection');
  });

  it('and so is the first, where there is no other token', async () => {
    const { text, heard, asked } = await login({ script: answering(GOOGLE_334, GOOGLE_535), another: OLD });
    expect([asked, heard]).toEqual([[OLD], [`AUTH XOAUTH2 ${xoauth2(OLD)}`, '']]);
    expect(text).toContain(words);
  });

  it('or where a person must consent first', async () => {
    const { text, heard } = await login({ script: answering(MICROSOFT_535), another: consentNeeded });
    expect([text, heard]).toEqual(['Somebody must consent again.', [`AUTH XOAUTH2 ${xoauth2(OLD)}`]]);
  });
});

describe('no other token is asked for', () => {
  it.each([
    ['a temporary fault', ['454 4.7.0 Temporary authentication failure'], /slow down|just now/],
    ['another kind of login that is wanted', ['534 5.7.9 Please log in with your browser'], /access token/],
    [
      'a scope that was not consented to',
      [challenge('{"status":"403","schemes":"bearer","scope":"https://mail.google.com/"}'), '550 5.7.1 no'],
      /status 403.*scope https:\/\/mail\.google\.com\//,
    ],
    ['a limit', ['421 4.7.0 Too many connections'], /slow down/],
  ])('after %s', async (_, replies, words) => {
    const { ok, text, asked } = await login({ script: answering(...replies) });
    expect([ok, asked]).toEqual([false, []]);
    expect(text).toMatch(words);
  });
});

describe('an upstream that repeats the token', () => {
  it.each([
    ['as it was sent', [`500 5.5.1 unknown: AUTH XOAUTH2 ${xoauth2(OLD)}`]],
    ['in part', [`500 5.5.1 unknown: ${xoauth2(OLD).slice(30, 70)}...`]],
    ['in clear', [`535 5.7.8 the token ${OLD} is not good`, `535 5.7.8 ${NEW} neither`]],
    [
      'in its challenge',
      [challenge(`{"status":"403","scope":"${OLD}"}`), `550 5.7.1 ${Buffer.from(OLD).toString('base64')}`],
    ],
  ])('%s shows it to nobody', async (_, replies) => {
    const { ok, text } = await login({ script: answering(...replies) });
    expect([ok, text]).toEqual([false, expect.stringContaining('***')]);
  });
});

describe('a delivery', () => {
  async function relayWith(given: Given) {
    const { first = OLD, another, ...options } = given;
    const server = await remote({ keywords: ['AUTH XOAUTH2'], ...options });
    const { credentials, asked } = tokens(first, another);
    const upstream = await upstreamAt(server.port, { user: USER, oauth: OAUTH });
    return { ...relayTo(upstream, { credentialsOf: () => credentials }), server, asked };
  }

  it('goes through with the second token', async () => {
    const { deliver, server, recorded } = await relayWith({ script: answering(GOOGLE_334, GOOGLE_535) });
    const { outcomes, fault } = await deliver();
    expect([outcomes[0]?.kind, fault, server.bodies.length, recorded]).toEqual(['relayed', null, 1, []]);
  });

  it.each([
    ['credentials', [GOOGLE_334, GOOGLE_535, GOOGLE_334, GOOGLE_535], OLD],
    ['consent', [], consentNeeded],
  ] as const)('waits for the upstream otherwise (%s)', async (kind, replies, first) => {
    const { deliver, server } = await relayWith({ first, script: answering(...replies) });
    const { outcomes, fault } = await deliver();
    expect(fault).toMatchObject({ kind, stage: 'auth' });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expectNoToken(JSON.stringify([fault, outcomes]), [OLD, NEW]);
    expect(server.commands.filter(line => line.startsWith('MAIL'))).toEqual([]);
  });
});
