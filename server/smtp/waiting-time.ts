// How a reply says when to come back: `in 12 minutes`. One number and one unit, rounded up, so that who waits as long as
// was said does not come too early.

import type { DurationMs, EpochMs } from '../clock.ts';

const SECOND: DurationMs = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `in 1 second`, `in 30 seconds`, `in 12 minutes`, `in 3 hours`, `in 2 days`. Never less than a second. */
export function inWords(duration: DurationMs): string {
  return `in ${lengthInWords(duration)}`;
}

/** The same, and beyond an hour with the end as a time of day, for a person at a clock: `in 5 hours, at 17:20 UTC`. */
export function inWordsWithTime(duration: DurationMs, now: EpochMs): string {
  if (duration <= HOUR) return inWords(duration);
  const end = new Date(Math.ceil((now + duration) / MINUTE) * MINUTE);
  return `${inWords(duration)}, at ${end.toISOString().slice(11, 16)} UTC`;
}

/** `1 second`, `30 seconds`, `12 minutes`, `3 hours`, `2 days`. */
export function lengthInWords(duration: DurationMs): string {
  const [unit, length] = unitOf(duration);
  const count = Math.max(1, Math.ceil(duration / length));
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Up to two of the next unit are said in the smaller one: `90 seconds`, `36 hours`. */
function unitOf(duration: DurationMs): readonly [string, DurationMs] {
  if (duration < 2 * MINUTE) return ['second', SECOND];
  if (duration < 2 * HOUR) return ['minute', MINUTE];
  return duration < 2 * DAY ? ['hour', HOUR] : ['day', DAY];
}
