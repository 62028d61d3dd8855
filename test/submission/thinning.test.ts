import { describe, expect, it } from 'vitest';
import { createThinning } from '../../server/submission/thinning.ts';
import { createMovableClock } from '../accounts/support.ts';

describe('what happens again and again', () => {
  it('is said at once, then once an interval with how often it was', () => {
    const clock = createMovableClock();
    const thinning = createThinning({ clock, interval: 60_000 });
    expect([1, 2, 3].map(() => thinning('a'))).toEqual([1, null, null]);
    expect(thinning('b')).toBe(1);
    clock.move(60_000);
    expect(thinning('a')).toBe(3);
    expect(thinning('a')).toBeNull();
    clock.move(60_000);
    expect(thinning('a')).toBe(2);
    clock.move(60_000);
    expect(thinning('a')).toBe(1);
  });

  it('takes only so much memory', () => {
    const thinning = createThinning({ clock: createMovableClock(), interval: 60_000, most: 2 });
    for (const key of ['a', 'b', 'c']) thinning(key);
    expect([thinning('b'), thinning('c'), thinning('a')]).toEqual([null, null, 1]);
  });
});
