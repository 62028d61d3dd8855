import { describe, expect, it } from 'vitest';
import { horizon, interval, nextAttempt, retryTable } from '../../server/queue/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const policy = { retryMin: MINUTE, retryMax: HOUR, expiry: 96 * HOUR, ambiguousWait: 10 * MINUTE };

describe('the interval between two tries', () => {
  it.each([
    [1, MINUTE],
    [2, 2 * MINUTE],
    [3, 4 * MINUTE],
    [6, 32 * MINUTE],
    [7, HOUR],
    [1000, HOUR],
  ])('after %i deferrals is %i ms', (deferrals, expected) => {
    expect(interval(deferrals, policy)).toBe(expected);
  });

  it('spreads by ten per cent to either side', () => {
    expect(nextAttempt(1, 0, policy, () => 0)).toBe(54_000);
    expect(nextAttempt(1, 0, policy, () => 0.5)).toBe(MINUTE);
    expect(nextAttempt(1, 0, policy, () => 0.999_999)).toBe(66_000);
  });

  it('never schedules beyond the horizon', () => {
    for (let deferrals = 1; deferrals < 20; deferrals++) {
      expect(nextAttempt(deferrals, 5_000, policy, () => 0.999_999)).toBeLessThanOrEqual(
        horizon(5_000, policy),
      );
    }
  });

  it('lets the horizon lie beyond the wait of what may have been delivered', () => {
    expect(horizon(5_000, { ...policy, ambiguousWait: 24 * HOUR })).toBe(5_000 + 24 * HOUR);
  });

  it('is tabled until it no longer grows', () => {
    const table = retryTable(policy);
    expect(table.at(0)).toEqual({ attempt: 1, after: MINUTE, total: MINUTE });
    expect(table.at(-1)).toEqual({ attempt: 7, after: HOUR, total: 63 * MINUTE + HOUR });
  });
});
