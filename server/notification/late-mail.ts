// Marks the mail about which a sender is told that it is late: waiting longer than `queue.delay_after`, once for each
// recipient. Not where NOTIFY leaves delays out, not what an operator holds, and not what waits because the operator paused
// its upstream. Nothing is marked by a clock that cannot be trusted.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Relay } from '../queue/delivery.ts';
import type { Database } from '../storage/database.ts';
import { isLate } from './report-decision.ts';

type Deps = Readonly<{
  database: Database;
  relay: Pick<Relay, 'capacity' | 'routing'>;
  /** `queue.delay_after`. */
  delayAfter: DurationMs;
}>;

/** Recipients marked in one commit: short enough that no client waits for it. */
const STEP = 500;

const LATE = `state IN ('queued', 'deferred') AND next_attempt_at IS NOT NULL AND delay_reported_at IS NULL
  AND report IS NULL AND (notify IS NULL OR (',' || notify || ',') LIKE '%,delay,%')
  AND EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND kind = 'mail' AND held_at IS NULL
    AND queued_at <= ?)`;

/** Returns how many recipients were marked. Rejects where the database cannot be read. */
export async function markLateMail({ database, relay, delayAfter }: Deps, now: EpochMs): Promise<number> {
  const before = now - delayAfter;
  const rows = await database.read(
    `SELECT DISTINCT way FROM recipient WHERE state IN ('queued', 'deferred')`,
  );
  const upstreams = relay.capacity();
  const routes = relay.routing.routes();
  const ways = rows.map(row => String(row['way'])).filter(way => isLate(way, upstreams, routes));
  let marked = 0;
  for (const way of ways) marked += await markWay(database, way, { now, before });
  return marked;
}

async function markWay(
  database: Database,
  way: string,
  { now, before }: Readonly<{ now: EpochMs; before: EpochMs }>,
): Promise<number> {
  for (let marked = 0; ; ) {
    const rows = await database.read(
      `SELECT DISTINCT message_id FROM recipient WHERE way = ? AND ${LATE} LIMIT ?`,
      [way, before, STEP],
    );
    if (rows.length === 0) return marked;
    const ids = rows.map(row => String(row['message_id']));
    const result = await database.commit([
      {
        sql: `UPDATE recipient SET report = 'delay', delay_reported_at = ?
          WHERE message_id IN (${ids.map(() => '?').join(', ')}) AND way = ? AND ${LATE}`,
        params: [now, ...ids, way, before],
      },
    ]);
    const changes = result.kind === 'committed' ? (result.effects[0]?.changes ?? 0) : 0;
    marked += changes;
    if (changes === 0 || rows.length < STEP) return marked;
  }
}
