// How many recipients an upstream takes in one transaction, as its answers have shown: asking for more costs an answer each,
// and nothing else. In memory and for an hour: it may have been a matter of those recipients, or of that moment.

import type { Clock, DurationMs } from '../clock.ts';

export type RecipientLimit = Readonly<{
  /** Null: not known. */
  now: () => number | null;
  /** It took this many and no more. */
  shown: (recipients: number) => void;
  forget: () => void;
}>;

const KEPT: DurationMs = 3_600_000;

export function createRecipientLimit(clock: Clock): RecipientLimit {
  let known: Readonly<{ recipients: number; since: DurationMs }> | null = null;
  const now = () => {
    if (known !== null && clock.monotonic() - known.since >= KEPT) known = null;
    return known?.recipients ?? null;
  };
  return {
    now,
    shown: recipients => {
      const least = Math.max(1, Math.min(recipients, now() ?? recipients));
      if (least !== now()) known = { recipients: least, since: clock.monotonic() };
    },
    forget: () => {
      known = null;
    },
  };
}
