// What is kept of finished mail, for how long, and that nothing goes while somebody must still be told.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/clock.ts';
import { createQueueShares } from '../../server/queue/queue-share.ts';
import { deleteFinished, sweepingInterval } from '../../server/queue/retention.ts';
import type { Settlement } from '../../server/queue/settlement.ts';
import { retirement } from '../../server/queue/statements.ts';
import {
  claimAt,
  deferredUntil,
  FAILED,
  MINUTE,
  NOW,
  newMessage,
  openQueueBench,
  type QueueBench,
  RELAYED,
  settled,
} from './support.ts';

const DAY = 24 * 60 * MINUTE;
const RETENTION = 30 * DAY;
let bench: QueueBench;
afterEach(() => bench.close());

/** A message whose recipients ended so, one for each. */
async function finish(id: string, settlements: readonly Settlement[]): Promise<void> {
  const forwardPaths = settlements.map((_, i) => `r${i}@x.example`);
  await bench.queue.enqueue({ ...newMessage(id, forwardPaths), accountId: 'A' }, NOW);
  await settleAll(settlements);
}

async function settleAll(settlements: readonly Settlement[]): Promise<void> {
  const [claim] = await claimAt(bench.queue, NOW);
  if (!claim) throw new Error('nothing was due');
  await bench.queue.settle(claim, settled(claim, ...settlements), NOW);
}

/** The same with octets in the spool. */
async function finishSpooled(id: string, settlements: readonly Settlement[]): Promise<string> {
  const writer = await bench.spool.create(id);
  if ('kind' in writer) throw new Error(writer.text);
  await writer.write([Buffer.from('octets')]);
  await writer.publish();
  const forwardPaths = settlements.map((_, i) => `r${i}@x.example`);
  await bench.queue.enqueue({ ...newMessage(id, forwardPaths), content: { kind: 'spooled' } }, NOW);
  await settleAll(settlements);
  return join(bench.folder, 'spool', readdirSync(join(bench.folder, 'spool'))[0] ?? '');
}

const sweep = (now: number) => deleteFinished(bench.database, bench.spool, { now, retention: RETENTION });
const kept = async () =>
  (await bench.database.read('SELECT id, content FROM message ORDER BY id')).map(row => [
    row['id'],
    row['content'],
  ]);

describe('a relayed message', () => {
  it('keeps its record for the time of retention, its content not', async () => {
    bench = await openQueueBench();
    await finish('M1', [RELAYED]);
    expect(await sweep(NOW + RETENTION)).toBe(0);
    expect(await kept()).toEqual([['M1', 'gone']]);
    expect(await sweep(NOW + RETENTION + 1)).toBe(1);
    expect(await kept()).toEqual([]);
    expect(await bench.database.read('SELECT * FROM attempt')).toEqual([]);
  });

  it('keeps its content too where that is wished, and takes nothing of the share', async () => {
    bench = await openQueueBench({ keepContent: true });
    await finish('M1', [RELAYED]);
    expect(await bench.queue.body('M1')).not.toBeNull();
    const shares = createQueueShares({
      database: bench.database,
      disk: { room: async () => 0 },
      clock: systemClock,
    });
    expect(await shares.reserve('A', { kind: 'octets', octets: 10 }, 10)).not.toBeNull();
    expect(await sweep(NOW + RETENTION)).toBe(0);
    expect(await sweep(NOW + RETENTION + 1)).toBe(1);
    expect(await bench.queue.body('M1')).toBeNull();
  });

  it('has its spool file removed after its rows', async () => {
    bench = await openQueueBench({ keepContent: true });
    const file = await finishSpooled('M1', [RELAYED]);
    expect(existsSync(file)).toBe(true);
    await sweep(NOW + RETENTION + 1);
    expect(existsSync(file)).toBe(false);
  });

  it('keeps its content until whoever asked has been told', async () => {
    bench = await openQueueBench();
    await finish('M1', [{ ...RELAYED, report: 'relayed' }]);
    expect(await kept()).toEqual([['M1', 'body']]);
    const told = [{ sql: 'UPDATE recipient SET report = NULL' }];
    await bench.database.commit([...told, ...retirement('M1', NOW, { keepContent: false })]);
    expect(await kept()).toEqual([['M1', 'gone']]);
    expect(await bench.queue.body('M1')).toBeNull();
  });
});

describe('a message that was given up', () => {
  it('keeps content and share for the time of retention', async () => {
    bench = await openQueueBench();
    await finish('M1', [RELAYED, FAILED]);
    const shares = createQueueShares({
      database: bench.database,
      disk: { room: async () => 0 },
      clock: systemClock,
    });
    expect(await shares.reserve('A', { kind: 'octets', octets: 10 }, 10)).toBeNull();
    expect(await sweep(NOW + RETENTION)).toBe(0);
    expect(await bench.queue.body('M1')).not.toBeNull();
    expect(await sweep(NOW + RETENTION + 1)).toBe(1);
    expect(await kept()).toEqual([]);
  });

  it('has its spool file removed after its rows', async () => {
    bench = await openQueueBench();
    const file = await finishSpooled('M1', [FAILED]);
    await sweep(NOW + RETENTION);
    expect(existsSync(file)).toBe(true);
    await sweep(NOW + RETENTION + 1);
    expect(existsSync(file)).toBe(false);
  });

  it('stays while a report is due, another recipient waits, or it ended later', async () => {
    bench = await openQueueBench();
    await finish('M1', [{ ...FAILED, report: 'failure' }]);
    await finish('M2', [FAILED, deferredUntil(NOW + MINUTE)]);
    await finish('M3', [FAILED, FAILED]);
    await bench.database.commit([
      {
        sql: `UPDATE recipient SET settled_at = ? WHERE message_id = 'M3' AND ordinal = 1`,
        params: [NOW + DAY],
      },
    ]);
    expect(await sweep(NOW + RETENTION + 1)).toBe(0);
    expect(await sweep(NOW + RETENTION + DAY + 1)).toBe(1);
    expect((await kept()).map(([id]) => id)).toEqual(['M1', 'M2']);
  });

  it('never stands in the way of others, however many may not go yet', async () => {
    bench = await openQueueBench();
    await finish('M0', [FAILED]);
    await bench.database.commit([{ sql: `UPDATE recipient SET settled_at = ?`, params: [NOW - 1] }]);
    const many = Array.from({ length: 600 }, (_, i) => `M1${String(i).padStart(4, '0')}`);
    await Promise.all(many.map(id => bench.queue.enqueue(newMessage(id), NOW)));
    await bench.database.commit([
      {
        sql: `UPDATE recipient SET state = 'failed', settled_at = ?, report = 'failure' WHERE state = 'queued'`,
        params: [NOW - 5],
      },
    ]);
    expect(await sweep(NOW + RETENTION)).toBe(1);
  });
});

describe('what says that a message is late', () => {
  async function tellDelay(id: string): Promise<void> {
    const report = { about: 'M1', kind: 'delay' } as const;
    await bench.queue.enqueue({ ...newMessage(id), kind: 'dsn', report }, NOW + 1);
    await bench.database.commit([
      { sql: `UPDATE recipient SET delay_reported_at = 5 WHERE message_id = 'M1'` },
    ]);
  }

  it('is dropped once the message is settled, unless it was tried', async () => {
    bench = await openQueueBench();
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await tellDelay('D1');
    await tellDelay('D2');
    await bench.database.commit([{ sql: `UPDATE recipient SET attempts = 1 WHERE message_id = 'D2'` }]);
    await settleAll([RELAYED]);
    expect((await kept()).map(([id]) => id)).toEqual(['D2', 'M1']);
  });

  it('stays while some recipient waits', async () => {
    bench = await openQueueBench();
    await bench.queue.enqueue(newMessage('M1', ['a@x.example', 'b@x.example']), NOW);
    await tellDelay('D1');
    await settleAll([RELAYED, deferredUntil(NOW + MINUTE)]);
    expect((await kept()).map(([id]) => id)).toEqual(['D1', 'M1']);
  });
});

describe('how often it is looked for', () => {
  it.each([
    [30 * 24 * 60 * MINUTE, 60 * MINUTE],
    [60 * MINUTE, 15 * MINUTE],
    [MINUTE, MINUTE],
    [0, MINUTE],
  ])('where it is kept for %d ms: every %d ms', (retention, interval) => {
    expect(sweepingInterval(retention)).toBe(interval);
  });
});
