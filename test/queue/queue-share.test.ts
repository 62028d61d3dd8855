import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueShare } from '../../server/accounts/account-policy.ts';
import { createQueueShares, type QueueShares, type SharePlace } from '../../server/queue/queue-share.ts';
import type { Database } from '../../server/storage/database.ts';
import { NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

const KIB = 1024;
const octets = (size: number): QueueShare => ({ kind: 'octets', octets: size });

let bench: QueueBench;
let free: number;
let running = 0;
let shares: QueueShares;

beforeEach(async () => {
  bench = await openQueueBench();
  free = 1_000 * KIB;
  shares = createQueueShares({
    database: bench.database,
    disk: { room: async () => free },
    clock: { monotonic: () => running },
  });
  await bench.database.commit([account('A1'), account('A2')]);
});
afterEach(() => bench.close());

function account(id: string) {
  return {
    sql: `INSERT INTO account (id, name, canonical_name, enabled, created_at, credential_version)
      VALUES (?, ?, ?, 1, 0, 1)`,
    params: [id, id, id],
  };
}

/** Mail of that size that waits. */
async function waits(id: string, accountId: string, size: number): Promise<void> {
  const message = { ...newMessage(id), accountId, size };
  expect(await bench.queue.enqueue(message, NOW)).toEqual({ kind: 'queued' });
}

async function reserve(share: QueueShare, size: number): Promise<SharePlace> {
  const place = await shares.reserve('A1', share, size);
  if (place === null) throw new Error('the share is full');
  return place;
}

describe('a share in octets', () => {
  it('counts what waits of this account, and no other', async () => {
    await waits('M1', 'A1', 60 * KIB);
    await waits('M2', 'A2', 900 * KIB);
    expect(await shares.reserve('A1', octets(100 * KIB), 41 * KIB)).toBeNull();
    expect(await shares.reserve('A1', octets(100 * KIB), 40 * KIB)).not.toBeNull();
  });

  it('is free again when the message is retired', async () => {
    await waits('M1', 'A1', 100 * KIB);
    expect(await shares.reserve('A1', octets(100 * KIB), 0)).toBeNull();
    await bench.database.commit([{ sql: `UPDATE message SET retired_at = 1 WHERE id = 'M1'` }]);
    expect(await shares.reserve('A1', octets(100 * KIB), 100 * KIB)).not.toBeNull();
  });

  it('counts what other sessions are receiving, as declared or as it comes', async () => {
    const one = await reserve(octets(100 * KIB), 50 * KIB);
    const other = await reserve(octets(100 * KIB), 0);
    expect(one.received(50 * KIB)).toBe(true);
    expect(other.received(50 * KIB)).toBe(true);
    expect(other.received(50 * KIB + 1)).toBe(false);
    other.end();
    expect(one.received(90 * KIB)).toBe(true);
    expect(await shares.reserve('A1', octets(100 * KIB), 11 * KIB)).toBeNull();
    one.end();
    one.end();
    expect(await shares.reserve('A1', octets(100 * KIB), 100 * KIB)).not.toBeNull();
  });

  it('is held to in the commit of the message, whatever was queued meanwhile', async () => {
    const place = await reserve(octets(100 * KIB), 60 * KIB);
    const enqueue = (id: string) =>
      bench.queue.enqueue({ ...newMessage(id), accountId: 'A1', size: 60 * KIB }, NOW, [
        place.guard(60 * KIB),
      ]);
    expect(await enqueue('M1')).toEqual({ kind: 'queued' });
    expect(await enqueue('M2')).toMatchObject({ kind: 'requirement' });
    expect(await bench.database.read('SELECT id FROM message')).toEqual([{ id: 'M1' }]);
  });
});

describe('a share in percent', () => {
  it('is of what waits and of the free disk together', async () => {
    await waits('M1', 'A2', 1_000 * KIB);
    const tenth: QueueShare = { kind: 'percent', percent: 10 };
    expect(await shares.reserve('A1', tenth, 200 * KIB + 1)).toBeNull();
    expect(await shares.reserve('A1', tenth, 200 * KIB)).not.toBeNull();
  });

  it('is small while the disk is below its reserve, and everything where the disk cannot be measured', async () => {
    await waits('M1', 'A1', 10 * KIB);
    free = -5;
    expect(await shares.reserve('A1', { kind: 'percent', percent: 50 }, 0)).toBeNull();
    free = Number.POSITIVE_INFINITY;
    expect(await shares.reserve('A1', { kind: 'percent', percent: 1 }, 10 ** 12)).not.toBeNull();
  });

  it('adds up what waits of everybody once a second, not for every message', async () => {
    let sums = 0;
    const { database } = bench;
    const counting: Database = {
      ...database,
      read: (sql, params) => {
        if (sql.includes('SUM(size)') && !sql.includes('account_id')) sums++;
        return database.read(sql, params);
      },
    };
    shares = createQueueShares({
      database: counting,
      disk: { room: async () => free },
      clock: { monotonic: () => running },
    });
    const tenth: QueueShare = { kind: 'percent', percent: 10 };
    await Promise.all(Array.from({ length: 20 }, () => shares.reserve('A1', tenth, KIB)));
    expect(sums).toBe(1);
    await waits('M1', 'A2', 1_000 * KIB);
    running += 1_000;
    expect(await shares.reserve('A1', tenth, 150 * KIB)).not.toBeNull();
    expect(sums).toBe(2);
  });
});
