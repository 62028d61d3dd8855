// What is remembered of an upstream's pace across a restart, and shown by the command line: what it took in the last day, and
// how far it is slowed down. One text with wall times. What cannot be read is as if it had never been written.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Pace, Slow } from './pacing.ts';
import { countsFromStored, type SentCounts, storedCounts } from './sent-counts.ts';

export type StoredPace = Readonly<{ counts: SentCounts; slow: Slow | null }>;

/** `offset`: what the wall clock shows more than the monotonic one. */
export function writePace({ counts, slow }: Pace, offset: DurationMs): string {
  return JSON.stringify({ counts: storedCounts(counts, offset), slow: slow && shifted(slow, offset) });
}

/** Monotonic times, of this process. */
export function readPace(
  text: string | null,
  { offset, now }: Readonly<{ offset: DurationMs; now: DurationMs }>,
): StoredPace {
  const record = parsed(text);
  const slow = slowFrom(record['slow']);
  const here = slow && shifted(slow, -offset);
  // A pause that lasts longer than any was written by another clock.
  const isOdd = here !== null && (here.pausedUntil > now + LONGEST || here.since > now);
  return { counts: countsFromStored(record['counts'], { offset, now }), slow: isOdd ? null : here };
}

const LONGEST: DurationMs = 86_400_000;

function shifted(slow: Slow, by: DurationMs): Slow {
  const move = (at: EpochMs) => Math.round(at + by);
  return {
    ...slow,
    pausedUntil: move(slow.pausedUntil),
    stuckSince: slow.stuckSince === null ? null : move(slow.stuckSince),
    since: move(slow.since),
  };
}

function slowFrom(value: unknown): Slow | null {
  const given = recordOf(value);
  const number = (key: string): number => {
    const found = given[key];
    return typeof found === 'number' && Number.isFinite(found) ? found : Number.NaN;
  };
  const stuckSince = number('stuckSince');
  const reply = given['reply'];
  const slow: Slow = {
    factor: number('factor'),
    fullPerMinute: number('fullPerMinute'),
    pausedUntil: number('pausedUntil'),
    times: number('times'),
    stuckSince: Number.isNaN(stuckSince) ? null : stuckSince,
    since: number('since'),
    reply: typeof reply === 'string' ? reply : null,
  };
  const isWhole = ![slow.pausedUntil, slow.times, slow.since].some(Number.isNaN);
  return isWhole && slow.factor > 0 && slow.factor <= 1 && slow.fullPerMinute >= 1 ? slow : null;
}

function parsed(text: string | null): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(text ?? 'null'));
  } catch {
    return {};
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
