// One upstream's share of the runner's loop: what is claimed for it and not yet started, by account, so that the next to
// start is another account's; and how much may be claimed ahead, so that a free place never waits for a commit, and yet what
// stands ready is gone within about a second: it stands in the way of nobody for longer.

import type { Clock, DurationMs } from '../clock.ts';
import type { Claim } from './message.ts';

export type Lane = {
  readonly ready: Ready;
  readonly pace: Pace;
  /** Started, but not yet known to the relay: its free places do not count them. */
  opening: number;
  /** Started and not delivered. */
  delivering: number;
  /** Of these, messages from spool files. */
  large: number;
  claiming: boolean;
  /** Since when there is neither a place nor a delivery; null: there is. */
  idleSince: DurationMs | null;
  /** When was last looked for accounts of which nothing is ready. */
  lookedAt: DurationMs;
};

export type Ready = Readonly<{
  put: (claims: readonly Claim[]) => void;
  /** The next that fits: the accounts in turn, the first claimed of each. */
  take: (fits: (claim: Claim) => boolean) => Claim | undefined;
  takeAll: () => readonly Claim[];
  size: () => number;
  has: (account: string) => boolean;
}>;

export type Pace = Readonly<{
  delivered: () => void;
  /** How many may be claimed ahead: as many as were delivered within the last second. */
  ahead: () => number;
}>;

/** More would gain nothing: commits are faster than this many deliveries. */
export const MOST_AHEAD = 32;
const PACE_OVER: DurationMs = 1_000;

export function createLane(clock: Clock): Lane {
  return {
    ready: createReady(),
    pace: createPace(clock),
    opening: 0,
    delivering: 0,
    large: 0,
    claiming: false,
    idleSince: null,
    lookedAt: Number.NEGATIVE_INFINITY,
  };
}

export function createReady(): Ready {
  /** In the order of their turns. */
  const byAccount = new Map<string, Claim[]>();
  let size = 0;

  return {
    put: claims => {
      for (const claim of claims) {
        const account = claim.message.accountId ?? '';
        const known = byAccount.get(account);
        if (known) known.push(claim);
        else byAccount.set(account, [claim]);
      }
      size += claims.length;
    },
    take: fits => {
      for (const [account, claims] of byAccount) {
        const index = claims.findIndex(fits);
        if (index < 0) continue;
        const [taken] = claims.splice(index, 1);
        byAccount.delete(account);
        if (claims.length > 0) byAccount.set(account, claims); // behind the others
        size--;
        return taken;
      }
      return undefined;
    },
    takeAll: () => {
      const all = [...byAccount.values()].flat();
      byAccount.clear();
      size = 0;
      return all;
    },
    size: () => size,
    has: account => byAccount.has(account),
  };
}

export function createPace(clock: Clock): Pace {
  /** The last deliveries, oldest first. */
  const times: DurationMs[] = [];
  return {
    delivered: () => {
      times.push(clock.monotonic());
      if (times.length > MOST_AHEAD) times.shift();
    },
    ahead: () => {
      const since = clock.monotonic() - PACE_OVER;
      while (times[0] !== undefined && times[0] < since) times.shift();
      return times.length;
    },
  };
}
