// Remembers for a few minutes which passwords argon2 has found right, so that a device that logs in for every message
// costs 20 ms once and microseconds after. Keeps fingerprints under a per-process key (fingerprint.ts), never passwords,
// only in memory, each with the credential that matched: a password that was replaced, or whose changeover has ended, is
// remembered in vain. Whether the account may log in now is asked anew every time.

import type { Clock, DurationMs } from '../clock.ts';

/** Which credential of which account; neither id nor version is ever used again. */
export type Matched = Readonly<{ accountId: string; version: number }>;

export type VerifiedCredentials = Readonly<{
  /** What matched, within the time to live after `remember`; a hit does not prolong it. */
  find: (fingerprint: string) => Matched | null;
  remember: (fingerprint: string, matched: Matched) => void;
}>;

const TIME_TO_LIVE: DurationMs = 10 * 60_000;
/** About 200 octets each; the one that was used longest ago goes first. */
const SIZE = 4096;

type Remembered = Readonly<{ matched: Matched; until: DurationMs }>;

export function createVerifiedCredentials(
  deps: Readonly<{ clock: Clock; timeToLive?: DurationMs; size?: number }>,
): VerifiedCredentials {
  const timeToLive = deps.timeToLive ?? TIME_TO_LIVE;
  const size = deps.size ?? SIZE;
  // In the order of use: a Map keeps the order of insertion.
  const remembered = new Map<string, Remembered>();

  return {
    find: fingerprint => {
      const found = remembered.get(fingerprint);
      if (found === undefined) return null;
      remembered.delete(fingerprint);
      if (found.until <= deps.clock.monotonic()) return null;
      remembered.set(fingerprint, found);
      return found.matched;
    },
    remember: (fingerprint, matched) => {
      remembered.delete(fingerprint);
      remembered.set(fingerprint, { matched, until: deps.clock.monotonic() + timeToLive });
      for (const oldest of remembered.keys()) {
        if (remembered.size <= size) break;
        remembered.delete(oldest);
      }
    },
  };
}
