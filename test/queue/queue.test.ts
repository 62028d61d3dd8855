import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '../../server/queue/message.ts';
import type { RecipientSettlement } from '../../server/queue/queue.ts';
import type { Settlement } from '../../server/queue/settlement.ts';
import { claimAt, MINUTE, NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

const RELAYED: Settlement = {
  state: 'relayed',
  deferrals: 0,
  nextAttemptAt: null,
  outcome: 'relayed',
  reply: '250 Ok',
  ambiguous: false,
};
const deferredUntil = (nextAttemptAt: number): Settlement => ({
  state: 'deferred',
  deferrals: 1,
  nextAttemptAt,
  outcome: 'deferred',
  reply: '450 Later',
  ambiguous: false,
});
const FAILED: Settlement = {
  state: 'failed',
  deferrals: 0,
  nextAttemptAt: null,
  outcome: 'failed',
  reply: '550 No',
  ambiguous: false,
};

function settled(claim: Claim, ...settlements: readonly Settlement[]): readonly RecipientSettlement[] {
  return claim.recipients.map((recipient, i) => ({
    ordinal: recipient.ordinal,
    attempt: recipient.attempt,
    startedAt: NOW,
    duration: 12.6,
    upstream: 'mail',
    stage: null,
    settlement: settlements[i] ?? RELAYED,
  }));
}

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
    expect(await bench.queue.nextDue()).toBe(NOW + MINUTE);
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
    expect(first).toEqual({ retired: false });
    expect(await bench.queue.body('M1')).not.toBeNull();
    const [again] = await claimAt(bench.queue, NOW);
    if (!again) throw new Error('the second recipient was not due');
    expect(await bench.queue.settle(again, settled(again, RELAYED), NOW)).toEqual({ retired: true });
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
    expect(await bench.queue.settle(claim, settled(claim, RELAYED, FAILED), NOW)).toEqual({ retired: false });
    expect(await bench.queue.body('M1')).not.toBeNull();
    expect(await bench.queue.nextDue()).toBeNull();
  });

  it('writes nothing for a recipient that an operator deleted meanwhile', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.operator.remove({ ids: ['M1'] }, NOW);
    expect(await bench.queue.settle(claim, settled(claim), NOW)).toEqual({ retired: false });
    expect(await bench.operator.list({ finished: true })).toEqual([]);
  });

  it('gives back what was never tried, without counting an attempt', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.release(claim);
    const [again] = await claimAt(bench.queue, NOW);
    expect(again?.recipients[0]?.attempt).toBe(1);
  });

  it('makes what was in flight at a crash due again, as perhaps delivered', async () => {
    await enqueueAndClaim('M1', ['a@example.net']);
    expect(await bench.queue.recover(NOW + 5)).toBe(1);
    const rows = await bench.database.read('SELECT ambiguous_since, upstream_id FROM recipient');
    expect(rows).toEqual([{ ambiguous_since: NOW + 5, upstream_id: 'U1' }]);
    expect((await claimAt(bench.queue, NOW + 5))[0]?.recipients[0]?.attempt).toBe(2);
  });

  it('ages only what was tried at the upstream that was usable', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.settle(claim, settled(claim, deferredUntil(NOW)), NOW);
    await bench.queue.enqueue(newMessage('M2'), NOW);
    await bench.queue.addAge('U1', 5_000);
    await bench.queue.addAge('another', 7_000);
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

describe("the operator's hand", () => {
  it('puts a failed recipient back into the queue with a new life', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.settle(claim, settled(claim, FAILED), NOW);
    expect(await bench.operator.retry({ state: 'failed' }, NOW + 1)).toBe(1);
    expect((await claimAt(bench.queue, NOW + 1))[0]?.recipients[0]).toMatchObject({
      attempt: 2,
      deferrals: 0,
      age: 0,
    });
  });

  it('never retries what was relayed', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net']);
    await bench.queue.settle(claim, settled(claim), NOW);
    expect(await bench.operator.retry({ ids: ['M1'] }, NOW)).toBe(0);
  });

  it('deletes by filter, and leaves the rest', async () => {
    await bench.queue.enqueue(newMessage('M1', ['a@example.net']), NOW);
    await bench.queue.enqueue(newMessage('M2', ['b@example.net']), NOW);
    const removed = await bench.operator.remove({ recipient: 'B@example.net' }, NOW);
    expect(removed).toEqual({ messages: 1, recipients: 1, inFlight: 0, spooled: [] });
    expect((await bench.operator.list({})).map(message => message.id)).toEqual(['M1']);
    expect(await bench.operator.remove({ ids: [] }, NOW)).toMatchObject({ recipients: 0 });
  });

  it('never touches a recipient that the filter does not choose', async () => {
    const claim = await enqueueAndClaim('M1', ['ok@example.net', 'bad@example.net', 'slow@example.net']);
    await bench.queue.settle(claim, settled(claim, RELAYED, FAILED, deferredUntil(NOW + MINUTE)), NOW);
    const states = async () =>
      (await bench.operator.list({ finished: true }))[0]?.recipients.map(one => one.state);
    expect(await bench.operator.remove({ state: 'failed', recipient: 'ok@example.net' }, NOW)).toMatchObject({
      recipients: 0,
    });
    expect(await bench.operator.retry({ recipient: 'bad@example.net' }, NOW)).toBe(1);
    expect(await bench.operator.remove({ recipient: 'bad@example.net' }, NOW)).toMatchObject({
      messages: 0,
      recipients: 1,
    });
    expect(await states()).toEqual(['relayed', 'deferred']);
    expect(await bench.queue.nextDue()).toBe(NOW + MINUTE);
    expect(await bench.queue.body('M1')).not.toBeNull();
  });

  it('lets the content go when only relayed recipients are left', async () => {
    const claim = await enqueueAndClaim('M1', ['ok@example.net', 'bad@example.net']);
    await bench.queue.settle(claim, settled(claim, RELAYED, FAILED), NOW);
    await bench.operator.remove({ state: 'failed' }, NOW);
    expect(await bench.queue.body('M1')).toBeNull();
    expect((await bench.operator.list({ finished: true }))[0]).toMatchObject({ content: 'gone' });
  });

  it('counts recipients by state and the octets still kept', async () => {
    const claim = await enqueueAndClaim('M1', ['a@example.net', 'b@example.net']);
    await bench.queue.settle(claim, settled(claim, RELAYED, FAILED), NOW);
    expect(await bench.operator.stats()).toMatchObject({
      relayed: 1,
      failed: 1,
      queued: 0,
      bytes: claim.message.size,
    });
  });
});
