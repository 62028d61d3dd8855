// What is in flight is somebody's, or is taken back: no row stays in flight for ever.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '../../server/queue/message.ts';
import { createQueue, type Queue } from '../../server/queue/queue.ts';
import { boundTo } from '../../server/queue/way.ts';
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

const enqueue = (id: string, accountId: string, queuedAt: number) =>
  bench.queue.enqueue({ ...newMessage(id), accountId }, queuedAt);

const idsOf = (claims: readonly Claim[]) => claims.map(claim => claim.message.id);

describe('a claim that cannot be read', () => {
  let broken: Readonly<{ reading: boolean; writing: boolean }>;

  const overBadDisk = (): Queue => {
    const { database } = bench;
    return createQueue({
      newId: () => 'LEASE',
      place: () => ({ way: 'default', outageMark: 0 }),
      database: {
        ...database,
        read: (sql, params) =>
          broken.reading && sql.startsWith('SELECT * FROM message')
            ? Promise.reject(new Error('disk I/O error'))
            : database.read(sql, params),
        commit: (group, options) =>
          broken.writing && group[0]?.sql.includes('attempts - 1')
            ? Promise.resolve({ kind: 'io', text: 'disk I/O error' } as const)
            : database.commit(group, options),
      },
    });
  };

  const rows = () => bench.database.read('SELECT state, attempts, lease, way FROM recipient');
  const WAITING = { state: 'queued', attempts: 0, lease: null, way: 'default' };

  it('is given back at once', async () => {
    broken = { reading: true, writing: false };
    const queue = overBadDisk();
    await enqueue('M1', 'A', NOW);
    await expect(claimAt(queue, NOW)).rejects.toThrow('disk I/O error');
    expect(await rows()).toEqual([WAITING]);
    broken = { reading: false, writing: false };
    expect(idsOf(await claimAt(queue, NOW))).toEqual(['M1']);
  });

  it('is given back later, where that cannot be written either', async () => {
    broken = { reading: true, writing: true };
    const queue = overBadDisk();
    await enqueue('M1', 'A', NOW);
    await expect(claimAt(queue, NOW)).rejects.toThrow('disk I/O error');
    await queue.takeBack(NOW, 10 * MINUTE);
    expect(await rows()).toMatchObject([{ state: 'in_flight' }]);
    broken = { reading: false, writing: false };
    await queue.takeBack(NOW, 10 * MINUTE);
    expect(await rows()).toEqual([WAITING]);
    expect(idsOf(await claimAt(queue, NOW))).toEqual(['M1']);
  });
});

describe('what is in flight and nobody has', () => {
  const rows = () =>
    bench.database.read('SELECT state, way, next_attempt_at, ambiguous_since FROM recipient');

  it('is taken back, for the upstream that may have it', async () => {
    await enqueue('M1', 'A', NOW);
    const [claim] = await claimAt(bench.queue, NOW);
    if (claim === undefined) throw new Error('nothing was due');
    await bench.queue.takeBack(NOW, 10 * MINUTE);
    expect(await rows()).toMatchObject([{ state: 'in_flight' }]);
    bench.queue.abandon(claim);
    await bench.queue.takeBack(NOW, 10 * MINUTE);
    const waiting = { way: boundTo('U1'), next_attempt_at: NOW + 10 * MINUTE, ambiguous_since: NOW };
    expect(await rows()).toEqual([{ state: 'deferred', ...waiting }]);
    expect(idsOf(await claimAt(bench.queue, NOW + 10 * MINUTE))).toEqual(['M1']);
  });

  it('is nothing of what was settled or given back', async () => {
    for (const i of [0, 1, 2]) await enqueue(`A0000${i}`, 'A', NOW + i);
    const [first, second, third] = await claimAt(bench.queue, NOW + 10);
    if (!first || !second || !third) throw new Error('nothing was due');
    await bench.queue.settle(first, settled(first), NOW);
    await bench.queue.release(second);
    await bench.queue.takeBack(NOW, 10 * MINUTE);
    expect((await rows()).map(row => row['state'])).toEqual(['relayed', 'queued', 'in_flight']);
    expect(idsOf(await claimAt(bench.queue, NOW + 10))).toEqual(['A00001']);
  });
});

describe('what is given back', () => {
  it('names the upstream that tried it, not the one that did not', async () => {
    const upstream = (id: string, name: string) => ({
      sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at, revision)
        VALUES (?, ?, ?, 'smtps', 'h', 1, 1, 1, 0, 1)`,
      params: [id, name, name],
    });
    await bench.database.commit([upstream('U1', 'mail')]);
    await enqueue('M1', 'A', NOW);
    const tried = () => bench.database.read('SELECT upstream_id, attempts FROM recipient');
    const claim = async (upstreamId: string) => {
      const [claimed] = await claimAt(bench.queue, NOW, 1, { upstreamId });
      if (claimed === undefined) throw new Error('nothing was due');
      return claimed;
    };
    await bench.queue.release(await claim('U9'));
    expect(await tried()).toEqual([{ upstream_id: null, attempts: 0 }]);
    const first = await claim('U1');
    await bench.queue.settle(first, settled(first, deferredUntil(NOW)), NOW);
    await bench.queue.release(await claim('U9'));
    expect(await tried()).toEqual([{ upstream_id: 'U1', attempts: 1 }]);
  });
});
