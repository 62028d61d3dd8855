// Logging in to an upstream with every mechanism, over a real connection; and what is said when it cannot be trusted.
// Whatever happens, no part of the password stands in a fault.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../server/ids.ts';
import type { Upstream } from '../../../server/relay/upstream.ts';
import { testUpstream } from '../../../server/relay/upstream-test.ts';
import { MECHANISM_NAMES } from '../../../server/sasl/mechanisms.ts';
import { PATIENT, relayTo, remote, upstreamAt } from '../bench.ts';
import type { RemoteOptions, Script } from '../remote.ts';

const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const user = 'jürgen@example.com';
const password = 'secret pässword';

const IN_CLEAR: RemoteOptions = { tls: 'none' };

/** Logs in, and returns what was said about it and what the remote heard. */
async function login(
  offered: readonly string[],
  options: RemoteOptions = {},
  given: Readonly<{ password?: string }> = {},
) {
  const account = { user, password, listsPlus: offered.includes('SCRAM-SHA-256-PLUS') };
  const server = await remote({ keywords: [`AUTH ${offered.join(' ')}`], account, ...options });
  const clear: Partial<Upstream> = options.tls === 'none' ? { scheme: 'smtp+notls' } : {};
  const { ok, checks } = await testUpstream({
    upstream: await upstreamAt(server.port, { user, ...clear }),
    credentials: { kind: 'password', password: given.password ?? password },
    hostname: 'postern.example',
    clock,
    random: systemRandom,
    timeouts: PATIENT,
  });
  const text = checks.find(check => check.name === 'login')?.text ?? checks.at(-1)?.text ?? '';
  for (const part of [password, 'pässword', Buffer.from(password).toString('base64').slice(0, -2)])
    expect(text).not.toContain(part);
  return { ok, text, tried: server.commands.filter(line => line.startsWith('AUTH')), server };
}

const mechanismOf = (line: string | undefined) => line?.split(' ')[1];
const initialOf = (line = '') => Buffer.from(line.split(' ')[2] ?? '', 'base64').toString();

describe('an upstream that offers only', () => {
  it.each(MECHANISM_NAMES)('%s is logged in to over TLS', async name => {
    const { ok, text, tried } = await login([name]);
    expect(text).toBe(`The login as ${user} is accepted (${name}).`);
    expect([ok, tried.map(mechanismOf)]).toEqual([true, [name]]);
  });

  it.each(MECHANISM_NAMES)('%s says that the password is wrong', async name => {
    const { ok, text } = await login([name], {}, { password: 'another' });
    expect(ok).toBe(false);
    expect(text).toMatch(/login.*5\.7\.8 wrong/s);
  });

  it.each(['SCRAM-SHA-256', 'CRAM-MD5', 'PLAIN', 'LOGIN'])('%s is logged in to without TLS', async name => {
    expect((await login([name], IN_CLEAR)).text).toContain(`accepted (${name})`);
  });

  it('SCRAM-SHA-256-PLUS without TLS is not: there is nothing to bind to', async () => {
    expect((await login(['SCRAM-SHA-256-PLUS'], IN_CLEAR)).text).toContain('none of the logins');
  });
});

describe('of several mechanisms', () => {
  it('PLAIN comes first over TLS', async () => {
    expect((await login([...MECHANISM_NAMES].reverse())).tried.map(mechanismOf)).toEqual(['PLAIN']);
  });

  it('those that do not show the password come first without TLS', async () => {
    const { tried } = await login(['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256'], IN_CLEAR);
    expect(tried.map(mechanismOf)).toEqual(['SCRAM-SHA-256']);
  });

  it('the next one is tried after 504, and only then', async () => {
    const refusing =
      (reply: string): Script =>
      ({ verb, line }) =>
        verb === 'AUTH' && /^AUTH (PLAIN|LOGIN|SCRAM)/.test(line) ? reply : undefined;
    const all = await login(MECHANISM_NAMES, { script: refusing('504 5.5.4 no') });
    expect(all.tried.map(mechanismOf)).toEqual([
      'PLAIN',
      'LOGIN',
      'SCRAM-SHA-256-PLUS',
      'SCRAM-SHA-256',
      'CRAM-MD5',
    ]);
    expect(all.ok).toBe(true);
    const first = await login(MECHANISM_NAMES, { script: refusing('535 5.7.8 no') });
    expect([first.ok, first.tried.length]).toEqual([false, 1]);
  });

  it('none is left', async () => {
    const script: Script = ({ verb }) => (verb === 'AUTH' ? '504 5.5.4 no' : undefined);
    expect((await login(['PLAIN', 'CRAM-MD5'], { script })).text).toMatch(
      /none of the logins that it offers/,
    );
  });
});

describe('SCRAM is bound', () => {
  it.each([
    ['TLSv1.3', 'p=tls-exporter,,'],
    ['TLSv1.2', 'p=tls-server-end-point,,'],
  ] as const)('on %s by %s', async (maxTlsVersion, header) => {
    const { ok, tried } = await login(['SCRAM-SHA-256-PLUS'], { maxTlsVersion });
    expect(initialOf(tried[0])).toMatch(new RegExp(`^${header}n=${user},r=[\\w-]{24}$`));
    expect(ok).toBe(true);
  });

  it('or says that no offer to bind was seen, which is refused where there was one', async () => {
    const { ok, tried } = await login(['SCRAM-SHA-256']);
    expect(initialOf(tried[0])).toMatch(/^y,,/);
    expect(ok).toBe(true);
    const account = { user, password, listsPlus: true };
    expect((await login(['SCRAM-SHA-256'], { account })).text).toContain('5.7.8');
  });
});

describe('a password that SASLprep changes', () => {
  const [typed, prepared] = ['secret\u00a0pa\u0308ss', 'secret päss'];

  it.each([
    ['prepared, where the upstream prepares too', prepared, 1],
    ['then as it was typed, where it does not', typed, 2],
  ])('is sent by SCRAM %s', async (_, known, tries) => {
    const account = { user, password: known };
    const { ok, tried } = await login(['SCRAM-SHA-256'], { account }, { password: typed });
    expect([ok, tried.length]).toEqual([true, tries]);
  });

  it('is wrong where neither is right, also where the upstream hangs up at the second', async () => {
    const hangsUp: Script = ({ verb, line, count }) =>
      verb === 'AUTH' && line.startsWith('AUTH') && count > 1 ? 'DROP' : undefined;
    for (const options of [{}, { script: hangsUp }]) {
      const { ok, tried, text } = await login(['SCRAM-SHA-256'], options, { password: typed });
      expect([ok, tried.length]).toEqual([false, 2]);
      expect(text).toContain('5.7.8 wrong');
    }
  });

  it.each(['PLAIN', 'LOGIN', 'CRAM-MD5'])('is sent by %s as it was typed, once', async name => {
    const account = { user, password: typed };
    expect((await login([name], { account }, { password: typed })).ok).toBe(true);
    const { ok, tried } = await login([name], {}, { password: typed });
    expect([ok, tried.length]).toEqual([false, 1]);
  });
});

describe('a reply of several lines', () => {
  const answering =
    (reply: string): Script =>
    ({ verb }) =>
      verb === 'AUTH' ? reply : undefined;

  it.each([
    ['an acceptance', '235-2.7.0 welcome\r\n334-dGlt\r\n235 2.7.0 go on', 'is accepted'],
    ['a refusal', '535-5.7.8 no\r\n334-dGlt\r\n535 5.7.8 no', '5.7.8'],
  ])('is %s by its last line, whatever stands in it', async (_, reply, words) => {
    expect((await login(['PLAIN'], { script: answering(reply) })).text).toContain(words);
  });
});

describe('a login is broken off where the upstream', () => {
  const answering =
    (...replies: readonly string[]): Script =>
    ({ verb, count }) =>
      verb === 'AUTH' ? replies[count - 1] : undefined;
  const base64 = (text: string) => Buffer.from(text).toString('base64');

  it('accepts before it has proved itself', async () => {
    const { ok, text } = await login(['SCRAM-SHA-256'], { script: answering('235 2.7.0 welcome') });
    expect(ok).toBe(false);
    expect(text).toContain('did not prove that it knows the password');
  });

  it('proves itself with another password', async () => {
    const script: Script = ({ verb, count }) =>
      verb === 'AUTH' && count === 2 ? `334 ${base64(`v=${base64('x'.repeat(32))}`)}` : undefined;
    const { text } = await login(['SCRAM-SHA-256'], { script });
    expect(text).toContain('did not prove that it knows the password');
  });

  it.each([
    [1000, 'fewer than 4096 iterations'],
    [2_000_000, 'more than 1 000 000 iterations'],
  ])('wants %i iterations', async (iterations, words) => {
    const { text, server } = await login(['SCRAM-SHA-256'], { account: { user, password, iterations } });
    expect(text).toContain(words);
    expect(server.commands.filter(line => /^[\w+/]{60,}=*$/.test(line))).toEqual([]);
  });

  it.each([
    ['SCRAM-SHA-256', '334 !!!'],
    ['SCRAM-SHA-256', '334'],
    ['CRAM-MD5', '334 not base64'],
  ])('answers to %s with "%s"', async (name, reply) => {
    expect((await login([name], { script: answering(reply) })).text).toContain(
      'does not follow the standard',
    );
  });

  it('asks without end', async () => {
    const script: Script = ({ verb }) => (verb === 'AUTH' ? '334 dGlt' : undefined);
    for (const name of ['PLAIN', 'LOGIN', 'CRAM-MD5'])
      expect((await login([name], { script })).text).toContain('does not follow the standard');
  });

  it.each([1, 2, 3])('hangs up at line %i', async count => {
    const script: Script = step => (step.verb === 'AUTH' && step.count === count ? 'DROP' : undefined);
    expect((await login(['SCRAM-SHA-256'], { script })).text).toContain('broke the connection');
  });
});

describe('a login that was broken off', () => {
  it('is a fault of the upstream, and its mail waits', async () => {
    const script: Script = ({ verb }) => (verb === 'AUTH' ? '235 2.7.0 welcome' : undefined);
    const server = await remote({ keywords: ['AUTH SCRAM-SHA-256'], script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { fault, outcomes } = await deliver();
    expect(fault).toMatchObject({ kind: 'credentials', stage: 'auth' });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expect(server.commands.filter(line => line.startsWith('MAIL'))).toEqual([]);
  });
});
