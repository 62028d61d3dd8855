// What an operator's commands leave behind where everything is settled: no report that is no longer true, nothing held.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimOne, end } from './operator-bench.ts';
import { MINUTE, NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

const LATER = NOW + MINUTE;
const TOLD = { silent: false } as const;
const ids = async () => (await bench.database.read('SELECT id FROM message ORDER BY id')).map(({ id }) => id);

/** A message whose sender is to be told that it is late. */
async function enqueueLate(id: string, forwardPaths?: readonly string[]): Promise<void> {
  await bench.queue.enqueue(newMessage(id, forwardPaths), NOW);
  const report = {
    ...newMessage(`${id}-LATE`, ['scanner@example.org']),
    kind: 'dsn',
    reversePath: '',
  } as const;
  await bench.queue.enqueue({ ...report, report: { about: id, kind: 'delay' } }, NOW);
}

describe.each<
  [string, (filter: Readonly<{ ids?: readonly string[]; recipient?: string }>) => Promise<unknown>]
>([
  ['bounce', filter => bench.operator.bounce(filter, TOLD, LATER)],
  ['silent bounce', filter => bench.operator.bounce(filter, { silent: true }, LATER)],
  ['delete', filter => bench.operator.remove(filter, LATER)],
])('%s', (_, act) => {
  it('takes back what says that the message is late, and nothing else', async () => {
    await enqueueLate('M1');
    await enqueueLate('M2');
    await act({ ids: ['M1'] });
    expect(await ids()).not.toContain('M1-LATE');
    expect(await ids()).toEqual(expect.arrayContaining(['M2', 'M2-LATE']));
  });

  it('leaves it where somebody may have it, or something is late still', async () => {
    await enqueueLate('M1', ['a@example.net', 'b@example.net']);
    await act({ recipient: 'a@example.net' });
    expect(await ids()).toEqual(['M1', 'M1-LATE']);
    await bench.database.commit([{ sql: `UPDATE recipient SET attempts = 1 WHERE message_id = 'M1-LATE'` }]);
    await act({ ids: ['M1'] });
    expect(await ids()).toContain('M1-LATE');
  });
});

describe('a message that was held while it was being sent', () => {
  const NOT_HELD = { held: false, heldAt: null, heldBecause: null };

  it('is no longer held once it is relayed', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    const claim = await claimOne(bench);
    await bench.operator.hold({}, NOW);
    expect(await bench.operator.list({ held: true })).toMatchObject([
      { held: true, heldBecause: 'operator' },
    ]);
    expect(await bench.operator.stats()).toMatchObject({ in_flight: 1, held: 0 });
    await end(bench, claim, 'relayed');
    expect(await bench.operator.list({ finished: true })).toMatchObject([NOT_HELD]);
    expect(await bench.database.read('SELECT held_at, held_because FROM message')).toEqual([
      { held_at: null, held_because: null },
    ]);
  });

  it('nor once it has failed', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    const claim = await claimOne(bench);
    await bench.operator.hold({}, NOW);
    await end(bench, claim, 'failed');
    expect(await bench.operator.list({})).toMatchObject([NOT_HELD]);
    expect(await bench.operator.count({ held: true })).toBe(0);
    expect(await bench.operator.release({}, NOW)).toMatchObject({ messages: 0 });
    expect(await bench.operator.stats()).toMatchObject({ held: 0, failed: 1 });
    await bench.operator.retry({}, LATER);
    expect(await bench.operator.list({})).toMatchObject([NOT_HELD]);
    await end(bench, await claimOne(bench, LATER), 'deferred');
    expect((await claimOne(bench, NOW + 10 * MINUTE)).message.id).toBe('M1');
  });

  it('counts as held with what waits of it alone', async () => {
    await bench.queue.enqueue(newMessage('M1', ['a@example.net', 'b@example.net', 'c@example.net']), NOW);
    const claim = await claimOne(bench);
    await bench.operator.hold({}, NOW);
    await end(bench, claim, 'relayed', 'failed', 'deferred');
    expect(await bench.operator.stats()).toMatchObject({ relayed: 1, failed: 1, held: 1, deferred: 0 });
    expect(await bench.operator.list({})).toMatchObject([{ held: true }]);
  });
});
