// Remembers for a few minutes which credentials argon2 has found right, so that a device that logs in for every message
// costs 20 ms once and microseconds after. Keeps fingerprints under a per-process key (fingerprint.ts), never passwords,
// only in memory. It says "these octets were right"; whether the account may log in now is asked anew every time.

import type { Clock, DurationMs } from '../clock.ts';

export type VerifiedCredentials = Readonly<{
  /** True within the time to live after `remember`; a hit does not prolong it. */
  has: (fingerprint: string) => boolean;
  remember: (fingerprint: string) => void;
}>;

const TIME_TO_LIVE: DurationMs = 10 * 60_000;
/** About 200 octets each; the one that was used longest ago goes first. */
const SIZE = 4096;

export function createVerifiedCredentials(
  deps: Readonly<{ clock: Clock; timeToLive?: DurationMs; size?: number }>,
): VerifiedCredentials {
  const timeToLive = deps.timeToLive ?? TIME_TO_LIVE;
  const size = deps.size ?? SIZE;
  // In the order of use: a Map keeps the order of insertion.
  const expiry = new Map<string, DurationMs>();

  return {
    has: fingerprint => {
      const until = expiry.get(fingerprint);
      if (until === undefined) return false;
      expiry.delete(fingerprint);
      if (until <= deps.clock.monotonic()) return false;
      expiry.set(fingerprint, until);
      return true;
    },
    remember: fingerprint => {
      expiry.delete(fingerprint);
      expiry.set(fingerprint, deps.clock.monotonic() + timeToLive);
      for (const oldest of expiry.keys()) {
        if (expiry.size <= size) break;
        expiry.delete(oldest);
      }
    },
  };
}
