// Deliveries through the whole relay to stand-ins for sending APIs, over real TLS: what they get, and what each answer, silence
// and broken connection must come to.

import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Content, DeliveryRequest, Phase } from '../../../server/queue/delivery.ts';
import { graph } from '../../../server/relay/apis/graph.ts';
import type { Credentials } from '../../../server/relay/credentials.ts';
import { createApiDriver } from '../../../server/relay/drivers/api-driver.ts';
import { createSocketOpener } from '../../../server/relay/drivers/open-socket.ts';
import type { Parcel } from '../../../server/relay/drivers/session.ts';
import { createTrust } from '../../../server/relay/drivers/trust.ts';
import type { TokenResult } from '../../../server/relay/oauth/token.ts';
import { KEEP_IDENTITY } from '../../../server/relay/upstream.ts';
import { API_NAMES } from '../../../server/relay/upstream-scheme.ts';
import { NO_RECIPIENT_DSN } from '../../../server/smtp/dsn-parameters.ts';
import { freePort } from '../../support/ports.ts';
import { apiBench, apiUpstream, MAILBOX } from '../api-bench.ts';
import { afterTest, CONTENT, IMPATIENT, PATIENT, relayTo, until } from '../bench.ts';
import { makeIdentity } from '../identity.ts';

const inMemory = (text: string): Partial<DeliveryRequest> => {
  const octets = Buffer.from(text, 'latin1');
  return { content: { kind: 'octets', octets }, size: octets.length };
};

/** Made while it is read. */
function largeFile(megabytes: number, read = { octets: 0 }): Partial<DeliveryRequest> {
  const begin = Buffer.from('To: a@example.net\r\nContent-Type: application/octet-stream\r\n\r\n');
  const piece = Buffer.alloc(64 * 1024, 'line of text\r\n');
  const pieces = Array.from({ length: megabytes * 16 }, () => piece);
  const hash = createHash('sha256').update(begin);
  for (const one of pieces) hash.update(one);
  const size = begin.length + pieces.length * piece.length;
  const counted = function* () {
    for (const one of [begin, ...pieces]) {
      read.octets += one.length;
      yield one;
    }
  };
  const content: Content = {
    kind: 'file',
    size,
    hash: hash.digest('hex'),
    open: () => Readable.from(counted()),
  };
  return { content, size };
}

const MAIL =
  'From: Scanner <scanner@example.com>\r\nTo: A <a@example.net>\r\nSubject: x\r\n\r\n.body\r\n\xff\r\n';

const PARCEL: Parcel = {
  messageId: 'M1',
  ...{
    reversePath: '',
    recipients: [{ path: 'a@example.net', dsn: NO_RECIPIENT_DSN }],
    dsn: null,
    plan: null,
  },
  ...{ size: CONTENT.length, eightBit: false, smtputf8: false, requireTls: false },
  content: { kind: 'octets', octets: CONTENT },
  onPhase: () => undefined,
};

describe('a delivery', () => {
  it('to Graph is the message in base64, with Bcc for whom it does not name', async () => {
    const { deliver, standIn } = await apiBench('graph');
    const phases: Phase[] = [];
    const forwardPaths = ['a@example.net', 'b@example.net'];
    const { outcomes, fault } = await deliver({
      ...inMemory(MAIL),
      forwardPaths,
      bodyType: '8bitmime',
      onPhase: phase => phases.push(phase),
    });
    const reply = `HTTP 202 Accepted: handed over; late bounces come to the mailbox ${MAILBOX} (request example)`;
    expect(outcomes).toEqual([
      { kind: 'relayed', reply },
      { kind: 'relayed', reply },
    ]);
    expect(fault).toBeNull();
    expect(phases).toEqual(['dialling', 'envelope', 'body', 'awaiting-reply']);
    const [taken] = standIn.taken;
    expect(taken?.recipients).toEqual(forwardPaths);
    expect(taken?.message.toString('latin1')).toBe(MAIL.replace('Subject', 'Bcc: b@example.net\r\nSubject'));
    expect(standIn.requests[0]).toMatchObject({
      target: '/v1.0/me/sendMail',
      headers: { host: `localhost:${standIn.port}`, 'content-type': 'text/plain', connection: 'keep-alive' },
    });
  });

  it('goes under the base path that the operator set, for the mailbox where an application sends', async () => {
    const { deliver, standIn, upstream } = await apiBench('graph');
    const oauth = upstream.oauth && { ...upstream.oauth, flow: 'client-credentials' as const };
    const other = relayTo(
      { ...upstream, path: '/stand-in/v1.0', oauth },
      { credentialsOf: tokenOf('token-1') },
    );
    await other.deliver(inMemory(MAIL));
    await deliver(inMemory(MAIL));
    expect(standIn.requests.map(({ target }) => target)).toEqual([
      '/stand-in/v1.0/users/scans%40example.com/sendMail',
      '/v1.0/me/sendMail',
    ]);
  });

  it.each(API_NAMES)('to %s is what was stored, for exactly its recipients', async name => {
    const { deliver, standIn } = await apiBench(name);
    const text = 'To: A <a@example.net>, b@example.net\r\nSubject: "x" \\ y\r\n\r\nHello.\r\n';
    for (const request of [inMemory(text), onDisk(text)]) {
      const forwardPaths = ['a@example.net', 'b@example.net'];
      const { outcomes } = await deliver({ ...request, forwardPaths });
      expect(outcomes.map(({ kind }) => kind)).toEqual(['relayed', 'relayed']);
      expect(standIn.taken.at(-1)?.message.toString('latin1')).toBe(text);
      expect(standIn.taken.at(-1)?.recipients).toEqual(forwardPaths);
    }
    expect(standIn.taken).toHaveLength(2);
    expect(standIn.connections()).toBe(1);
  });

  it('of international mail has a header in ASCII, and no recipients that cannot be said in it', async () => {
    const { deliver, standIn } = await apiBench('gmail');
    const text = Buffer.from('To: Jürgen <a@bücher.example>, jürgen@example.net\r\n\r\nx\r\n').toString(
      'latin1',
    );
    const forwardPaths = ['a@bücher.example', 'jürgen@example.net'];
    const { outcomes } = await deliver({
      ...inMemory(text),
      forwardPaths,
      smtputf8: true,
      bodyType: '8bitmime',
    });
    expect(outcomes).toMatchObject([
      { kind: 'relayed' },
      { kind: 'failed', reason: 'not-supported-upstream' },
    ]);
    expect(standIn.taken[0]?.recipients).toHaveLength(1);
    expect(standIn.taken[0]?.message.toString('latin1')).toMatch(/^To: .*<a@xn--bcher-kva\.example>\r\n/);
    expect(standIn.taken[0]?.message.toString('latin1')).not.toMatch(/[^\0-\x7f]/);
  });

  it.each([
    ['in memory', inMemory],
    ['in a file', onDisk],
  ])('names whom it really goes to, and the sender whom the upstream permits, %s', async (_where, stored) => {
    const { standIn, deliver } = await apiBench('graph', {
      upstream: { identity: { ...KEEP_IDENTITY, rewrite: 'always', sender: MAILBOX } },
      deps: {
        recipients: {
          list: () => [],
          onChange: () => undefined,
          mappedRecipient: path => (path === 'root@localhost' ? 'me@example.com' : null),
        },
      },
    });
    const text = 'Received: x\r\nFrom: Printer <printer@d>\r\nTo: root@localhost\r\n\r\nbody\r\n';
    const { outcomes } = await deliver({ ...stored(text), forwardPaths: ['root@localhost'] });
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(standIn.taken[0]?.message.toString()).toBe(
      [
        ...['X-Original-To: root@localhost', 'Received: x', `From: Printer <${MAILBOX}>`],
        ...['Reply-To: Printer <printer@d>', 'X-Original-From: Printer <printer@d>'],
        ...['X-Original-To: root@localhost', 'Bcc: me@example.com', '', 'body', ''],
      ].join('\r\n'),
    );
  });

  it('is for another upstream where its header has no end', async () => {
    const { deliver, standIn } = await apiBench('graph');
    const { outcomes } = await deliver(inMemory(`X: ${'x\r\n '.repeat(300_000)}`));
    expect(outcomes).toMatchObject([{ kind: 'failed', reason: 'not-supported-upstream', status: '5.6.0' }]);
    expect(standIn.requests).toHaveLength(0);
  });

  it('uses one connection for many messages, and another one when it was closed meanwhile', async () => {
    const { deliver, standIn } = await apiBench('gmail');
    for (let i = 0; i < 3; i++) await deliver({ messageId: `M${i}` });
    expect(standIn.connections()).toBe(1);
    standIn.next({ kind: 'answer', status: 200, body: { id: '1' }, headers: { connection: 'close' } });
    for (let i = 3; i < 6; i++)
      expect((await deliver({ messageId: `M${i}` })).outcomes[0]?.kind).toBe('relayed');
    expect(standIn.connections()).toBe(2);
  });
});

function tokenOf(token: string): () => Credentials {
  const given = async () => ({ kind: 'token', token }) as const;
  return () => ({ kind: 'token', current: given, another: given });
}

function onDisk(text: string): Partial<DeliveryRequest> {
  const octets = Buffer.from(text, 'latin1');
  const hash = createHash('sha256').update(octets).digest('hex');
  const open = () => Readable.from([octets.subarray(0, 5), octets.subarray(5)]);
  return { content: { kind: 'file', size: octets.length, hash, open }, size: octets.length };
}

describe('a token that is refused', () => {
  it('is replaced once, over the same connection', async () => {
    const { deliver, standIn, renewals } = await apiBench('graph', { tokens: ['old', 'token-1'] });
    expect((await deliver()).outcomes[0]?.kind).toBe('relayed');
    expect((await deliver({ messageId: 'M2' })).outcomes[0]?.kind).toBe('relayed');
    expect(renewals()).toBe(1);
    expect(standIn.requests).toHaveLength(3);
    expect(standIn.connections()).toBe(1);
  });

  it('because it lacks a permission is replaced too: the next one has what was given meanwhile', async () => {
    const { deliver, standIn, renewals } = await apiBench('graph', { tokens: ['token-1', 'token-1b'] });
    standIn.next({
      kind: 'answer',
      status: 403,
      body: { error: { code: 'ErrorAccessDenied', message: '' } },
    });
    await deliver();
    expect(renewals()).toBe(1);
    expect(standIn.requests).toHaveLength(2);
  });

  it('before a large message was read: over another connection', async () => {
    const { deliver, standIn } = await apiBench('gmail', { tokens: ['old', 'token-1'] });
    standIn.next({ kind: 'early-answer', status: 401, body: { error: { code: 401 } } });
    expect((await deliver(largeFile(8))).outcomes[0]?.kind).toBe('relayed');
    expect(standIn.connections()).toBe(2);
    expect(standIn.taken).toHaveLength(1);
  });

  it.each([
    ['and the other one as well', ['old', 'older'], 2],
    ['and there is no other', ['old'], 1],
  ])('%s: the upstream waits for a person, and mail waits at no cost', async (_what, tokens, requests) => {
    const bench = await apiBench('graph', { tokens });
    const { outcomes, fault } = await bench.deliver();
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'upstream', stage: 'auth' }]);
    expect(fault).toMatchObject({
      kind: 'credentials',
      text: expect.stringContaining('upstream authorize provider'),
    });
    expect(bench.standIn.requests).toHaveLength(requests);
    expect(bench.recorded.at(-1)).toMatchObject({ kind: 'credentials' });
    expect(JSON.stringify([bench.logged, bench.alerts, outcomes])).not.toMatch(/\bold/);
  });

  it('where none can be had, nothing is even connected to', async () => {
    const fault = { kind: 'consent', stage: 'auth', reply: null, text: 'Nobody has authorised us.' } as const;
    const none = async () => ({ kind: 'fault', fault }) as const;
    const credentialsOf = () => ({ kind: 'token', current: none, another: none }) as const;
    const { deliver, standIn } = await apiBench('graph', { deps: { credentialsOf } });
    expect((await deliver()).fault).toEqual(fault);
    expect(standIn.connections()).toBe(0);
  });

  it.each([
    ['graph', { kind: 'password', password: 'x' }, /takes only OAuth2/],
    ['graph', { kind: 'none' }, /takes only OAuth2/],
    ['ses', { kind: 'none' }, /has no key/],
    ['ses', { kind: 'unreadable' }, /cannot be read with this sealing key/],
    ['sparkpost', { kind: 'password', password: 'a\r\nb' }, /characters that no key has/],
    ['sparkpost', tokenOf('x')(), /takes a key/],
  ] as const)('%s: a key of the wrong kind is said so (%j)', async (name, credentials, text) => {
    const { deliver, standIn } = await apiBench(name, { deps: { credentialsOf: () => credentials } });
    expect((await deliver()).fault).toMatchObject({ kind: 'credentials', text: expect.stringMatching(text) });
    expect(standIn.connections()).toBe(0);
  });
});

describe('what the API answers', () => {
  it('429 with Retry-After paces the upstream for so long', async () => {
    const bench = await apiBench('graph');
    const error = {
      code: 'ApplicationThrottled',
      message: 'Application is over its MailboxConcurrency limit.',
    };
    bench.standIn.next({ kind: 'answer', status: 429, body: { error }, headers: { 'retry-after': '17' } });
    const { outcomes } = await bench.deliver();
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'upstream' }]);
    expect(bench.relay.capacity()[0]).toMatchObject({ free: 0, open: true });
    bench.clock.turn(16_900);
    expect(bench.relay.capacity()[0]).toMatchObject({ free: 0 });
    bench.clock.turn(100);
    expect(bench.relay.capacity()[0]).toMatchObject({ free: 1 });
    expect(bench.recorded).toEqual([]);
  });

  it('503 with Retry-After is asked again after so long', async () => {
    const bench = await apiBench('graph');
    bench.standIn.next({ kind: 'answer', status: 503, body: '', headers: { 'retry-after': '900' } });
    expect((await bench.deliver()).fault).toMatchObject({ kind: 'unreachable', wait: 900_000 });
    expect(bench.recorded.at(-1)?.nextProbeAt).toBe(bench.clock.now() + 900_000);
  });

  it('a recipient that is not valid: each is tried alone', async () => {
    const bench = await apiBench('graph');
    const error = { code: 'ErrorInvalidRecipients', message: 'At least one recipient is not valid.' };
    bench.standIn.next({ kind: 'answer', status: 400, body: { error } });
    const { outcomes } = await bench.deliver({ forwardPaths: ['a@example.net', 'b@example.net'] });
    expect(outcomes).toMatchObject([{ reason: 'upstream' }, { reason: 'upstream' }]);
    expect(bench.relay.capacity()[0]).toMatchObject({ recipients: 1 });
    bench.standIn.next({ kind: 'answer', status: 400, body: { error } });
    const alone = await bench.deliver({ forwardPaths: ['b@example.net'] });
    expect(alone.outcomes).toMatchObject([{ kind: 'failed', reason: 'recipient-refused' }]);
  });

  it('early, before the message has ended: a refusal counts, a success does not', async () => {
    const { deliver, standIn } = await apiBench('gmail');
    const tooLarge = { error: { code: 413, errors: [{ reason: 'uploadTooLarge' }] } };
    standIn.next({ kind: 'early-answer', status: 413, body: tooLarge });
    expect((await deliver(largeFile(8))).outcomes).toMatchObject([{ reason: 'not-supported-upstream' }]);
    standIn.next({ kind: 'early-answer', status: 200, body: { id: '1' } });
    const early = await deliver({ ...largeFile(8), messageId: 'M2' });
    expect(early.outcomes).toMatchObject([{ kind: 'deferred', reason: 'connection-lost' }]);
  });

  it('a redirect is not followed, and a web page is no answer', async () => {
    const elsewhere = await apiBench('graph');
    const { deliver, standIn } = await apiBench('graph');
    const location = `https://localhost:${elsewhere.standIn.port}/v1.0/me/sendMail`;
    standIn.next({ kind: 'answer', status: 307, headers: { location } });
    expect((await deliver()).fault).toMatchObject({ text: expect.stringContaining('sends us on to') });
    expect(elsewhere.standIn.connections()).toBe(0);
    const page = await apiBench('graph');
    page.standIn.next({ kind: 'answer', status: 200, body: '<html><title>Sign in</title></html>' });
    expect((await page.deliver()).fault).toMatchObject({ text: expect.stringContaining('A web page came') });
  });

  it.each(API_NAMES)('our own secret, repeated by %s, goes into no record', async name => {
    const secret = 'a-Secret-of-Ours-0123456789';
    const credentialsOf =
      name === 'graph' || name === 'gmail'
        ? tokenOf(secret)
        : () => ({ kind: 'password', password: secret }) as const;
    const bench = await apiBench(name, { deps: { credentialsOf } });
    const pair = Buffer.from(`api:${secret}`).toString('base64');
    const said = `no such key: ${secret}, ${secret.slice(0, 20)}${name === 'mailgun' ? `, ${pair}` : ''}`;
    const data = { error_code: said, error: said };
    const body = { error: { code: said, message: said }, message: said, errors: [{ message: said }], data };
    bench.standIn.always({
      kind: 'answer',
      status: 403,
      body,
      headers: { 'request-id': said, location: said },
    });
    const { outcomes, fault } = await bench.deliver();
    const records = JSON.stringify([outcomes, fault, bench.logged, bench.alerts, bench.recorded]);
    expect(records).toContain('no such key');
    expect(records).not.toMatch(/a-Secret-of-O|0123456789/);
    expect(records).not.toContain(pair.slice(0, 20));
  });

  it('more than can be read: the beginning counts, and the connection does not', async () => {
    const { deliver, standIn } = await apiBench('graph');
    const error = { code: 'ErrorSendAsDenied', message: 'x'.repeat(1_000_000) };
    standIn.next({ kind: 'answer', status: 403, body: { error } }, { kind: 'as-usual' });
    const { fault } = await deliver();
    expect(fault?.reply).toMatch(/^HTTP 403 \{"error":\{"code":"ErrorSendAsDenied"/);
    expect(standIn.requests).toHaveLength(1);
  });
});

describe('a broken connection', () => {
  it.each([
    ['silence', { kind: 'hang' }],
    ['an end', { kind: 'cut', when: 'end' }],
  ] as const)('after the whole request (%s) leaves it open whether the message was taken', async (_what, deed) => {
    const { deliver, standIn } = await apiBench('graph', {
      deps: { timeouts: { ...IMPATIENT, finalReply: 400 } },
    });
    standIn.next({ ...deed, taken: true });
    for (const request of [inMemory(MAIL), { ...largeFile(1), messageId: 'M2' }]) {
      const { outcomes, fault } = await deliver(request);
      expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'ambiguous' }]);
      expect(fault).toBeNull();
      standIn.next({ ...deed, taken: true });
    }
    expect(standIn.taken).toHaveLength(2);
  });

  it.each(['header', 'body'] as const)('after the %s: the message cannot have been taken', async when => {
    const { deliver, standIn } = await apiBench('gmail');
    standIn.next({ kind: 'cut', when });
    expect((await deliver(largeFile(16))).outcomes).toMatchObject([
      { kind: 'deferred', reason: 'connection-lost' },
    ]);
    expect(standIn.taken).toHaveLength(0);
  });

  it.each([true, false])('of an API that knows repetitions (%s) need not be in doubt', async idempotent => {
    const { standIn, upstream, credentials } = await apiBench('graph');
    const shared = { timeouts: PATIENT, opener: createSocketOpener(), trust: createTrust(), now: Date.now };
    const { signal } = new AbortController();
    const dialled = await createApiDriver(shared).dial(
      { ...graph, idempotent },
      upstream,
      credentials,
      signal,
    );
    if (dialled.kind !== 'open') throw new Error(dialled.fault.text);
    standIn.next({ kind: 'cut', when: 'end' });
    expect(await dialled.session.send(PARCEL)).toMatchObject({ kind: 'lost', bodyConsumed: !idempotent });
    expect(dialled.session.usable()).toBe(false);
  });

  it('a message of ours that is not what was stored never comes to its end', async () => {
    const { deliver, standIn } = await apiBench('gmail');
    const { content, size } = largeFile(1);
    const damaged = content?.kind === 'file' ? { ...content, hash: '0'.repeat(64) } : undefined;
    const { outcomes } = await deliver({ ...(damaged && { content: damaged }), ...(size && { size }) });
    expect(outcomes).toMatchObject([{ kind: 'deferred', stage: 'content' }]);
    await until(() => standIn.requests.length === 1);
    expect(standIn.requests[0]).toMatchObject({ whole: false });
    expect((await deliver({ messageId: 'M2' })).outcomes[0]?.kind).toBe('relayed');
  });

  it.each([
    ['before it is sent', 1],
    ['while it is sent', 2],
  ])('a mistake of ours, %s, ends with its message', async (_when, wrongAt) => {
    const { deliver, standIn } = await apiBench('graph');
    let opened = 0;
    const open = () => {
      if (++opened === wrongAt) throw new Error('a mistake');
      return Readable.from([CONTENT]);
    };
    const hash = createHash('sha256').update(CONTENT).digest('hex');
    const content = { kind: 'file', size: CONTENT.length, hash, open } as const;
    expect((await deliver({ content })).outcomes).toMatchObject([
      { kind: 'deferred', stage: 'content', text: expect.stringContaining('made a mistake') },
    ]);
    expect((await deliver({ messageId: 'M2' })).outcomes[0]?.kind).toBe('relayed');
    await expect.poll(standIn.open, { timeout: 2000 }).toBe(1);
  });

  it('when Postern stops ends what is under way', async () => {
    const bench = await apiBench('graph');
    bench.standIn.always({ kind: 'hang' });
    const delivery = bench.deliver();
    await until(() => bench.standIn.connections() === 1);
    await bench.relay.stop(0);
    expect((await delivery).outcomes).toMatchObject([{ kind: 'deferred' }]);
  });

  it.each([
    'graph+https',
    'smtps',
  ] as const)('when Postern stops, also where %s waits for a token', async scheme => {
    const never = () => new Promise<TokenResult>(() => undefined);
    const credentialsOf = () => ({ kind: 'token', current: never, another: never }) as const;
    const { relay, deliver, recorded } = relayTo(await apiUpstream('graph', 1, { scheme }), {
      credentialsOf,
    });
    const delivery = deliver();
    await relay.stop(0);
    expect((await delivery).outcomes).toMatchObject([{ kind: 'deferred', reason: 'upstream' }]);
    expect(recorded).toEqual([]);
  });
});

describe('no connection', () => {
  it.each([
    ['nobody listens', {}, 'unreachable', /Nothing listens on localhost/],
    ['the name does not exist', { host: 'no-such-host.invalid' }, 'unreachable', /no-such-host\.invalid/],
  ] as const)('because %s', async (_what, changes, kind, text) => {
    const { deliver } = relayTo(await apiUpstream('graph', await freePort(), changes), {
      credentialsOf: tokenOf('token-1'),
    });
    expect((await deliver()).fault).toMatchObject({ kind, text: expect.stringMatching(text) });
  });

  it('because the certificate is of an unknown authority', async () => {
    const { deliver, standIn } = await apiBench('graph', { upstream: { caPem: null } });
    const text = expect.stringContaining('an authority that this machine does not know');
    expect((await deliver()).fault).toMatchObject({ kind: 'tls', text });
    expect(standIn.requests).toHaveLength(0);
  });

  it.each(['localhost', '127.0.0.1'])('because the certificate is not for %s', async host => {
    const identity = await makeIdentity({ names: [{ kind: 'dns', value: 'other.example' }] });
    const { deliver, standIn } = await apiBench('graph', { identity, upstream: { host } });
    const text = expect.stringContaining(`certificate is for other.example, not for ${host}`);
    expect((await deliver()).fault).toMatchObject({ kind: 'tls', text });
    expect(standIn.requests).toHaveLength(0);
  });
});

describe('a server that is no sending API', () => {
  it.each([
    ['speaks without TLS', '220 mail.example.com ESMTP\r\n', '+https', 'tls'],
    ['closes at once', null, '+https', 'tls'],
  ] as const)('because it %s', async (_what, greeting, scheme, kind) => {
    const port = await rawServer(
      socket => void (greeting === null ? socket.destroy() : socket.write(greeting)),
    );
    const upstream = await apiUpstream('graph', port, { scheme: `graph${scheme}` });
    const { deliver } = relayTo(upstream, { credentialsOf: tokenOf('token-1') });
    expect((await deliver()).fault).toMatchObject({ kind });
  });

  it('because it answers something else than HTTP', async () => {
    const port = await rawServer(socket => socket.once('data', () => socket.write('220 what?\r\n')));
    const upstream = await apiUpstream('graph', port, { scheme: 'graph+http', caPem: null });
    const { deliver } = relayTo(upstream, { credentialsOf: tokenOf('token-1') });
    const { outcomes } = await deliver();
    expect(outcomes).toMatchObject([
      { reason: 'ambiguous', text: expect.stringContaining('does not answer like a web server') },
    ]);
  });

  it('never has its unasked words taken for an answer', async () => {
    let spoken = false;
    const port = await rawServer(socket =>
      socket.on('data', () => {
        socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n');
        if (spoken) return;
        // As nginx and others do before they close an idle connection.
        setTimeout(() => {
          spoken = socket.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n');
        }, 30);
      }),
    );
    const upstream = await apiUpstream('graph', port, { scheme: 'graph+http', caPem: null });
    const { deliver } = relayTo(upstream, { credentialsOf: tokenOf('token-1') });
    expect((await deliver()).outcomes[0]?.kind).toBe('relayed');
    await until(() => spoken);
    expect((await deliver({ messageId: 'M2' })).outcomes[0]?.kind).toBe('relayed');
  });
});

async function rawServer(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  afterTest(
    () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  );
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a large message', () => {
  it('is read only as fast as the API takes it', async () => {
    const read = { octets: 0 };
    const held: Socket[] = [];
    const port = await rawServer(socket => {
      socket.pause();
      held.push(socket);
    });
    const upstream = await apiUpstream('gmail', port, { scheme: 'gmail+http', caPem: null });
    const { deliver } = relayTo(upstream, { credentialsOf: tokenOf('token-1') });
    const request = largeFile(34, read);
    const delivery = deliver(request);
    await until(() => held.length === 1 && read.octets > 0);
    let before = -1;
    await until(() => {
      const stands = before === read.octets;
      before = read.octets;
      return stands;
    });
    expect(read.octets).toBeLessThan(16 * 1024 * 1024);
    held[0]?.destroy();
    expect((await delivery).outcomes).toMatchObject([{ reason: 'connection-lost' }]);
  });

  it('of more than the API takes is not sent at all, and the route knows before the first message', async () => {
    const { deliver, standIn, relay } = await apiBench('graph');
    expect(relay.largestMessage()).toBe(3 * 1024 * 1024);
    const { outcomes } = await deliver(largeFile(3));
    expect(outcomes).toMatchObject([{ kind: 'failed', reason: 'not-supported-upstream', status: '5.3.4' }]);
    expect(standIn.requests).toHaveLength(0);
  });
});

it('for more recipients than the API takes in one request is for those many', async () => {
  const { relay } = await apiBench('graph');
  expect(relay.capacity()[0]).toMatchObject({ recipients: 500 });
});
