// How fast message data arrives, in windows of half a minute: a window that brought enough is followed by a new one, so
// a fast beginning never pays for a slow end. Time in which the client waits for us is in no window.

import type { DurationMs } from '../clock.ts';
import { DATA_WINDOW, type Progress } from './deadlines.ts';

export type DataProgress = Readonly<{
  /** From now on the client waits for us; or no longer. */
  hold: (now: DurationMs) => void;
  release: (now: DurationMs) => void;
  /** The window as it stands at `now`, when `received` octets have come since the beginning. */
  at: (received: number, now: DurationMs) => Progress['data'];
}>;

/** `rate`: octets a second that are enough. */
export function createDataProgress(begun: DurationMs, rate: number): DataProgress {
  let windowSince = begun;
  let counted = 0;
  let heldSince: DurationMs | null = null;

  /** As much later as the client was held. */
  const moveWindow = (now: DurationMs) => {
    if (heldSince !== null) windowSince += now - heldSince;
  };

  return {
    hold: now => {
      heldSince ??= now;
    },
    release: now => {
      moveWindow(now);
      heldSince = null;
    },
    at: (received, now) => {
      moveWindow(now);
      if (heldSince !== null) heldSince = now;
      const enough = (rate * DATA_WINDOW) / 1000;
      if (now - windowSince >= DATA_WINDOW && received - counted >= enough) {
        windowSince = now;
        counted = received;
      }
      return { windowSince, octets: received - counted };
    },
  };
}
