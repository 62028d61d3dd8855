// How long, in all, no upstream that may take it could be used: the time that mail waits for without ageing. It is counted for
// each route, and for each part of a route that is left to mail which some of its upstreams cannot take. Once a message has
// waited through `queue.outage_grace` of it, it is held and the operator is told; it is never bounced for that.
// Only time in which this process ran counts, by the monotonic clock, written down in steps of at most five minutes: a clock
// that jumps by months holds nothing, and a crash forgets one step. A pause is the operator's wish and no outage.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import type { Database, Statement } from '../storage/database.ts';
import type { Capacity, Relay } from './delivery.ts';
import { holding } from './holding.ts';
import { type WaitingRow, walkWaiting } from './walk.ts';
import { openTo, parseWay, type Routes, withoutRefusals } from './way.ts';

export type Outages = Readonly<{
  /** Milliseconds of outages of a way so far: mail that is routed now has waited through none of them. */
  totalOf: (way: string) => DurationMs;
  start: () => void;
  /** Counts what has passed since the last time, and holds what has waited too long. Never rejects. */
  look: () => Promise<void>;
  /** Counts what was not yet counted. */
  stop: () => Promise<void>;
}>;

type Deps = Readonly<{
  database: Database;
  relay: Pick<Relay, 'capacity' | 'routing'>;
  /** The ways in which mail waits now. */
  ways: () => readonly string[];
  /** `queue.outage_grace`. */
  grace: DurationMs;
  clock: Clock;
  raise: RaiseAlert;
  log: Log;
}>;

const LONGEST_STEP: DurationMs = 5 * 60_000;
const SHORTEST_STEP: DurationMs = 1_000;
const SAVE = `INSERT INTO outage (route_id, total) VALUES (?, ?) ON CONFLICT (route_id) DO UPDATE SET total = excluded.total`;

/** Rejects where the database cannot be read. */
export async function createOutages(deps: Deps): Promise<Outages> {
  const { database, relay, grace, clock } = deps;
  const rows = await database.read('SELECT route_id, total FROM outage');
  const totals = new Map(rows.map(row => [String(row['route_id']), Number(row['total'])]));
  let out: ReadonlySet<string> = new Set();
  let countedAt = clock.monotonic();
  let looking: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  /** What was out at the last look and is so now counts. */
  const count = async (): Promise<readonly string[]> => {
    const passed = Math.round(clock.monotonic() - countedAt);
    countedAt = clock.monotonic();
    const routes = relay.routing.routes();
    // What was out a moment ago may be empty only because its mail is being tried.
    const ways = new Set([...routes.keys(), ...deps.ways().map(countedAs), ...out]);
    const now = waysOut(ways, routes, relay.capacity());
    const grown = [...now].filter(way => out.has(way));
    out = now;
    for (const way of grown) totals.set(way, (totals.get(way) ?? 0) + passed);
    const saves = grown.map((way): Statement => ({ sql: SAVE, params: [way, totals.get(way) ?? 0] }));
    if (saves.length > 0) await database.commit(saves);
    return grown;
  };

  const look = async (): Promise<void> => {
    const grown = await count();
    // A mark on a part of a route may lie before its first outage: its mail has waited through those of the whole route.
    const isPart = (way: string) => !relay.routing.routes().has(way);
    const over = grown.filter(way => isPart(way) || (totals.get(way) ?? 0) >= grace);
    if (over.length > 0) await holdWhatWaited(deps, totals, new Set(over));
  };

  const lookOnce = (): Promise<void> => {
    looking ??= look()
      .catch(() => undefined)
      .finally(() => {
        looking = null;
      });
    return looking;
  };

  return {
    totalOf: way => totals.get(countedAs(way)) ?? 0,
    start: () => {
      void lookOnce();
      const step = Math.min(LONGEST_STEP, Math.max(SHORTEST_STEP, grace / 20));
      timer = setInterval(() => void lookOnce(), step).unref();
    },
    look: lookOnce,
    stop: async () => {
      clearInterval(timer);
      await lookOnce();
    },
  };
}

/** Ways no upstream of which can be used, and none of which is merely paused. */
export function waysOut(
  ways: ReadonlySet<string>,
  routes: Routes,
  capacity: readonly Capacity[],
): ReadonlySet<string> {
  const known = new Map(capacity.map(one => [one.upstreamId, one]));
  const isUsable = (upstreamId: string) => {
    const { open, paused } = known.get(upstreamId) ?? { open: false, paused: false };
    return open || paused;
  };
  const isOut = (text: string) => {
    const way = parseWay(text);
    return way.kind === 'routed' && routes.has(way.routeId) && !openTo(way, routes).some(isUsable);
  };
  return new Set([...ways].filter(isOut));
}

/** An upstream that refused it for now will be tried again; one that cannot take it never helps. */
const countedAs = withoutRefusals;

async function holdWhatWaited(
  { database, grace, clock, raise, log }: Deps,
  totals: ReadonlyMap<string, DurationMs>,
  out: ReadonlySet<string>,
): Promise<void> {
  const held = new Set<string>();
  const hasWaited = ({ way, outageMark }: WaitingRow) =>
    (totals.get(countedAs(way)) ?? 0) - outageMark >= grace;
  await walkWaiting(database, {
    ways: way => out.has(countedAs(way)),
    held: false,
    visit: page => page.filter(hasWaited).flatMap(row => holding(row, 'outage', clock.now())),
    onCommitted: (_page, effects) => {
      for (const row of effects.flatMap(effect => effect.rows)) held.add(String(row['id']));
    },
  });
  if (held.size === 0) return;
  log('queue.held', { messages: held.size, reason: 'outage' });
  raise({ kind: 'mail-held', subject: 'outage', text: heldText(held.size, clock.now()) });
}

function heldText(messages: number, now: EpochMs): string {
  const [mail, it] = messages === 1 ? ['1 message is', 'it'] : [`${messages} messages are`, 'them'];
  return `${mail} held since ${new Date(now).toISOString().slice(0, 10)}: no upstream could be used for longer than queue.outage_grace. Nothing is lost. "postern upstream list" says what is wrong; once that is mended, "postern queue release --all" sends ${it}, and "postern queue list --held" shows ${it}.`;
}
