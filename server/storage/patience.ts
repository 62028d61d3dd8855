// How long a commit for which nobody waits (a claim, a settlement) is put off, so that it shares the sync of the next one for
// which somebody does. On a disk that syncs in 20 ms each of them would else make a client wait for its 250. It costs no
// durability: what is put off is reported as committed later, never sooner. On a fast disk, or when no mail comes in,
// nothing is put off. Pure.

import type { DurationMs } from '../clock.ts';

export type Patience = Readonly<{
  /** `took`: from begin to the end of its sync. */
  committed: (took: DurationMs, options: Readonly<{ urgent: boolean; now: DurationMs }>) => void;
  /** How long to wait for an urgent one from `now` on; 0: not at all. */
  wait: (now: DurationMs) => DurationMs;
}>;

/** A sync faster than this is not worth the wait, which a timer measures in milliseconds. */
const FAST: DurationMs = 3;
const LONGEST: DurationMs = 50;
/** Commits without any urgent one among them until we think that no mail comes in any more. */
const LULL = 4;
/** Weight of the last commit in the mean. */
const WEIGHT = 0.25;

export function createPatience(): Patience {
  let mean: DurationMs = 0;
  let lastUrgent = Number.NEGATIVE_INFINITY;
  return {
    committed: (took, { urgent, now }) => {
      mean += (took - mean) * WEIGHT;
      if (urgent) lastUrgent = now;
    },
    wait: now => {
      if (mean < FAST || now - lastUrgent > LULL * mean) return 0;
      return Math.min(LONGEST, 2 * mean);
    },
  };
}
