// Routes what waits: mail from the command line and from before an upgrade, which has no way yet; all of it when routes or
// upstreams have changed; and what may have been delivered, when it need wait for its upstream no longer. In steps: accepting
// mail goes on meanwhile. What was routed when it was queued is only read.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Database, Statement } from '../storage/database.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { Relay } from './delivery.ts';
import type { Place, Queue } from './queue.ts';
import { reroute } from './rerouting.ts';
import { UNLESS_HELD } from './statements.ts';
import { type WaitingRow, walkWaiting } from './walk.ts';
import { parseWay } from './way.ts';

export type RoutingPass = Readonly<{
  /** Routes what has no way, or one that is gone. Returns how many recipients; null where it could not be written. */
  run: (stopped?: () => boolean) => Promise<number | null>;
  /** Routes all anew: routes or upstreams have changed. */
  runAnew: (stopped?: () => boolean) => Promise<number | null>;
}>;

type Deps = Readonly<{
  database: Database;
  queue: Pick<Queue, 'line'>;
  relay: Pick<Relay, 'capacity' | 'routing'>;
  place: Place;
  /** `queue.ambiguous_for`. */
  ambiguousFor: DurationMs;
  clock: Clock;
  clockTrust: ClockTrust;
  log: Log;
}>;

const ROUTE = `UPDATE recipient SET way = ?, outage_mark = ?, ambiguous_since = NULL
  WHERE message_id = ? AND ordinal = ? AND way = ? AND state IN ('queued', 'deferred')`;
const ROUTE_AND_WAKE = `UPDATE recipient SET way = ?, outage_mark = ?, next_attempt_at = ${UNLESS_HELD}
  WHERE message_id = ? AND ordinal = ? AND way = ? AND state IN ('queued', 'deferred')`;

export function createRoutingPass(deps: Deps): RoutingPass {
  const { database, queue, relay, place, clock, log } = deps;

  const pass = async (anew: boolean, stopped: () => boolean): Promise<number | null> => {
    const routes = relay.routing.routes();
    const upstreams = new Set(relay.capacity().map(({ upstreamId }) => upstreamId));
    const rerouting = {
      now: clock.now(),
      clockTrusted: deps.clockTrust.trusted(),
      ambiguousFor: deps.ambiguousFor,
      routes,
      exists: (id: string) => upstreams.has(id),
      anew,
    };
    const mayChange = (way: string): boolean => {
      const parsed = parseWay(way);
      return anew || parsed.kind !== 'routed' || !routes.has(parsed.routeId);
    };
    let count = 0;
    const moved: { row: WaitingRow; way: string; due: number }[] = [];
    const visit = (row: WaitingRow): readonly Statement[] => {
      const to = reroute(row, place(row.message, row.forwardPath), rerouting);
      if (to === null) return [];
      const due = to.nextAttemptAt ?? row.nextAttemptAt;
      if (due !== null) moved.push({ row, way: to.way, due });
      count++;
      const fence = [row.id, row.ordinal, row.way];
      return to.nextAttemptAt === null
        ? [{ sql: ROUTE, params: [to.way, to.outageMark, ...fence] }]
        : [{ sql: ROUTE_AND_WAKE, params: [to.way, to.outageMark, to.nextAttemptAt, ...fence] }];
    };
    const isDone = await walkWaiting(database, {
      ways: mayChange,
      held: true,
      stopped,
      visit: page => page.flatMap(visit),
      onCommitted: () => {
        for (const { row, way, due } of moved.splice(0)) queue.line.add({ way, account: row.account }, due);
      },
    });
    if (count > 0) log('queue.routed', { recipients: count });
    return isDone ? count : null;
  };

  return {
    run: (stopped = never) => pass(false, stopped),
    runAnew: (stopped = never) => pass(true, stopped),
  };
}

function never(): boolean {
  return false;
}
