import { describe, expect, it } from 'vitest';
import { createLoginsUnderWay } from '../../server/accounts/logins-under-way.ts';

const rooms = (pair: number, address = 10) => [
  { group: 'pair', left: pair },
  { group: 'address', left: address },
];
const groups = ['pair', 'address'];

describe('logins under way', () => {
  it('fill a group with those that may still fail, in each group', () => {
    const underWay = createLoginsUnderWay();
    expect(underWay.full(rooms(2), null)).toBeNull();
    underWay.begin(groups, null);
    expect(underWay.full(rooms(2), null)).toBeNull();
    underWay.begin(groups, null);
    expect(underWay.full(rooms(2), null)).toBe('pair');
    expect(underWay.full(rooms(3, 2), null)).toBe('address');
    expect(underWay.full([{ group: 'another pair', left: 1 }], null)).toBeNull();
  });

  it('count once where they are identical', () => {
    const underWay = createLoginsUnderWay();
    const ends = [1, 2].map(() => underWay.begin(groups, 'same'));
    expect(underWay.full(rooms(1), 'same')).toBeNull();
    expect(underWay.full(rooms(1), 'other')).toBe('pair');
    ends[0]?.();
    ends[0]?.();
    expect(underWay.full(rooms(1), 'other')).toBe('pair');
    ends[1]?.();
    expect(underWay.full(rooms(1), 'other')).toBeNull();
  });

  it('leave one at a time where no more may fail, so that nobody waits for ever', () => {
    const underWay = createLoginsUnderWay();
    expect(underWay.full(rooms(0, -3), null)).toBeNull();
    underWay.begin(groups, null);
    expect(underWay.full(rooms(0), null)).toBe('pair');
  });

  it('wake who waits for one of their group to end', async () => {
    const underWay = createLoginsUnderWay();
    const end = underWay.begin(groups, null);
    const woken: string[] = [];
    const waiting = groups.map(async group => {
      await underWay.change(group);
      woken.push(group);
    });
    await new Promise(setImmediate);
    expect(woken).toEqual([]);
    end();
    await Promise.all(waiting);
    expect(woken).toEqual(groups);
  });
});
