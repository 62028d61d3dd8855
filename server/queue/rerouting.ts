// Which way a waiting recipient goes when routes are looked at again. Pure.
// Where routes changed it is routed anew and is due at once: what was corrected frees what was stuck. What may have been
// delivered stays bound to its upstream, for a limited time, or until that upstream is removed.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Placement } from './statements.ts';
import type { WaitingRow } from './walk.ts';
import { parseWay, type Routes } from './way.ts';

export type Rerouting = Readonly<{
  now: EpochMs;
  /** By a clock that cannot be trusted no binding ends. */
  clockTrusted: boolean;
  /** `queue.ambiguous_for`. */
  ambiguousFor: DurationMs;
  routes: Routes;
  /** Whether an upstream exists. */
  exists: (upstreamId: string) => boolean;
  /** Settings have changed: who refused it, or could not take it, may take it now. */
  anew: boolean;
}>;

export type Rerouted = Placement &
  Readonly<{
    /** Null: it keeps its time. */
    nextAttemptAt: EpochMs | null;
  }>;

/** `placement`: where it would go if it were queued now. Null: it stays as it is. */
export function reroute(row: WaitingRow, placement: Placement, rerouting: Rerouting): Rerouted | null {
  const way = parseWay(row.way);
  switch (way.kind) {
    case 'unrouted':
      return { ...placement, nextAttemptAt: null };
    case 'bound': {
      const mayGo = !rerouting.exists(way.upstreamId) || isOver(row.ambiguousSince, rerouting);
      return mayGo ? { ...placement, nextAttemptAt: null } : null;
    }
    case 'routed': {
      const { now, routes, anew } = rerouting;
      const isStale = !routes.has(way.routeId) || (anew && row.way !== placement.way);
      if (!isStale) return null;
      // On the same route the outages that it has waited through still count.
      const outageMark = way.routeId === placement.way ? row.outageMark : placement.outageMark;
      return { way: placement.way, outageMark, nextAttemptAt: now };
    }
    default:
      return way satisfies never;
  }
}

/** A time that lies far ahead was written by a wrong clock. */
function isOver(since: EpochMs | null, { now, clockTrusted, ambiguousFor }: Rerouting): boolean {
  if (since === null) return true;
  return clockTrusted && Math.abs(now - since) >= ambiguousFor;
}
