// Claims over a real database: who is served, what travels together, and that it reads only what it takes.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimStatement } from '../../server/queue/claims.ts';
import type { Claim } from '../../server/queue/message.ts';
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
    const statements = orders.map(order => claimStatement({ ...turn, order }, 'LEASE', request));
    for (const { sql, params = [] } of [...statements, selectPair(turn), { sql: SELECT_ALL } as Statement]) {
      const explained = await bench.database.commit([{ sql: `EXPLAIN QUERY PLAN ${sql}`, params }]);
      if (explained.kind !== 'committed') throw new Error('not explained');
      const plan = explained.effects[0]?.rows.map(row => String(row['detail'])) ?? [];
      expect(plan.some(line => /SEARCH recipient USING (COVERING )?INDEX recipient_waiting/.test(line))).toBe(
        true,
      );
      expect(plan.filter(line => /SCAN recipient/.test(line))).toEqual([]);
    }
    // The rows of the chosen messages are found by the messages, not by the way.
    const [update] = statements;
    const explained = await bench.database.commit([
      { sql: `EXPLAIN QUERY PLAN ${update?.sql}`, params: update?.params ?? [] },
    ]);
    expect(explained).toMatchObject({
      effects: [
        { rows: [{ detail: expect.stringMatching(/autoindex_recipient_1 \(message_id=\?\)/) }, {}, {}] },
      ],
    });
  });
});
