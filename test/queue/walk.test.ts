// Going through what waits: every row once, however many there are of one message.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addAges } from '../../server/queue/ages.ts';
import { walkWaiting } from '../../server/queue/walk.ts';
import { NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

const PATHS = Array.from({ length: 1_100 }, (_, i) => `r${i}@x.example`);

describe('a walk', () => {
  it('sees each recipient once where they are due at different times', async () => {
    await bench.queue.enqueue(newMessage('M1', PATHS), NOW);
    await bench.database.commit([
      {
        sql: `UPDATE recipient SET next_attempt_at = ? + ordinal, deferrals = 1, upstream_id = 'U1'`,
        params: [NOW],
      },
    ]);
    await addAges(bench.database, new Map([['U1', 1_000]]));
    const ages = await bench.database.read('SELECT age, COUNT(*) AS count FROM recipient GROUP BY age');
    expect(ages).toEqual([{ age: 1_000, count: 1_100 }]);
  });

  it.each([
    ['due at one time', NOW],
    ['held', null],
  ])('sees each recipient once where all are %s', async (_what, time) => {
    await bench.queue.enqueue(newMessage('M1', PATHS), NOW);
    await bench.database.commit([{ sql: 'UPDATE recipient SET next_attempt_at = ?', params: [time] }]);
    const seen: number[] = [];
    const visit = (page: readonly { ordinal: number }[]) => {
      seen.push(...page.map(({ ordinal }) => ordinal));
      return [];
    };
    expect(await walkWaiting(bench.database, { ways: () => true, held: true, visit })).toBe(true);
    expect(seen).toEqual(PATHS.map((_, i) => i));
  });
});
