// How long an access token serves: early enough before its end another one is got, and close to its end it counts as over.
// Times are monotonic, so that a clock that is set right changes nothing. Pure.

import type { DurationMs } from '../../clock.ts';

export type TokenLife = Readonly<{
  /** From then on another one is got while this one still serves. */
  refreshAt: DurationMs;
  /** From then on it is not shown any more: it must live through a login. */
  overAt: DurationMs;
}>;

/** Where the server does not say. */
const USUAL: DurationMs = 1_800_000;
/** Whatever the server says: consents are to be used at least daily. */
const LONGEST: DurationMs = 86_400_000;
const EARLY: DurationMs = 300_000;
const SPARE: DurationMs = 10_000;

/** `askedAt`: before the request was sent. `chance`: 0 to 1, so that many upstreams do not refresh at once. */
export function tokenLife(askedAt: DurationMs, expiresIn: DurationMs | null, chance: number): TokenLife {
  const life = Math.min(expiresIn ?? USUAL, LONGEST);
  const early = Math.min(EARLY, life / 5);
  return {
    refreshAt: askedAt + life - early * (1 + chance / 2),
    overAt: askedAt + life - Math.min(SPARE, life / 20),
  };
}
