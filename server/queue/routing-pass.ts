// Routes what waits: mail from the command line and from before an upgrade, which has no way yet; all of it when routes or
// upstreams have changed; what nobody takes of those who are left; and what may have been delivered, when it need wait for its
// upstream no longer. In steps: accepting mail goes on meanwhile. What was routed when it was queued is only read.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Database, Statement } from '../storage/database.ts';
import { readMeta, replaceMeta } from '../storage/meta.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { Relay } from './delivery.ts';
import type { Place, Queue } from './queue.ts';
import { mayMove, type Rerouting, reroute } from './rerouting.ts';
import type { RetryPolicy } from './schedule.ts';
import { UNLESS_HELD } from './statements.ts';
import { WAITS } from './waiting.ts';
import { type WaitingRow, walkWaiting } from './walk.ts';
import type { Routes } from './way.ts';

export type RoutingPass = Readonly<{
  /** Routes what has no way, or one that is gone. Returns how many recipients; null where it could not be written. */
  run: (stopped?: () => boolean) => Promise<number | null>;
  /** Routes all anew: routes or upstreams have changed. What waits for its time in one that has is due at once. */
  runAnew: (stopped?: () => boolean) => Promise<number | null>;
}>;

type Deps = Readonly<{
  database: Database;
  queue: Pick<Queue, 'line' | 'reroute'>;
  relay: Pick<Relay, 'capacity' | 'routing'>;
  place: Place;
  /** Milliseconds of outages of a way so far. */
  outageTotal: (way: string) => DurationMs;
  /** Rises with every change of an upstream by the operator. */
  revisionOf: (upstreamId: string) => number;
  /** `queue.ambiguous_for`. */
  ambiguousFor: DurationMs;
  policy: Pick<RetryPolicy, 'retryMin' | 'retryMax'>;
  /** In [0, 1), for jitter. */
  random: () => number;
  /** When this was built. */
  buildDate: EpochMs;
  clock: Clock;
  clockTrust: ClockTrust;
  log: Log;
}>;

const MOVE = `UPDATE recipient SET way = ?, outage_mark = ?, deferrals = ?, ambiguous_since = ?`;
const FENCE = `WHERE message_id = ? AND ordinal = ? AND way = ? AND ${WAITS}`;
const ROUTE = `${MOVE} ${FENCE}`;
const ROUTE_AND_WAKE = `${MOVE}, next_attempt_at = ${UNLESS_HELD} ${FENCE}`;

export function createRoutingPass(deps: Deps): RoutingPass {
  const { database, queue, relay, place, log } = deps;
  const atStart = definitionsOf(relay.routing.routes(), deps.revisionOf);
  let known: Definitions | null = null;

  const pass = async (anew: boolean, stopped: () => boolean): Promise<number | null> => {
    const defined = definitionsOf(relay.routing.routes(), deps.revisionOf);
    // What was corrected while the server was stopped counts too.
    const before = known ?? (await readDefinitions(database)) ?? atStart;
    known = before;
    const changed = [...defined].filter(([id, definition]) => anew && definition !== before.get(id));
    const rerouting = { ...reroutingNow(deps, anew), changed: new Set(changed.map(([id]) => id)) };
    let count = 0;
    const moved: { row: WaitingRow; way: string; due: number }[] = [];
    const visit = (row: WaitingRow): readonly Statement[] => {
      const to = reroute(row, place(row.message, row.forwardPath), rerouting);
      if (to === null) return [];
      const due = to.nextAttemptAt ?? row.nextAttemptAt;
      if (due !== null) moved.push({ row, way: to.way, due });
      if (to.way !== row.way || to.nextAttemptAt !== null) count++;
      const end = [to.way, to.outageMark, to.deferrals, to.ambiguousSince];
      const fence = [row.id, row.ordinal, row.way];
      return to.nextAttemptAt === null
        ? [{ sql: ROUTE, params: [...end, ...fence] }]
        : [{ sql: ROUTE_AND_WAKE, params: [...end, to.nextAttemptAt, ...fence] }];
    };
    const isDone = await walkWaiting(database, {
      ways: way => mayMove(way, rerouting),
      held: true,
      stopped,
      visit: page => page.flatMap(visit),
      onCommitted: () => {
        for (const { row, way, due } of moved.splice(0)) queue.line.add({ way, account: row.account }, due);
      },
    });
    if (isDone && anew) known = await keepDefinitions(database, defined, before);
    if (count > 0) log('queue.routed', { recipients: count });
    return isDone ? count : null;
  };

  return {
    run: (stopped = never) => pass(false, stopped),
    runAnew: async (stopped = never) => {
      const end = queue.reroute();
      try {
        return await pass(true, stopped);
      } finally {
        end();
      }
    },
  };
}

/** By the id of a route: what it is, with the settings of its upstreams. */
type Definitions = ReadonlyMap<string, string>;

async function readDefinitions(database: Database): Promise<Definitions | null> {
  const text = await readMeta(database, 'routed_by');
  const value: unknown = text === null ? null : JSON.parse(text);
  if (!Array.isArray(value)) return null;
  return new Map(value.filter(Array.isArray).map(([id, definition]) => [String(id), String(definition)]));
}

/** Returns what is known from now on: where it could not be written, the next pass does the work again. */
async function keepDefinitions(
  database: Database,
  now: Definitions,
  before: Definitions,
): Promise<Definitions> {
  const text = JSON.stringify([...now]);
  if (text === (await readMeta(database, 'routed_by'))) return now;
  const result = await database.commit([replaceMeta('routed_by', text)]);
  return result.kind === 'committed' ? now : before;
}

function definitionsOf(routes: Routes, revisionOf: Deps['revisionOf']): Definitions {
  return new Map(
    [...routes].map(([id, ids]) => [id, JSON.stringify(ids.map(one => [one, revisionOf(one)]))]),
  );
}

function reroutingNow(deps: Deps, anew: boolean): Omit<Rerouting, 'changed'> {
  const { relay, clock, clockTrust, ambiguousFor, policy, random, buildDate, outageTotal } = deps;
  const capacity = new Map(relay.capacity().map(one => [one.upstreamId, one]));
  return {
    now: clock.now(),
    clockTrusted: clockTrust.trusted(),
    notBefore: buildDate,
    ambiguousFor,
    policy,
    random,
    routes: relay.routing.routes(),
    exists: id => capacity.has(id),
    isOpen: id => capacity.get(id)?.open === true,
    outageTotal,
    anew,
  };
}

function never(): boolean {
  return false;
}
