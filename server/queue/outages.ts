// How long, in all, no upstream of a route could be used: the time that mail waits for without ageing. Once a message has
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
import { parseWay, type Routes } from './way.ts';

export type Outages = Readonly<{
  /** Milliseconds of outages of a route so far: mail that is routed now has waited through none of them. */
  totalOf: (routeId: string) => DurationMs;
  start: () => void;
  /** Counts what has passed since the last time, and holds what has waited too long. Never rejects. */
  look: () => Promise<void>;
  /** Counts what was not yet counted. */
  stop: () => Promise<void>;
}>;

type Deps = Readonly<{
  database: Database;
  relay: Pick<Relay, 'capacity' | 'routing'>;
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

  /** A route counts that was out at the last look and is so now. */
  const count = async (): Promise<readonly string[]> => {
    const passed = Math.round(clock.monotonic() - countedAt);
    countedAt = clock.monotonic();
    const now = routesOut(relay.routing.routes(), relay.capacity());
    const grown = [...now].filter(routeId => out.has(routeId));
    out = now;
    for (const routeId of grown) totals.set(routeId, (totals.get(routeId) ?? 0) + passed);
    const saves = grown.map((id): Statement => ({ sql: SAVE, params: [id, totals.get(id) ?? 0] }));
    if (saves.length > 0) await database.commit(saves);
    return grown;
  };

  const look = async (): Promise<void> => {
    const grown = await count();
    const over = grown.filter(routeId => (totals.get(routeId) ?? 0) >= grace);
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
    totalOf: routeId => totals.get(routeId) ?? 0,
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

/** Routes no upstream of which can be used, and none of which is merely paused. */
export function routesOut(routes: Routes, capacity: readonly Capacity[]): ReadonlySet<string> {
  const known = new Map(capacity.map(one => [one.upstreamId, one]));
  const isOut = (upstreams: readonly string[]) =>
    upstreams.every(id => {
      const one = known.get(id);
      return one === undefined || (!one.open && !one.paused);
    });
  return new Set([...routes].filter(([, upstreams]) => isOut(upstreams)).map(([routeId]) => routeId));
}

async function holdWhatWaited(
  { database, grace, clock, raise, log }: Deps,
  totals: ReadonlyMap<string, DurationMs>,
  routes: ReadonlySet<string>,
): Promise<void> {
  const held = new Set<string>();
  const routeOf = (way: string): string | null => {
    const parsed = parseWay(way);
    return parsed.kind === 'routed' && routes.has(parsed.routeId) ? parsed.routeId : null;
  };
  const hasWaited = ({ way, outageMark }: WaitingRow) =>
    (totals.get(routeOf(way) ?? '') ?? 0) - outageMark >= grace;
  await walkWaiting(database, {
    ways: way => routeOf(way) !== null,
    held: false,
    visit: page => {
      const ids = new Set(page.filter(hasWaited).map(({ id }) => id));
      return [...ids].flatMap(id => holding(id, 'outage', clock.now()));
    },
    onCommitted: page => {
      for (const row of page.filter(hasWaited)) held.add(row.id);
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
