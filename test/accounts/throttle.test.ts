import { describe, expect, it } from 'vitest';
import { createThrottle, delayAfter, type Penalty, THROTTLE_POLICY } from '../../server/accounts/throttle.ts';
import { createMovableClock } from './support.ts';

const delay = (penalty: Penalty) => (penalty.kind === 'answer' ? penalty.delay : penalty.kind);

describe('delayAfter', () => {
  it.each([
    [0, 0],
    [1, 0],
    [2, 1000],
    [3, 2000],
    [4, 4000],
    [5, 8000],
    [6, 8000],
    [1000, 8000],
  ])('the %i. failure waits %i ms', (failures, milliseconds) => {
    expect(delayAfter(failures, THROTTLE_POLICY)).toBe(milliseconds);
  });
});

describe('the throttle', () => {
  it('slows one source down, and no other', () => {
    const throttle = createThrottle({ clock: createMovableClock() });
    const delays = ['a', 'b', 'c', 'd', 'e', 'f'].map(credential =>
      delay(throttle.failed('::1', credential)),
    );
    expect(delays).toEqual([0, 1000, 2000, 4000, 8000, 8000]);
    expect(delay(throttle.failed('192.0.2.1', 'a'))).toBe(0);
  });

  it('counts the same wrong credential once', () => {
    const throttle = createThrottle({ clock: createMovableClock() });
    const delays = Array.from({ length: 50 }, () => delay(throttle.failed('192.0.2.1', 'old password')));
    expect(new Set(delays)).toEqual(new Set([0]));
  });

  it('counts every failure that has no credential', () => {
    const throttle = createThrottle({ clock: createMovableClock() });
    expect([1, 2, 3].map(() => delay(throttle.failed('192.0.2.1', null)))).toEqual([0, 1000, 2000]);
  });

  it('forgets what is older than ten minutes', () => {
    const clock = createMovableClock();
    const throttle = createThrottle({ clock });
    for (const credential of ['a', 'b', 'c', 'd']) throttle.failed('192.0.2.1', credential);
    clock.move(5 * 60_000);
    expect(delay(throttle.failed('192.0.2.1', 'e'))).toBe(8000);
    clock.move(5 * 60_000);
    expect(delay(throttle.failed('192.0.2.1', 'f'))).toBe(1000);
    clock.move(10 * 60_000);
    expect(delay(throttle.failed('192.0.2.1', 'g'))).toBe(0);
  });

  it('lets only so many sessions wait, and hangs up on the others', () => {
    const throttle = createThrottle({
      clock: createMovableClock(),
      policy: { ...THROTTLE_POLICY, delayedSessions: 1 },
    });
    throttle.failed('192.0.2.1', 'a');
    const waiting = throttle.failed('192.0.2.1', 'b');
    expect(delay(throttle.failed('192.0.2.1', 'c'))).toBe('hang-up');
    if (waiting.kind !== 'answer') throw new Error('not waiting');
    waiting.done();
    waiting.done();
    expect(delay(throttle.failed('192.0.2.1', 'd'))).toBe(4000);
    expect(delay(throttle.failed('192.0.2.1', 'e'))).toBe('hang-up');
  });

  it('remembers only so many sources, those that failed last', () => {
    const throttle = createThrottle({
      clock: createMovableClock(),
      policy: { ...THROTTLE_POLICY, sources: 2 },
    });
    for (const source of ['one', 'two', 'one', 'three']) throttle.failed(source, null);
    expect(delay(throttle.failed('one', null))).toBe(2000);
    expect(delay(throttle.failed('two', null))).toBe(0);
  });
});
