import { describe, expect, it } from 'vitest';
import { createVerifiedCredentials } from '../../server/accounts/verified-credentials.ts';
import { createMovableClock } from './support.ts';

const first = { accountId: 'A', version: 1 };
const second = { accountId: 'A', version: 2 };

describe('verified credentials', () => {
  it('are remembered for their time, which a hit does not prolong', () => {
    const clock = createMovableClock();
    const verified = createVerifiedCredentials({ clock, timeToLive: 1000 });
    expect(verified.find('a')).toBeNull();
    verified.remember('a', first);
    clock.move(999);
    expect(verified.find('a')).toEqual(first);
    clock.move(1);
    expect(verified.find('a')).toBeNull();
  });

  it('are of the credential that matched last', () => {
    const verified = createVerifiedCredentials({ clock: createMovableClock() });
    verified.remember('a', first);
    verified.remember('a', second);
    expect(verified.find('a')).toEqual(second);
  });

  it('are bounded: the one used longest ago goes first', () => {
    const verified = createVerifiedCredentials({ clock: createMovableClock(), size: 2 });
    verified.remember('a', first);
    verified.remember('b', first);
    expect(verified.find('a')).toEqual(first);
    verified.remember('c', first);
    expect(['a', 'b', 'c'].map(one => verified.find(one) !== null)).toEqual([true, false, true]);
  });
});
