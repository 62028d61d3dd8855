// Which way a waiting recipient goes when routes are looked at again. Pure.
// Where its route changed, or the settings of an upstream of it, it is due at once: what was corrected frees what was stuck.
// Where only an upstream that has refused it for now still works, that one is tried again. What may have been delivered stays
// bound to its upstream, for a limited time, or until that upstream is removed; then another one of its route has its turn.

import type { DurationMs, EpochMs } from '../clock.ts';
import { nextAttempt, type RetryPolicy } from './schedule.ts';
import type { Placement } from './statements.ts';
import type { WaitingRow } from './walk.ts';
import {
  afterRefusal,
  hasRefusals,
  openTo,
  parseWay,
  type Routes,
  type Way,
  withoutRefusals,
} from './way.ts';

export type Rerouting = Readonly<{
  now: EpochMs;
  /** By a clock that cannot be trusted no binding ends. */
  clockTrusted: boolean;
  /** No right clock shows less. */
  notBefore: EpochMs;
  /** `queue.ambiguous_for`. */
  ambiguousFor: DurationMs;
  policy: Pick<RetryPolicy, 'retryMin' | 'retryMax'>;
  /** In [0, 1). */
  random: () => number;
  routes: Routes;
  /** Whether an upstream exists. */
  exists: (upstreamId: string) => boolean;
  /** Whether mail should go to an upstream now. */
  isOpen: (upstreamId: string) => boolean;
  /** Milliseconds of outages of a way so far. */
  outageTotal: (way: string) => DurationMs;
  /** Settings have changed: who refused it, or could not take it, may take it now. */
  anew: boolean;
  /** Routes that go to other upstreams now, or to upstreams whose settings have changed. */
  changed: ReadonlySet<string>;
}>;

export type Rerouted = Placement &
  Readonly<{
    /** Null: it keeps its time. */
    nextAttemptAt: EpochMs | null;
    deferrals: number;
    ambiguousSince: EpochMs | null;
  }>;

/** Whether a waiting recipient may have to go another way. */
export function mayMove(text: string, rerouting: Pick<Rerouting, 'anew' | 'routes' | 'isOpen'>): boolean {
  const way = parseWay(text);
  return rerouting.anew || way.kind !== 'routed' || isGone(way, rerouting.routes) || isStuck(way, rerouting);
}

/** `placement`: where it would go if it were queued now. Null: it stays as it is. */
export function reroute(row: WaitingRow, placement: Placement, rerouting: Rerouting): Rerouted | null {
  const { now, routes, anew, outageTotal } = rerouting;
  const { deferrals } = row;
  const way = parseWay(row.way);
  const placed = { ...placement, deferrals, ambiguousSince: null };
  switch (way.kind) {
    case 'unrouted':
      return { ...placed, nextAttemptAt: null };
    case 'bound': {
      if (!rerouting.exists(way.upstreamId)) return { ...placed, nextAttemptAt: null };
      return unbound(row, way.upstreamId, placed, rerouting);
    }
    case 'routed': {
      if (isGone(way, routes) || (anew && row.way !== placement.way)) {
        // On the same route the outages that it has waited through still count.
        const waitedThrough = outageTotal(row.way) - row.outageMark;
        const isSame = way.routeId === placement.way;
        const outageMark = placement.outageMark - (isSame ? waitedThrough : 0);
        // Due at once, and in its old place among what waits.
        return { ...placed, outageMark, nextAttemptAt: Math.min(row.queuedAt, now) };
      }
      if (!isStuck(way, rerouting)) return corrected(row, way, rerouting);
      const nextAttemptAt = nextAttempt(deferrals + 1, now, rerouting.policy, rerouting.random);
      const again = { way: withoutRefusals(row.way), outageMark: row.outageMark };
      return { ...again, deferrals: deferrals + 1, ambiguousSince: null, nextAttemptAt };
    }
    default:
      return way satisfies never;
  }
}

type Routed = Extract<Way, { kind: 'routed' }>;

/** The route is no longer, or has lost those upstreams that could take it. */
function isGone(way: Routed, routes: Routes): boolean {
  const upstreams = routes.get(way.routeId);
  if (upstreams === undefined) return true;
  return upstreams.length > 0 && openTo(way, routes).length === 0;
}

/** Who is left does not work, and who has refused it for now does. */
function isStuck(way: Routed, { routes, isOpen }: Pick<Rerouting, 'routes' | 'isOpen'>): boolean {
  if (!hasRefusals(way) || openTo(way, routes).some(isOpen)) return false;
  return openTo({ ...way, refused: [] }, routes).some(isOpen);
}

/** It stays in its way, and need not wait for its time any more. Null: nothing has changed for it. */
function corrected(row: WaitingRow, { routeId }: Routed, { now, changed }: Rerouting): Rerouted | null {
  const { way, outageMark, deferrals, ambiguousSince, nextAttemptAt, queuedAt } = row;
  if (!changed.has(routeId) || nextAttemptAt === null || nextAttemptAt <= now) return null;
  return { way, outageMark, deferrals, ambiguousSince, nextAttemptAt: Math.min(queuedAt, now) };
}

/** Null: it still may have been delivered, and the upstream may still know that. */
function unbound(
  row: WaitingRow,
  upstreamId: string,
  placed: Omit<Rerouted, 'nextAttemptAt'>,
  { now, clockTrusted, notBefore, ambiguousFor, routes }: Rerouting,
): Rerouted | null {
  const { way, outageMark, deferrals, ambiguousSince: since } = row;
  const free = { ...placed, way: past(upstreamId, placed.way, routes), nextAttemptAt: null };
  if (since === null) return free;
  if (!clockTrusted) return null;
  // Written by a clock that was wrong: nobody knows for how long, so it counts from now.
  if (since < notBefore || since > now) {
    return { way, outageMark, deferrals, ambiguousSince: now, nextAttemptAt: null };
  }
  return now - since >= ambiguousFor ? free : null;
}

/** Another upstream of the route comes first: this one would only have the next attempt too, and the one after that. */
function past(upstreamId: string, text: string, routes: Routes): string {
  const way = parseWay(text);
  if (!openTo(way, routes).includes(upstreamId)) return text;
  const next = afterRefusal(way, upstreamId, 'refused', routes);
  return next.kind === 'next' ? next.way : text;
}
