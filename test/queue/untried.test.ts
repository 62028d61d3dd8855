// What may pass a backlog: what was queued lately and never tried, the last one first.

import { describe, expect, it } from 'vitest';
import { LATELY } from '../../server/queue/turns.ts';
import { createUntried } from '../../server/queue/untried.ts';

const NOW = 1_800_000_000_000;
const A = { way: 'R', account: 'A' };

describe('what was never tried', () => {
  it('is known by way and account, the last one first, until it is claimed', () => {
    const untried = createUntried();
    untried.add(A, 'M1', NOW - 3);
    untried.add(A, 'M2', NOW - 2);
    untried.add({ ...A, account: 'B' }, 'M3', NOW - 1);
    untried.add({ ...A, way: 'S' }, 'M4', NOW - 1);
    expect(untried.newest(A, 5, NOW)).toEqual(['M2', 'M1']);
    expect(untried.newest(A, 1, NOW)).toEqual(['M2']);
    untried.drop(A, 'M2');
    expect(untried.newest(A, 5, NOW)).toEqual(['M1']);
    untried.drop(A, 'M1');
    expect(untried.newest(A, 5, NOW)).toEqual([]);
  });

  it('is new for some minutes, and no more than a hundred of an account', () => {
    const untried = createUntried();
    untried.add(A, 'OLD', NOW - LATELY);
    untried.add(A, 'AHEAD', NOW + 1);
    for (let i = 0; i < 150; i++) untried.add(A, `M${i}`, NOW);
    const newest = untried.newest(A, 500, NOW);
    expect(newest).toHaveLength(100);
    expect(newest.slice(0, 2)).toEqual(['M149', 'M148']);
    expect(untried.newest(A, 500, NOW + LATELY)).toEqual([]);
  });
});
