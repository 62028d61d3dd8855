// A message on its whole way through the relay to each sending API: it arrives octet for octet, for exactly its recipients,
// with a proof that the API accepts; and what goes wrong on the way is nobody's loss.

import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeliveryRequest } from '../../../server/queue/delivery.ts';
import { apis } from '../../../server/relay/apis/apis.ts';
import type { Credentials } from '../../../server/relay/credentials.ts';
import { API_NAMES, type ApiName, type ApiScheme } from '../../../server/relay/upstream-scheme.ts';
import { makeScratch, removeScratch } from '../../support/scratch.ts';
import { type StandIn, startStandIn } from '../../support/sending-api-stand-in.ts';
import { afterTest, type Bench, goodIdentity, IMPATIENT, relayTo, upstreamAt } from '../bench.ts';

const SECRET = 'key-4f1c0ffee';

const USERS: Readonly<Record<ApiName, string | null>> = {
  ses: 'AKIAIOSFODNN7EXAMPLE',
  mailgun: 'mg.example.com',
  smtp2go: null,
  sparkpost: null,
  graph: 'scanner@example.com',
  gmail: 'scanner@example.com',
};

function credentials(api: ApiName, secret: string): Credentials {
  if (api !== 'graph' && api !== 'gmail') return { kind: 'password', password: secret };
  const token = async () => ({ kind: 'token', token: secret }) as const;
  return { kind: 'token', current: token, another: token };
}

type Setting = Readonly<{
  api: ApiName;
  secret?: string;
  verified?: readonly string[];
  tls?: boolean;
  path?: string;
  /** The provider's clock before ours. */
  ahead?: number;
}>;

async function standIn({ api, verified, tls }: Setting, now: () => number): Promise<StandIn> {
  const user = USERS[api];
  const started = await startStandIn(api, {
    secret: SECRET,
    region: 'eu-west-1',
    now,
    ...(user === null ? {} : { user }),
    ...(verified === undefined ? {} : { verified }),
    ...(tls === true ? { identity: await goodIdentity() } : {}),
  });
  afterTest(started.close);
  return started;
}

async function relayed(setting: Setting): Promise<Readonly<{ provider: StandIn; bench: Bench }>> {
  const { api, secret = SECRET, tls = false, path = null, ahead = 0 } = setting;
  const time: { now: () => number } = { now: Date.now };
  const provider = await standIn(setting, () => time.now());
  const scheme: ApiScheme = tls ? `${api}+https` : `${api}+http`;
  const upstream = await upstreamAt(provider.port, { scheme, user: USERS[api], region: 'eu-west-1', path });
  const bench = relayTo(upstream, {
    credentialsOf: () => credentials(api, secret),
    timeouts: IMPATIENT,
  });
  time.now = () => bench.clock.now() + ahead;
  return { provider, bench };
}

/** With all that a form, JSON and base64 might stumble over, in ASCII. */
const MESSAGE = Buffer.from(
  [
    'From: "Scan \\"2\\"" <scanner@example.com>',
    'To: a@example.net',
    'Subject: {{count}} pages \t"quoted" \\ \u0007',
    'MIME-Version: 1.0',
    '',
    '.',
    '..two dots',
    '--postern-',
    '--postern-check--',
    '{{name}} <b>',
    `${'x'.repeat(900)}`,
    '',
    '',
  ].join('\r\n'),
);

function onDisk(octets: Buffer): Partial<DeliveryRequest> {
  const folder = makeScratch('handed-over');
  afterTest(() => removeScratch(folder));
  const path = join(folder, 'message.eml');
  writeFileSync(path, octets);
  const hash = createHash('sha256').update(octets).digest('hex');
  return {
    size: octets.length,
    content: { kind: 'file', size: octets.length, hash, open: () => createReadStream(path) },
  };
}

const inMemory = (octets: Buffer): Partial<DeliveryRequest> => ({
  size: octets.length,
  content: { kind: 'octets', octets },
});

describe.each(API_NAMES)('%s', api => {
  it.each([true, false])('takes a message octet for octet, over TLS: %s', async tls => {
    const { provider, bench } = await relayed({ api, tls });
    const { outcomes, fault } = await bench.deliver(inMemory(MESSAGE));
    expect({ outcomes, fault }).toEqual({
      outcomes: [{ kind: 'relayed', reply: expect.stringMatching(/^HTTP 20[02] ./) }],
      fault: null,
    });
    expect(provider.taken.map(({ recipients }) => recipients)).toEqual([['a@example.net']]);
    expect(provider.taken[0]?.message.toString()).toBe(MESSAGE.toString());
  });

  it('takes a large one from disk, under a base path of its own', async () => {
    const pages = Buffer.concat([MESSAGE, Buffer.alloc(500_001, 'q29udGVudA\r\n')]);
    const { provider, bench } = await relayed({ api, path: `/base${apis[api].defaultPath}` });
    expect((await bench.deliver(onDisk(pages))).outcomes).toMatchObject([{ kind: 'relayed' }]);
    expect(provider.taken[0]?.message.equals(pages)).toBe(true);
  });

  it('does not take it with a wrong key, which is the upstream’s fault and costs the message nothing', async () => {
    const { provider, bench } = await relayed({ api, secret: 'key-wrong' });
    const { outcomes, fault } = await bench.deliver(inMemory(MESSAGE));
    expect(fault).toMatchObject({ kind: 'credentials', reply: expect.stringMatching(/^HTTP 40[13]/) });
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'upstream' }]);
    expect(JSON.stringify([outcomes, fault, bench.logged, bench.alerts])).not.toContain('key-wrong');
    expect(provider.taken).toEqual([]);
  });

  it('takes mail from the null sender', async () => {
    const { provider, bench } = await relayed({ api });
    expect((await bench.deliver({ ...inMemory(MESSAGE), reversePath: '' })).outcomes).toMatchObject([
      { kind: 'relayed' },
    ]);
    expect(provider.taken).toMatchObject([{ reversePath: null }]);
  });

  it('slows down for as long as it is told', async () => {
    const { provider, bench } = await relayed({ api });
    provider.next({ kind: 'answer', status: 429, body: {}, headers: { 'Retry-After': '120' } });
    const { outcomes } = await bench.deliver(inMemory(MESSAGE));
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'upstream' }]);
    expect(bench.relay.capacity()).toMatchObject([{ free: 0 }]);
    bench.clock.turn(119_000);
    expect(bench.relay.capacity()).toMatchObject([{ free: 0 }]);
    bench.clock.turn(2_000);
    expect(bench.relay.capacity()).toMatchObject([{ free: 1 }]);
  });

  it('may have taken what it never answered', async () => {
    const { provider, bench } = await relayed({ api });
    provider.next({ kind: 'cut', when: 'end', taken: true });
    const { outcomes } = await bench.deliver(inMemory(MESSAGE));
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'ambiguous' }]);
    expect(provider.taken).toHaveLength(1);
  });
});

describe.each(['ses', 'smtp2go', 'sparkpost', 'graph'] as const)('%s', api => {
  it('does not send as a sender that it has not verified', async () => {
    const { provider, bench } = await relayed({ api, verified: ['example.org'] });
    const { outcomes } = await bench.deliver(inMemory(MESSAGE));
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'sender-identity' }]);
    expect(bench.alerts).toMatchObject([{ kind: 'sender-refused' }]);
    expect(provider.taken).toEqual([]);
  });
});

describe.each(API_NAMES.filter(api => apis[api].mostRecipients !== 1))('%s', api => {
  it('takes several recipients at once, those that the header does not name among them', async () => {
    const { provider, bench } = await relayed({ api });
    const forwardPaths = ['a@example.net', 'hidden@example.org'];
    await bench.deliver({ ...inMemory(MESSAGE), forwardPaths });
    expect(provider.taken.map(({ recipients }) => [...recipients].sort())).toEqual([forwardPaths]);
  });

  it('takes 8-bit octets as they are', async () => {
    const octets = Buffer.concat([MESSAGE, Buffer.from('Gr\u00fc\u00dfe \xff\xfe\r\n', 'latin1')]);
    const { provider, bench } = await relayed({ api });
    await bench.deliver({ ...inMemory(octets), bodyType: '8bitmime' });
    expect(provider.taken[0]?.message.equals(octets)).toBe(true);
  });
});

it('Amazon takes no signature by a wrong clock, and the operator is told so', async () => {
  const { bench } = await relayed({ api: 'ses', ahead: 600_000 });
  const { fault } = await bench.deliver(inMemory(MESSAGE));
  expect(fault).toMatchObject({ kind: 'credentials', text: expect.stringContaining('clock') });
});

it('Mailgun tries recipients one at a time where one of them is no address to it', async () => {
  const { provider, bench } = await relayed({ api: 'mailgun' });
  const together = await bench.deliver({
    ...inMemory(MESSAGE),
    forwardPaths: ['a@example.net', 'b@localhost'],
  });
  expect(together.outcomes.map(({ kind }) => kind)).toEqual(['deferred', 'deferred']);
  expect(bench.relay.capacity()).toMatchObject([{ recipients: 1 }]);
  const alone = await bench.deliver({ ...inMemory(MESSAGE), forwardPaths: ['b@localhost'] });
  expect(alone.outcomes).toMatchObject([{ kind: 'failed', reason: 'recipient-refused' }]);
  const good = await bench.deliver({ ...inMemory(MESSAGE), forwardPaths: ['a@example.net'] });
  expect(good.outcomes).toMatchObject([{ kind: 'relayed' }]);
  expect(provider.taken).toHaveLength(1);
});
