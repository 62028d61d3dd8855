import { describe, expect, it } from 'vitest';
import { createFailureCount } from '../../server/accounts/failure-count.ts';
import { createMovableClock } from './support.ts';

const WINDOW = 10 * 60_000;

const open = (options: Readonly<{ most?: number; capacity?: number }> = {}) => {
  const clock = createMovableClock();
  return { clock, failures: createFailureCount({ clock, window: WINDOW, most: 5, ...options }) };
};

describe('the count of failures', () => {
  it('counts different ones of a group, and the same one once', () => {
    const { failures } = open();
    expect(['a', 'b', 'a', 'a', 'c'].map(what => failures.note('printer', what))).toEqual([1, 2, 2, 2, 3]);
    expect(failures.note('camera', 'a')).toBe(1);
    expect(failures.count('printer')).toBe(3);
    expect(failures.count('nobody')).toBe(0);
  });

  it('counts each one that cannot be told apart', () => {
    const { failures } = open();
    expect([1, 2, 3].map(() => failures.note('printer', null))).toEqual([1, 2, 3]);
  });

  it('counts no further than it matters', () => {
    const { failures } = open({ most: 3 });
    expect([1, 2, 3, 4, 5].map(() => failures.note('printer', null))).toEqual([1, 2, 3, 3, 3]);
  });

  it('forgets what is older than the window, but not what was repeated since', () => {
    const { clock, failures } = open();
    failures.note('printer', 'a');
    failures.note('printer', 'b');
    clock.move(WINDOW / 2);
    failures.note('printer', 'a');
    clock.move(WINDOW / 2);
    expect(failures.count('printer')).toBe(1);
    clock.move(WINDOW / 2);
    expect(failures.count('printer')).toBe(0);
  });

  it('forgets a group, or all whose name begins alike', () => {
    const { failures } = open();
    for (const group of ['192.0.2.1 a', '192.0.2.1 b', '192.0.2.10 a']) failures.note(group, 'x');
    failures.forget('192.0.2.1 a');
    expect(failures.count('192.0.2.1 a')).toBe(0);
    failures.forgetAll('192.0.2.1 ');
    expect(failures.count('192.0.2.1 b')).toBe(0);
    expect(failures.count('192.0.2.10 a')).toBe(1);
  });

  it('keeps only so many, those that failed last', () => {
    const { failures } = open({ capacity: 10 });
    for (let group = 0; group < 1_000; group++) {
      failures.note(`address ${group}`, 'a');
      failures.note(`address ${group}`, 'b');
    }
    const kept = Array.from({ length: 1_000 }, (_, group) => failures.count(`address ${group}`));
    expect(kept.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(kept.slice(-5)).toEqual([2, 2, 2, 2, 2]);
  });
});
