// Marks the mail about which a sender is told that it is late: waiting longer than `queue.delay_after`, once for each
// recipient. Not where NOTIFY leaves delays out, not what an operator holds, and not what waits because its upstream is paused
// or at fault, or was so a moment ago. Nothing is marked by a clock that cannot be trusted. However much waits, it is seen a page at a time, each
// row once in a pass, and no commit of others waits for more than a page.

import { setTimeout as sleep } from 'node:timers/promises';
import type { DurationMs, EpochMs } from '../clock.ts';
import type { Pair } from '../queue/line.ts';
import { readPairs, WAITS } from '../queue/waiting.ts';
import type { Database, Row, SqlValue } from '../storage/database.ts';

type Deps = Readonly<{
  database: Database;
  /** Whether mail on this way that waits for long is late (working-upstreams.ts). */
  isLate: (way: string) => boolean;
  /** `queue.delay_after`. */
  delayAfter: DurationMs;
  /** Asked between pages: the process ends. */
  stopped?: () => boolean;
}>;

/** Rows seen at once, and marked in one commit: short enough that no client waits for it. */
const PAGE = 250;
/** After a page of which something was marked. */
const PAUSE: DurationMs = 10;

const IS_LATE = `delay_reported_at IS NULL AND report IS NULL
  AND (notify IS NULL OR (',' || notify || ',') LIKE '%,delay,%')
  AND EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND kind = 'mail' AND held_at IS NULL
    AND queued_at <= ?)`;
/**
 * In the order of the index recipient_waiting. What is held has no time and is after nothing; to say so here would keep the
 * index from beginning where the page does.
 */
const SELECT_PAGE = `SELECT message_id, ordinal, next_attempt_at, CASE WHEN ${IS_LATE} THEN 1 ELSE 0 END AS late
  FROM recipient WHERE ${WAITS} AND way = ? AND account_id = ?
    AND (next_attempt_at, message_id, ordinal) > (?, ?, ?)
  ORDER BY next_attempt_at, message_id, ordinal LIMIT ${PAGE}`;
const MARK = `UPDATE recipient SET report = 'delay', delay_reported_at = ?
  WHERE message_id = ? AND ordinal = ? AND ${WAITS} AND next_attempt_at IS NOT NULL AND ${IS_LATE}`;

type Times = Readonly<{ now: EpochMs; before: EpochMs }>;

/** Returns how many recipients were marked. Rejects where the database cannot be read. */
export async function markLateMail(deps: Deps, now: EpochMs): Promise<number> {
  const { database, isLate, delayAfter, stopped } = deps;
  const pairs = (await readPairs(database)).filter(({ way }) => isLate(way));
  let marked = 0;
  for (const pair of pairs) {
    if (stopped?.()) break;
    marked += await markPair(deps, pair, { now, before: now - delayAfter });
  }
  return marked;
}

async function markPair({ database, stopped }: Deps, { way, account }: Pair, times: Times): Promise<number> {
  let marked = 0;
  let after: readonly SqlValue[] = [-1, '', -1];
  for (;;) {
    const page = await database.read(SELECT_PAGE, [times.before, way, account, ...after]);
    const last = page.at(-1);
    if (last === undefined) return marked;
    const late = page.filter(row => row['late'] === 1);
    if (late.length > 0) {
      const changes = await mark(database, late, times);
      // Refused: the next pass tries it again.
      if (changes === null) return marked;
      marked += changes;
      await sleep(PAUSE);
    }
    if (page.length < PAGE || stopped?.()) return marked;
    after = [last['next_attempt_at'] ?? null, last['message_id'] ?? null, last['ordinal'] ?? null];
  }
}

async function mark(
  database: Database,
  late: readonly Row[],
  { now, before }: Times,
): Promise<number | null> {
  const result = await database.commit(
    late.map(row => ({
      sql: MARK,
      params: [now, row['message_id'] ?? null, row['ordinal'] ?? null, before],
    })),
  );
  if (result.kind !== 'committed') return null;
  return result.effects.reduce((sum, { changes }) => sum + changes, 0);
}
