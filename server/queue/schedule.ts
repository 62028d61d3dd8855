// When to try again. Doubles from the shortest to the longest interval; jitter keeps a restart from retrying everything
// at once. Pure: time and chance are parameters. The reference prints `retryTable`.

import type { DurationMs, EpochMs } from '../clock.ts';

export type RetryPolicy = Readonly<{
  /** The first interval. */
  retryMin: DurationMs;
  /** The longest interval. */
  retryMax: DurationMs;
  /** Usable time (an upstream worked and the clock could be trusted) after which a recipient is given up. */
  expiry: DurationMs;
  /** The wait before an attempt that may have delivered the message is repeated. */
  ambiguousWait: DurationMs;
}>;

type Intervals = Pick<RetryPolicy, 'retryMin' | 'retryMax'>;

/** Half of the spread around an interval, as a share of it. */
const JITTER = 0.1;

/** The interval after the given number of deferrals (from 1), without jitter: retryMin, doubled, up to retryMax. */
export function interval(deferrals: number, policy: Intervals): DurationMs {
  const doublings = Math.min(Math.max(deferrals - 1, 0), 30);
  return Math.min(policy.retryMin * 2 ** doublings, policy.retryMax);
}

/** The time of the next try, ±10 %. `random` returns a number in [0, 1). */
export function nextAttempt(
  deferrals: number,
  now: EpochMs,
  policy: Intervals,
  random: () => number,
): EpochMs {
  const spread = 1 - JITTER + 2 * JITTER * random();
  return Math.round(now + interval(deferrals, policy) * spread);
}

/**
 * Until when, after 0, 1, 2 … deferrals, a recipient goes along with another of its message that is due: what comes due
 * within the jitter of each other is one attempt. After more deferrals: as after the last.
 */
export function together(now: EpochMs, policy: Intervals): readonly EpochMs[] {
  const intervals = retryTable(policy).map(({ after }) => after);
  return [now, ...intervals.map(after => Math.round(now + after * JITTER))];
}

/**
 * The latest time at which a correctly scheduled recipient can be due. A row further ahead was written by a clock that
 * ran in the future (a Raspberry Pi boots in 2099) and is due now.
 */
export function horizon(now: EpochMs, { retryMax, ambiguousWait }: RetryPolicy): EpochMs {
  return Math.round(now + Math.max(retryMax * (1 + JITTER), ambiguousWait));
}

/** Rows for the reference: after which try, wait how long, and how long in all. */
export function retryTable(
  policy: Intervals,
): readonly Readonly<{ attempt: number; after: DurationMs; total: DurationMs }>[] {
  const rows = [];
  let total = 0;
  for (let attempt = 1; attempt <= 12; attempt++) {
    const after = interval(attempt, policy);
    total += after;
    rows.push({ attempt, after, total });
    if (after === policy.retryMax) break;
  }
  return rows;
}
