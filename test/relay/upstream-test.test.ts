// `upstream test` and the faults before MAIL, against remote servers with every kind of wrong certificate and answer:
// what is wrong must be said in words, and nothing secret may have been sent.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../server/ids.ts';
import { KEEP_IDENTITY, type Upstream } from '../../server/relay/upstream.ts';
import { testUpstream, type UpstreamTestOptions } from '../../server/relay/upstream-test.ts';
import { goodIdentity, IMPATIENT, PATIENT, relayTo, remote, until, upstreamAt } from './bench.ts';
import { makeIdentity } from './identity.ts';
import type { RemoteOptions } from './remote.ts';

const DAY = 86_400_000;
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

type More = Partial<Pick<UpstreamTestOptions, 'timeouts' | 'sendTo' | 'sender'>>;

async function tested(options: RemoteOptions, changes: Partial<Upstream> = {}, more: More = {}) {
  const server = await remote(options);
  const upstream = await upstreamAt(server.port, changes);
  const result = await testUpstream({
    upstream,
    credentials: upstream.user === null ? { kind: 'none' } : { kind: 'password', password: 'secret' },
    hostname: 'postern.example',
    clock,
    random: systemRandom,
    timeouts: PATIENT,
    ...more,
  });
  const secrets = server.commands.filter(line => /^(AUTH|MAIL)/.test(line));
  return {
    result,
    secrets,
    server,
    last: result.checks.at(-1),
    names: result.checks.map(check => check.name),
  };
}

describe('upstream test', () => {
  it('goes through every step and sends no mail', async () => {
    const { result, names, server } = await tested({});
    expect(result.ok).toBe(true);
    expect(names).toEqual(['name', 'connection', 'tls', 'capabilities', 'login', 'sender']);
    const texts = result.checks.map(check => check.text).join('\n');
    expect(texts).toMatch(/TLSv1\.3.*trusted.*localhost, 127\.0\.0\.1.*valid from/);
    expect(texts).toMatch(/47\.7 MiB.*8BITMIME, SMTPUTF8, PIPELINING, AUTH PLAIN LOGIN/);
    expect(texts).toMatch(/login as postern@example\.com is accepted \(PLAIN\)/);
    await until(() => server.commands.at(-1) === 'QUIT');
    expect(texts).toContain('takes <postern@example.com> as sender. Some providers');
    expect(server.commands.filter(line => /^(RCPT|DATA)/.test(line))).toEqual([]);
    expect(server.bodies).toEqual([]);
  });

  it('says whether a sender is permitted', async () => {
    const script: RemoteOptions['script'] = ({ line }) =>
      line.startsWith('MAIL FROM:<root@') ? '550 5.7.0 From address is not one of your addresses' : undefined;
    const { result, last, names } = await tested({ script }, {}, { sender: 'root@example.com' });
    expect(result.ok).toBe(false);
    expect(names.slice(-2)).toEqual(['login', 'sender']);
    expect(last?.text).toMatch(/iCloud lets.*It said: 550 5\.7\.0/);
    expect((await tested({ script }, {}, { sender: 'scans@example.com' })).result.ok).toBe(true);
  });

  it('sends a message to oneself by the way of a delivery', async () => {
    const identity = { ...KEEP_IDENTITY, rewrite: 'always', sender: 'office@example.com' } as const;
    const { result, last, server } = await tested(
      {},
      { identity },
      { sendTo: 'me@example.net', sender: 'root@example.com' },
    );
    expect(result.ok).toBe(true);
    expect(last).toMatchObject({
      name: 'mail',
      text: expect.stringContaining('me@example.net was handed over'),
    });
    expect(server.commands.findLast(line => line.startsWith('MAIL'))).toMatch(
      /^MAIL FROM:<office@example\.com>/,
    );
    const [body = Buffer.from('')] = server.bodies;
    expect(body.toString()).toMatch(/^From: Postern <office@example\.com>\r$/m);
    expect(body.toString()).toMatch(/^To: <me@example\.net>\r$/m);
  });

  it('says why the message to oneself is refused', async () => {
    const script: RemoteOptions['script'] = ({ verb }) =>
      verb === 'BODY' ? '554 5.2.252 SendAsDenied; a not allowed to send as b' : undefined;
    const { result, last } = await tested({ script }, {}, { sendTo: 'me@example.net' });
    expect(result.ok).toBe(false);
    expect(last).toMatchObject({
      name: 'mail',
      ok: false,
      text: expect.stringMatching(/"Send As".*It said: 554/),
    });
  });

  it('sends nothing where nobody says as whom', async () => {
    const { last, server } = await tested({}, { user: 'apikey' }, { sendTo: 'me@example.net' });
    expect(last).toMatchObject({
      name: 'mail',
      ok: false,
      text: expect.stringContaining('--sender ADDRESS'),
    });
    expect(server.bodies).toEqual([]);
  });

  it('works over TLS from the start, and names a host', async () => {
    const { result } = await tested({ tls: 'implicit' }, { scheme: 'smtps', host: 'localhost' });
    expect(result.ok).toBe(true);
    expect(result.checks[0]?.text).toContain('127.0.0.1');
  });

  it('says that nothing is protected without TLS', async () => {
    const { result } = await tested({ tls: 'none' }, { scheme: 'smtp+notls', user: null });
    expect(result.ok).toBe(true);
    expect(result.checks.find(check => check.name === 'tls')?.text).toContain('can be read');
  });

  it('shows what the provider says about a wrong password', async () => {
    const { result, last, names } = await tested({
      script: ({ verb }) => (verb === 'AUTH' ? '535 5.7.139 basic authentication is disabled' : undefined),
    });
    expect(result.ok).toBe(false);
    expect(names).toEqual(['name', 'connection', 'tls', 'capabilities', 'login']);
    expect(last).toMatchObject({ ok: false, text: expect.stringMatching(/app password.*5\.7\.139/) });
  });

  it('says that a name does not exist', async () => {
    const { result, names } = await tested({}, { host: 'no-such-host.invalid' });
    expect(result.ok).toBe(false);
    expect(names).toEqual(['name']);
    expect(result.checks[0]?.text).toContain('no-such-host.invalid');
  });

  it('says that nothing listens there', async () => {
    const server = await remote();
    await server.close();
    const upstream = await upstreamAt(server.port);
    const { checks } = await testUpstream({
      upstream,
      credentials: { kind: 'password', password: 'x' },
      hostname: 'h',
      clock,
      random: systemRandom,
      timeouts: PATIENT,
    });
    expect(checks.at(-1)).toMatchObject({
      name: 'connection',
      ok: false,
      text: expect.stringContaining('Nothing listens'),
    });
  });

  it('says that no login is offered, or none that we know', async () => {
    expect((await tested({ keywords: [] })).last?.text).toContain('offers no login');
    expect((await tested({ keywords: ['AUTH XOAUTH2 NTLM'] })).last?.text).toContain('only XOAUTH2, NTLM');
  });

  it('tries LOGIN where PLAIN is offered and not taken after all', async () => {
    const { result, secrets } = await tested({
      script: ({ verb, line }) =>
        verb === 'AUTH' && line.startsWith('AUTH PLAIN') ? '504 5.5.4 no' : undefined,
    });
    expect(result.ok).toBe(true);
    expect(secrets.filter(line => line.startsWith('AUTH')).at(-1)).toBe('AUTH LOGIN');
  });
});

describe('a certificate that cannot be trusted', () => {
  const schemes = [
    ['smtp+starttls', 'starttls'],
    ['smtps', 'implicit'],
  ] as const;

  it.each(schemes)('of an unknown authority (%s)', async (scheme, tls) => {
    const { last, secrets } = await tested({ tls }, { scheme, caPem: null });
    expect(last).toMatchObject({
      name: 'tls',
      ok: false,
      text: expect.stringMatching(/does not know.*--ca FILE.*issued by/),
    });
    expect(secrets).toEqual([]);
  });

  it.each(schemes)('for another name (%s)', async (scheme, tls) => {
    const identity = await makeIdentity({ names: [{ kind: 'dns', value: 'mail.other.example' }] });
    const { last, secrets } = await tested({ tls, identity }, { scheme });
    expect(last?.text).toContain('is for mail.other.example, not for 127.0.0.1');
    expect(secrets).toEqual([]);
  });

  it.each(schemes)('that has expired (%s)', async (scheme, tls) => {
    const identity = await makeIdentity({ notAfter: Date.now() - DAY });
    const { last, secrets } = await tested({ tls, identity }, { scheme });
    expect(last?.text).toMatch(/has expired.*valid from .* to /);
    expect(secrets).toEqual([]);
  });

  it('is trusted when it is the one that the operator gave', async () => {
    const { certificate } = await goodIdentity();
    expect((await tested({}, { caPem: certificate })).result.ok).toBe(true);
  });

  it('is a fault of the upstream for a delivery, and its mail waits', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port, { caPem: null }));
    const { fault, outcomes } = await deliver();
    expect(fault).toMatchObject({ kind: 'tls' });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expect(server.commands.filter(line => /^(AUTH|MAIL)/.test(line))).toEqual([]);
  });
});

describe('a wrong kind of TLS', () => {
  it('is named when STARTTLS is not offered, and no password is sent in clear', async () => {
    const { last, secrets } = await tested({
      tls: 'none',
      script: ({ verb }) => (verb === 'STARTTLS' ? '502 5.5.1 no' : undefined),
    });
    expect(last).toMatchObject({
      name: 'tls',
      ok: false,
      text: expect.stringMatching(/does not offer STARTTLS.*smtps/),
    });
    expect(secrets).toEqual([]);
  });

  it('is named when the port speaks no TLS from the start', async () => {
    const { last } = await tested({}, { scheme: 'smtps' });
    expect(last?.text).toContain('Use smtp+starttls://');
  });

  it('is named when the port wants TLS from the start', async () => {
    const server = await remote({
      tls: 'implicit',
      script: ({ verb }) => (verb === 'CONNECT' ? 'SILENCE' : undefined),
    });
    const upstream = await upstreamAt(server.port);
    const { checks } = await testUpstream({
      upstream,
      credentials: { kind: 'password', password: 'x' },
      hostname: 'h',
      clock,
      random: systemRandom,
      timeouts: IMPATIENT,
    });
    expect(checks.at(-1)?.text).toContain('use smtps://');
  });
});

describe('a refusal before MAIL', () => {
  it.each([
    ['CONNECT', '554 5.7.1 no', 'unreachable'],
    ['CONNECT', '421 4.7.0 Try again later', 'throttled'],
    ['CONNECT', '421 Too many concurrent SMTP connections', 'throttled'],
    ['EHLO', '550 5.7.1 bad name', 'unreachable'],
    [
      'EHLO',
      '421-4.7.0 Try again later, closing connection. (EHLO)\n421 4.7.0 https://support.google.com',
      'unreachable',
    ],
    ['STARTTLS', '502 no', 'tls'],
    ['STARTTLS', '454 4.7.0 TLS not available', 'tls'],
    ['AUTH', '535 5.7.8 Error: authentication failed', 'credentials'],
    ['AUTH', '534-5.7.9 Application-specific password required\n534 5.7.9 see there', 'credentials'],
    ['AUTH', '538 5.7.11 encryption required', 'credentials'],
    ['AUTH', '530 5.7.0 must issue STARTTLS first', 'credentials'],
    ['AUTH', '454 4.7.0 Temporary authentication failure', 'throttled'],
    ['AUTH', '454 Temporary authentication failure', 'credentials'],
    ['AUTH', '454 4.7.0 Too many login attempts, please try again later.', 'throttled'],
    ['AUTH', '421 4.7.0 go away', 'throttled'],
    ['AUTH', '432 4.3.2 Concurrent connections limit exceeded', 'throttled'],
    ['AUTH', '550 5.4.5 Daily sending limit', 'quota'],
    ['AUTH', '550 5.7.1 anything', 'credentials'],
  ] as const)('at %s with %s is never the message’s fault: %s', async (verb, reply, kind) => {
    const server = await remote({ script: step => (step.verb === verb ? reply : undefined) });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { fault, outcomes } = await deliver();
    expect(fault).toMatchObject({ kind });
    expect(fault?.reply).toContain(reply.slice(0, 3));
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
  });
});
