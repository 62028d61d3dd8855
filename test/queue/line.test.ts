// Who waits, in memory: never later than the database knows it, whatever happens at the same time.

import { describe, expect, it } from 'vitest';
import { createLine } from '../../server/queue/line.ts';

const A = { way: 'R', account: 'A' };
const B = { way: 'R', account: 'B' };
const HORIZON = 1_000;

describe('the line', () => {
  it('knows who is due, and when the next one will be', () => {
    const line = createLine();
    line.add(A, 50);
    line.add(A, 20);
    line.add(B, 70);
    expect(line.due(['R'], 30, HORIZON)).toEqual([{ ...A, earliest: 20, latest: 50 }]);
    expect(line.due(['other'], 30, HORIZON)).toEqual([]);
    expect(line.nextDue(30)).toBe(70);
    expect(line.nextDue(70)).toBeNull();
  });

  it('takes what lies beyond the horizon for due', () => {
    const line = createLine();
    line.add(A, HORIZON + 1);
    expect(line.due(['R'], 30, HORIZON)).toHaveLength(1);
  });

  it('forgets what is no longer there', () => {
    const line = createLine();
    line.add(A, 20);
    line.add(B, 20);
    line.look().saw([A], []);
    expect(line.due(['R'], 30, HORIZON).map(({ account }) => account)).toEqual(['B']);
    line.look().sawAll([]);
    expect(line.ways()).toEqual([]);
  });

  it('keeps what came while the database was looked at', () => {
    const line = createLine();
    line.add(A, 20);
    const all = line.look();
    const some = line.look();
    line.add(A, 25);
    line.add(B, 26);
    some.saw([A], []);
    all.sawAll([]);
    expect(line.due(['R'], 30, HORIZON)).toEqual([
      { ...A, earliest: 25, latest: 25 },
      { ...B, earliest: 26, latest: 26 },
    ]);
  });

  it('keeps what it knew where a look fails', () => {
    const line = createLine();
    line.add(A, 20);
    line.look().cancel();
    expect(line.due(['R'], 30, HORIZON)).toHaveLength(1);
  });
});
