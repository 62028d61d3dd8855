// The time that an upstream states in a refusal: "try again in 60 seconds", "after 5 minutes", "retry after 1 hour". Only a
// time that is said of coming back counts: "500 messages in 24 hours" is a limit, not a wait. Pure.

import type { DurationMs } from '../clock.ts';

const UNITS: readonly (readonly [RegExp, DurationMs])[] = [
  [/^s/i, 1_000],
  [/^m/i, 60_000],
  [/^h/i, 3_600_000],
  [/^d/i, 86_400_000],
];

/** A day: whoever states more is asked anyway. */
const LONGEST: DurationMs = 86_400_000;

/** "again", "retry", "wait" … and then, not far behind and within the sentence, "in 5 minutes". */
const STATED =
  /\b(?:again|retry|retries|wait|resumes?|resets?|renews?|reopens?|back ?off|blocked|suspended|delay|later)\b[^.;()]{0,30}?\b(?:in|after|for|within|at least)?\s*:?\s*(\d{1,6})\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)\b/i;

/** Null where the text states none. */
export function statedWait(text: string | null): DurationMs | null {
  const [, count, unit = ''] = STATED.exec(text ?? '') ?? [];
  const length = UNITS.find(([word]) => word.test(unit))?.[1];
  if (count === undefined || length === undefined) return null;
  const wait = Number(count) * length;
  return wait > 0 ? Math.min(wait, LONGEST) : null;
}
