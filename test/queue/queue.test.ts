import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addAges } from '../../server/queue/ages.ts';
import type { Claim } from '../../server/queue/message.ts';
import { boundTo } from '../../server/queue/way.ts';
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

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

async function enqueueAndClaim(id: string, forwardPaths: readonly string[]): Promise<Claim> {
  await bench.queue.enqueue(newMessage(id, forwardPaths), NOW);
  const [claim] = await claimAt(bench.queue, NOW);
  if (!claim) throw new Error('nothing was due');
  return claim;
}

describe('the queue', () => {
  it('hands out each recipient once, with its attempt counted before anything is dialled', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net', 'b@example.net']);
    expect(claim.recipients.map(({ forwardPath, attempt }) => [forwardPath, attempt])).toEqual([
      ['a@example.net', 1],
      ['b@example.net', 1],
    ]);
    expect(await claimAt(bench.queue, NOW)).toEqual([]);
    expect((await bench.operator.list({}))[0]?.recipients[0]).toMatchObject({
      state: 'in_flight',
      attempts: 1,
    });
  });

  it('claims the oldest first, and no more than asked for', async () => {
    for (const [i, id] of ['M1', 'M2', 'M3'].entries()) await bench.queue.enqueue(newMessage(id), NOW + i);
    const claims = await claimAt(bench.queue, NOW + 10, 2);
    expect(claims.map(claim => claim.message.id)).toEqual(['M1', 'M2']);
  });

  it('leaves what is not yet due', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.settle(claim, settled(claim, deferredUntil(NOW + MINUTE)), NOW);
    expect(await claimAt(bench.queue, NOW + MINUTE - 1)).toEqual([]);
    expect(bench.queue.line.nextDue(NOW)).toBe(NOW + MINUTE);
    expect(await claimAt(bench.queue, NOW + MINUTE)).toHaveLength(1);
  });

  it('takes what a clock in the future has scheduled as due', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    const in2099 = Date.UTC(2099, 0, 1);
    await bench.queue.settle(claim, settled(claim, deferredUntil(in2099)), NOW);
    expect(await claimAt(bench.queue, NOW)).toHaveLength(1);
  });

  it('removes the content with the last relayed recipient, and keeps the record', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net', 'b@example.net']);
    const first = await bench.queue.settle(claim, settled(claim, RELAYED, deferredUntil(NOW)), NOW);
    expect(first).toEqual({ retired: false, content: 'kept' });
    expect(await bench.queue.body('M1')).not.toBeNull();
    const [again] = await claimAt(bench.queue, NOW);
    if (!again) throw new Error('the second recipient was not due');
    expect(await bench.queue.settle(again, settled(again, RELAYED), NOW)).toEqual({
      retired: true,
      content: 'gone',
    });
    expect(await bench.queue.body('M1')).toBeNull();
    const [listed] = await bench.operator.list({ finished: true });
    expect(listed?.recipients.map(recipient => recipient.state)).toEqual(['relayed', 'relayed']);
    expect(
      (await bench.operator.attempts('M1')).map(({ number, outcome, duration }) => [
        number,
        outcome,
        duration,
      ]),
    ).toEqual([
      [1, 'relayed', 13],
      [1, 'deferred', 13],
      [2, 'relayed', 13],
    ]);
  });

  it('keeps the content of what failed', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net', 'b@example.net']);
    expect(await bench.queue.settle(claim, settled(claim, RELAYED, FAILED), NOW)).toMatchObject({
      retired: false,
    });
    expect(await bench.queue.body('M1')).not.toBeNull();
    expect(bench.queue.line.nextDue(0)).toBeNull();
  });

  it('writes nothing for a recipient that an operator deleted meanwhile', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.operator.remove({ ids: ['M1'] }, NOW);
    expect(await bench.queue.settle(claim, settled(claim), NOW)).toMatchObject({ retired: false });
    expect(await bench.operator.list({ finished: true })).toEqual([]);
  });

  it('gives back what was never tried, without counting an attempt', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.release(claim);
    const [again] = await claimAt(bench.queue, NOW);
    expect(again?.recipients[0]?.attempt).toBe(1);
  });

  it('lets what was in flight at a crash wait for its upstream, because it may have been delivered', async () => {
    await enqueueAndClaim('M1', ['a@example.net']);
    expect(await bench.queue.recover(NOW + 5, 10 * MINUTE)).toBe(1);
    const rows = await bench.database.read('SELECT way, ambiguous_since, upstream_id FROM recipient');
    expect(rows).toEqual([{ way: boundTo('U1'), ambiguous_since: NOW + 5, upstream_id: 'U1' }]);
    expect(await claimAt(bench.queue, NOW + 10 * MINUTE)).toEqual([]);
    const [again] = await claimAt(bench.queue, NOW + 5 + 10 * MINUTE);
    expect(again?.recipients[0]).toMatchObject({ attempt: 2, ambiguousSince: NOW + 5 });
  });

  it('writes down the attempt that a crash has cut off', async () => {
    await bench.database.commit([
      {
        sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, is_default, connections, created_at, revision)
          VALUES ('U1', 'main', 'main', 'smtps', 'mail.example', 465, 1, 2, 0, 1)`,
      },
    ]);
    await enqueueAndClaim('M1', ['a@example.net', 'b@example.net']);
    await bench.database.commit([{ sql: `UPDATE recipient SET phase = 'awaiting-reply' WHERE ordinal = 1` }]);
    expect(await bench.queue.recover(NOW + 5 * MINUTE, 10 * MINUTE)).toBe(2);
    const text = 'Postern ended during this attempt; it may have been delivered';
    const cutOff = { number: 1, startedAt: NOW, duration: 0, upstream: 'main', outcome: 'deferred', text };
    expect(await bench.operator.attempts('M1')).toMatchObject([
      { ...cutOff, stage: null },
      { ...cutOff, stage: 'body' },
    ]);
    const [again] = await claimAt(bench.queue, NOW + 20 * MINUTE);
    if (!again) throw new Error('nothing was due');
    await bench.queue.settle(again, settled(again), NOW + 20 * MINUTE);
    const attempts = await bench.operator.attempts('M1');
    expect(attempts.map(({ number }) => number)).toEqual([1, 2, 1, 2]);
  });

  it('ages only what was tried at the upstream that was usable', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.settle(claim, settled(claim, deferredUntil(NOW)), NOW);
    await bench.queue.enqueue(newMessage('M2'), NOW);
    await addAges(bench.database, new Map([['U1', 5_000]]));
    await addAges(bench.database, new Map([['another', 7_000]]));
    const rows = await bench.database.read('SELECT message_id, age FROM recipient ORDER BY message_id');
    expect(rows).toEqual([
      { message_id: 'M1', age: 5_000 },
      { message_id: 'M2', age: 0 },
    ]);
  });

  it('holds a message until an operator lets it be tried again', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.hold(claim, 'damaged', NOW);
    expect(await claimAt(bench.queue, NOW + 10 * MINUTE)).toEqual([]);
    expect(await bench.operator.stats()).toMatchObject({ held: 1, deferred: 0 });
    await bench.operator.retry({ ids: ['M1'] }, NOW);
    expect(await claimAt(bench.queue, NOW)).toHaveLength(1);
  });

  it('reads a message from the database once it is no longer fresh', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    expect(claim.octets).not.toBeNull();
    await bench.queue.release(claim);
    const [again] = await claimAt(bench.queue, NOW);
    expect(again?.octets).toBeNull();
    expect(again?.message).toEqual(claim.message);
  });
});
