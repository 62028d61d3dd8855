import { describe, expect, it } from 'vitest';
import { createVerifiedCredentials } from '../../server/accounts/verified-credentials.ts';
import { createMovableClock } from './support.ts';

describe('verified credentials', () => {
  it('are remembered for their time, which a hit does not prolong', () => {
    const clock = createMovableClock();
    const verified = createVerifiedCredentials({ clock, timeToLive: 1000 });
    expect(verified.has('a')).toBe(false);
    verified.remember('a');
    clock.move(999);
    expect(verified.has('a')).toBe(true);
    clock.move(1);
    expect(verified.has('a')).toBe(false);
  });

  it('are bounded: the one used longest ago goes first', () => {
    const verified = createVerifiedCredentials({ clock: createMovableClock(), size: 2 });
    verified.remember('a');
    verified.remember('b');
    expect(verified.has('a')).toBe(true);
    verified.remember('c');
    expect(['a', 'b', 'c'].map(verified.has)).toEqual([true, false, true]);
  });
});
