// Claims over a real database: who is served, what travels together, and that it reads only what it takes.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimStatement } from '../../server/queue/claims.ts';
import type { Claim } from '../../server/queue/message.ts';
import { createQueue } from '../../server/queue/queue.ts';
import { LATELY, type Order } from '../../server/queue/turns.ts';
import { SELECT_ALL, selectPair } from '../../server/queue/waiting.ts';
import { boundTo } from '../../server/queue/way.ts';
import type { Statement } from '../../server/storage/database.ts';
import {
  claimAt,
  deferredUntil,
  MINUTE,
  NOW,
  newMessage,
  openQueueBench,
  type QueueBench,
  settled,
} from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

const enqueue = (id: string, accountId: string | null, queuedAt: number, forwardPaths?: readonly string[]) =>
  bench.queue.enqueue({ ...newMessage(id, forwardPaths), accountId }, queuedAt);

const flood = (account: string, count: number, from: number) =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      enqueue(`${account}${String(i).padStart(5, '0')}`, account, from + i),
    ),
  );

const idsOf = (claims: readonly Claim[]) => claims.map(claim => claim.message.id);

describe('a flood by one account', () => {
  it('delays the message of another by one message', async () => {
    await flood('A', 5_000, NOW);
    expect(idsOf(await claimAt(bench.queue, NOW + 10_000, 2))).toEqual(['A00000', 'A00001']);
    await enqueue('B00000', 'B', NOW + 9_000);
    expect(idsOf(await claimAt(bench.queue, NOW + 10_000, 1))).toEqual(['B00000']);
    expect(idsOf(await claimAt(bench.queue, NOW + 10_000, 2))).toEqual(['A00002', 'A00003']);
  });

  it('gets the places that nobody else wants', async () => {
    await flood('A', 20, NOW);
    await enqueue('B00000', 'B', NOW);
    const claims = await claimAt(bench.queue, NOW + 1_000, 10);
    expect(idsOf(claims).filter(id => id.startsWith('A'))).toHaveLength(5);
    expect(idsOf(claims)).toContain('B00000');
    expect(await claimAt(bench.queue, NOW + 1_000, 20)).toHaveLength(15);
  });
});

describe('a backlog', () => {
  it('drains oldest first, and lets new mail of the same account pass', async () => {
    await flood('A', 300, NOW - LATELY - 10_000);
    await enqueue('NEW1', 'A', NOW - 20);
    await enqueue('NEW2', 'A', NOW - 10);
    const order: string[] = [];
    for (let i = 0; i < 8; i++) order.push(...idsOf(await claimAt(bench.queue, NOW, 1)));
    expect(order).toEqual(['A00000', 'NEW2', 'A00001', 'NEW1', 'A00002', 'A00003', 'A00004', 'A00005']);
  });

  it('is no reason for tried mail to pass', async () => {
    await flood('A', 3, NOW - LATELY - 10_000);
    const [first] = await claimAt(bench.queue, NOW, 1);
    if (!first) throw new Error('nothing was due');
    await bench.queue.settle(first, settled(first, deferredUntil(NOW)), NOW);
    expect(idsOf(await claimAt(bench.queue, NOW, 1))).toEqual(['A00001']);
    expect(idsOf(await claimAt(bench.queue, NOW, 1))).toEqual(['A00002']);
  });
});

describe('a claim', () => {
  it('takes only what the upstream may take', async () => {
    await enqueue('M1', 'A', NOW, ['a@x.example', 'b@x.example']);
    await bench.database.commit([
      { sql: 'UPDATE recipient SET way = ? WHERE ordinal = 1', params: [boundTo('U2')] },
    ]);
    const [claim] = await claimAt(bench.queue, NOW, 10, { ways: ['default'] });
    expect(claim?.recipients.map(one => one.forwardPath)).toEqual(['a@x.example']);
    expect(await claimAt(bench.queue, NOW, 10, { ways: ['default'] })).toEqual([]);
    const [bound] = await claimAt(bench.queue, NOW, 10, { upstreamId: 'U2', ways: [boundTo('U2')] });
    expect(bound).toMatchObject({ upstreamId: 'U2', recipients: [{ forwardPath: 'b@x.example' }] });
  });

  it('lets all recipients of a message travel together, whichever way leads there', async () => {
    await enqueue('M1', 'A', NOW, ['a@x.example', 'b@x.example', 'c@x.example']);
    await bench.database.commit([{ sql: `UPDATE recipient SET way = 'default -U9' WHERE ordinal = 1` }]);
    const claims = await claimAt(bench.queue, NOW, 1);
    expect(claims.map(claim => claim.recipients.length)).toEqual([3]);
  });

  const numbersOf = (claims: readonly Claim[]) =>
    claims.map(claim => claim.recipients.map(({ ordinal }) => ordinal));

  it('takes no more recipients of a message than its upstream takes at a time', async () => {
    await enqueue('M1', 'A', NOW, [
      'a@x.example',
      'b@x.example',
      'c@x.example',
      'd@x.example',
      'e@x.example',
    ]);
    await enqueue('M2', 'B', NOW, ['a@x.example']);
    await bench.database.commit([{ sql: `UPDATE recipient SET way = 'default -U9' WHERE ordinal > 1` }]);
    const claim = () => claimAt(bench.queue, NOW, 4, { recipients: 2 });
    expect(numbersOf(await claim())).toEqual([[0, 1], [0]]);
    expect(numbersOf(await claim())).toEqual([[2, 3]]);
    expect(numbersOf(await claim())).toEqual([[4]]);
    expect(await claim()).toEqual([]);
  });

  it('lets recipients travel together that come due within a tenth of their interval', async () => {
    await enqueue('M1', 'A', NOW, ['a@x.example', 'b@x.example', 'c@x.example', 'd@x.example']);
    const [first] = await claimAt(bench.queue, NOW);
    if (!first) throw new Error('nothing was due');
    const due = NOW + MINUTE;
    const ends = [
      deferredUntil(due),
      deferredUntil(due + MINUTE / 10),
      deferredUntil(due + MINUTE / 10 + 1),
      { ...deferredUntil(due + 1, boundTo('U1')), ambiguousSince: NOW },
    ];
    await bench.queue.settle(first, settled(first, ...ends), NOW);
    expect(await claimAt(bench.queue, due - 1)).toEqual([]);
    expect(numbersOf(await claimAt(bench.queue, due))).toEqual([[0, 1]]);
    expect(numbersOf(await claimAt(bench.queue, due + MINUTE))).toEqual([[2, 3]]);
  });

  it('brings with it what the delivery must know, fresh or read back', async () => {
    const dsn = { notify: ['success', 'delay'], originalRecipient: 'rfc822;A@example.net' } as const;
    await bench.queue.enqueue(
      {
        ...newMessage('M1'),
        accountId: 'A',
        requireTls: true,
        dsn: { envelopeId: 'E-1', returns: 'headers', recipients: [dsn] },
      },
      NOW,
    );
    const expected = {
      message: { accountId: 'A', requireTls: true, dsn: { envelopeId: 'E-1', returns: 'headers' } },
      recipients: [{ dsn, way: 'default', ambiguousSince: null, delayReported: false }],
    };
    const [claim] = await claimAt(bench.queue, NOW);
    expect(claim).toMatchObject({ ...expected, octets: expect.any(Uint8Array) });
    if (claim) await bench.queue.release(claim);
    expect((await claimAt(bench.queue, NOW))[0]).toMatchObject({ ...expected, octets: null });
  });

  it('finds its rows by their indexes, however many wait', async () => {
    const request = {
      upstreamId: 'U1',
      ways: ['default', 'default -U2'],
      limit: 1,
      now: NOW,
      horizon: NOW + MINUTE,
      provisionalNextAttemptAt: NOW,
      leaseExpiresAt: NOW,
    };
    const turn = { way: 'default', account: 'A', limit: 1 };
    const orders: readonly Order[] = ['oldest', 'newest', 'misdated'];
    const statements = orders.map(order => claimStatement({ ...turn, order }, ['M1'], 'LEASE', request));
    const few = { ...request, recipients: 5 };
    const limited = orders.map(order => claimStatement({ ...turn, order }, ['M1'], 'LEASE', few));
    for (const plan of await Promise.all(limited.map(planOf))) {
      expect(plan.filter(line => /SCAN recipient/.test(line))).toEqual([]);
      expect(plan[0]).toMatch(
        /SEARCH recipient USING COVERING INDEX sqlite_autoindex_recipient_1 \(message_id=\? AND ordinal=\?\)/,
      );
    }
    const byId = /SEARCH recipient USING INDEX sqlite_autoindex_recipient_1 \(message_id=\?\)/;
    const byWay = /SEARCH recipient USING (COVERING )?INDEX recipient_waiting/;
    const explained = [...statements, selectPair(turn), { sql: SELECT_ALL }].map(planOf);
    for (const [i, plan] of (await Promise.all(explained)).entries()) {
      expect(plan.filter(line => /SCAN recipient/.test(line))).toEqual([]);
      expect(plan.some(line => (orders[i] === 'newest' ? byId : byWay).test(line))).toBe(true);
      // The rows of the chosen messages are found by the messages, not by the way.
      if (i < orders.length) expect(plan[0]).toMatch(byId);
    }
  });
});

async function planOf({ sql, params = [] }: Statement): Promise<readonly string[]> {
  const explained = await bench.database.commit([{ sql: `EXPLAIN QUERY PLAN ${sql}`, params }]);
  if (explained.kind !== 'committed') throw new Error('not explained');
  return explained.effects[0]?.rows.map(row => String(row['detail'])) ?? [];
}

describe('two claims at the same time', () => {
  it('have each its own recipients of a message that was just queued', async () => {
    const byDomain = (path: string) => (path.endsWith('a.example') ? 'RA' : 'RB');
    await bench.close();
    bench = await openQueueBench({ place: (_message, path) => ({ way: byDomain(path), outageMark: 0 }) });
    await enqueue('M1', 'A', NOW, ['x@a.example', 'y@b.example']);
    await bench.queue.look();
    const [first, second] = await Promise.all([claimNow('U1', ['RA']), claimNow('U2', ['RB'])]);
    expect(first?.flatMap(claim => claim.recipients.map(one => one.forwardPath))).toEqual(['x@a.example']);
    expect(second?.flatMap(claim => claim.recipients.map(one => one.forwardPath))).toEqual(['y@b.example']);
  });

  it('lose nothing where memory forgets a message meanwhile', async () => {
    const commandLine = createQueue({
      database: bench.database,
      newId: () => 'OTHER',
      place: () => ({ way: 'default', outageMark: 0 }),
    });
    await commandLine.enqueue(newMessage('M0'), NOW);
    await enqueue('M1', null, NOW + 1);
    await bench.queue.look();
    const claiming = claimNow('U1', ['default'], NOW + 5);
    const large = `Subject: x\r\n\r\n${'y'.repeat(60_000)}\r\n`;
    const many = Array.from({ length: 300 }, (_, i) => newMessage(`N${i}`, ['a@b.example'], large));
    await Promise.all(many.map((message, i) => bench.queue.enqueue(message, NOW + 10 + i)));
    expect(idsOf(await claiming)).toEqual(['M0', 'M1']);
  });
});

const claimNow = async (
  upstreamId: string,
  ways: readonly string[],
  now = NOW,
  accounts: ReadonlySet<string> | null = null,
): Promise<readonly Claim[]> => {
  const claims = await bench.queue.claim({
    upstreamId,
    ways,
    accounts,
    limit: accounts === null ? 5 : 1,
    now,
    horizon: now + 66 * MINUTE,
    provisionalNextAttemptAt: now + MINUTE,
    leaseExpiresAt: now + 15 * MINUTE,
  });
  if ('kind' in claims) throw new Error(claims.kind);
  return claims;
};

describe('after a release of all that was held', () => {
  it('new mail passes the backlog, whatever comes due at the same time', async () => {
    const { queue, operator, database } = bench;
    await flood('A', 1_000, NOW - 24 * 60 * MINUTE);
    await operator.hold({}, NOW);
    await operator.release({}, NOW);
    await database.commit([{ sql: `UPDATE recipient SET way = 'default'` }]);
    // A hundred that were tried before come due in this moment.
    await database.commit([
      {
        sql: `UPDATE recipient SET state = 'deferred', next_attempt_at = ? WHERE message_id < 'A00100'`,
        params: [NOW + 20],
      },
    ]);
    await enqueue('NEW', 'A', NOW + 10);
    const order: string[] = [];
    for (let i = 0; i < 3; i++) order.push(...idsOf(await claimAt(queue, NOW + 30, 1)));
    expect(order).toContain('NEW');
    expect(order).toContain('A00100');
  });
});

describe('turns of some accounts only', () => {
  it('count as their turns, and leave those of the others', async () => {
    await flood('A', 20, NOW - LATELY - 10_000);
    await enqueue('B00000', 'B', NOW);
    await enqueue('NEW', 'A', NOW - 10);
    await bench.queue.look();
    const order: string[] = [];
    for (let i = 0; i < 2; i++) order.push(...idsOf(await claimNow('U1', ['default'], NOW, new Set(['A']))));
    expect(order).toContain('NEW');
  });
});
