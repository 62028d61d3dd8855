// When a transaction begins, on a disk that syncs slowly: how long what waits is put off, to share a sync with what comes.
// A commit for which nobody waits (a claim, a settlement) rides with the next one for which somebody does, instead of making
// a client wait for its 250. And where several clients send at once, those that were just answered are given a moment to
// come back: else they are out of step for ever, and each sync serves half of them.
// It costs no durability: what is put off is reported as committed later, never sooner. On a fast disk nothing is put off. Pure.

import type { DurationMs } from '../clock.ts';

export type Patience = Readonly<{
  /** `took`: from begin to the end of its sync. `urgent`: groups in it for which somebody waited. */
  committed: (took: DurationMs, options: Readonly<{ urgent: number; now: DurationMs }>) => void;
  /** How long what waits may go on waiting at `now`, `urgent` groups of it with somebody behind them; 0: begin. */
  wait: (urgent: number, now: DurationMs) => DurationMs;
}>;

/** A sync faster than this is not worth the wait, which a timer measures in milliseconds. */
const FAST: DurationMs = 3;
const LONGEST: DurationMs = 50;
/** Commits without any urgent group until we think that no mail comes in any more. */
const LULL = 4;
/** The part of a commit's time that those may take to come back who were just answered. */
const MOMENT = 0.25;
/** What is there so soon after a commit came while it ran. */
const MEANWHILE: DurationMs = 0.5;
/** Weight of the last commit in the mean. */
const WEIGHT = 0.25;

export function createPatience(): Patience {
  let mean: DurationMs = 0;
  let lastUrgent = Number.NEGATIVE_INFINITY;
  let lastEnd = Number.NEGATIVE_INFINITY;
  let served = 0;
  /** How many clients seem to send at the same time: those of the last commit and those that came while it ran. */
  let clients = 0;
  return {
    committed: (took, { urgent, now }) => {
      mean += (took - mean) * WEIGHT;
      lastEnd = now;
      if (urgent === 0) return;
      lastUrgent = now;
      served = urgent;
      clients = urgent;
    },
    wait: (urgent, now) => {
      if (now - lastEnd < MEANWHILE) clients = served + urgent;
      if (mean < FAST) return 0;
      if (urgent > 0) return urgent < clients ? Math.min(LONGEST, MOMENT * mean) : 0;
      return now - lastUrgent > LULL * mean ? 0 : Math.min(LONGEST, 2 * mean);
    },
  };
}
