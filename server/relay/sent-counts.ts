// How many messages an upstream took in the last hour and the last day: counted in slices of five minutes, so that a day is
// a few hundred numbers. A slice counts until all of it has left the window: rather a little less than a little more. Times
// are monotonic; as text, for a restart, they are wall times. Pure.

import type { DurationMs, EpochMs } from '../clock.ts';

/** Oldest first. `at`: when the slice began. */
export type SentCounts = readonly Readonly<{ at: DurationMs; count: number }>[];

export const NO_COUNTS: SentCounts = [];
export const HOUR: DurationMs = 3_600_000;
export const DAY: DurationMs = 86_400_000;

const SLICE: DurationMs = 300_000;

export function counted(counts: SentCounts, now: DurationMs): SentCounts {
  const last = counts.at(-1);
  if (last !== undefined && now >= last.at && now < last.at + SLICE) {
    return [...counts.slice(0, -1), { at: last.at, count: last.count + 1 }];
  }
  return [...counts.filter(slice => isWithin(slice.at, DAY, now)), { at: now, count: 1 }];
}

export function sentWithin(counts: SentCounts, window: DurationMs, now: DurationMs): number {
  let sum = 0;
  for (const { at, count } of counts) if (isWithin(at, window, now)) sum += count;
  return sum;
}

/** Until fewer than `limit` messages stand in the window; 0 where it is so already. */
export function waitForRoom(
  counts: SentCounts,
  { window, limit, now }: Readonly<{ window: DurationMs; limit: number; now: DurationMs }>,
): DurationMs {
  let sent = sentWithin(counts, window, now);
  for (const { at, count } of counts) {
    if (sent < limit) break;
    if (!isWithin(at, window, now)) continue;
    sent -= count;
    if (sent < limit) return at + SLICE + window - now;
  }
  return 0;
}

export type StoredCounts = readonly (readonly [at: EpochMs, count: number])[];

/** `offset`: what the wall clock shows more than the monotonic one. */
export function storedCounts(counts: SentCounts, offset: DurationMs): StoredCounts {
  return counts.map(({ at, count }) => [Math.round(at + offset), count] as const);
}

/** What lies in the future was written by a wrong clock, and does not count. */
export function countsFromStored(
  stored: unknown,
  { offset, now }: Readonly<{ offset: DurationMs; now: DurationMs }>,
): SentCounts {
  if (!Array.isArray(stored)) return NO_COUNTS;
  const slices = stored.flatMap((slice: unknown) => {
    const [at, count]: readonly unknown[] = Array.isArray(slice) ? slice : [];
    return typeof at === 'number' && typeof count === 'number' ? [{ at: at - offset, count }] : [];
  });
  return slices.filter(({ at }) => at <= now && isWithin(at, DAY, now));
}

function isWithin(at: DurationMs, window: DurationMs, now: DurationMs): boolean {
  return now < at + SLICE + window;
}
