// Housekeeping of finished mail. What was relayed keeps its record for `queue.retention`, and with `queue.keep_content` its
// content too; what was given up keeps both for as long, so that it can be tried again. Then it is deleted, in small steps;
// spool files go after the commit. Nothing goes while somebody must still be told.
// At start it makes rows and spool files agree again; files without a row are kept aside for a week.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Database, Row, SqlValue } from '../storage/database.ts';
import type { Queue } from './queue.ts';
import type { Spool } from './spool.ts';

const LONGEST_INTERVAL: DurationMs = 3_600_000;
const SHORTEST_INTERVAL: DurationMs = 60_000;

/** How often to look for what was finished long enough ago, so that it is kept for about that long and not for much longer. */
export function sweepingInterval(retention: DurationMs): DurationMs {
  return Math.min(LONGEST_INTERVAL, Math.max(SHORTEST_INTERVAL, retention / 4));
}

/** Rows deleted in one commit: short enough that no client waits for it. */
const STEP = 500;

const DELETE_RETIRED = `DELETE FROM message WHERE id IN (
    SELECT id FROM message WHERE retired_at IS NOT NULL AND retired_at < ? LIMIT ${STEP}) RETURNING id, content`;
const GIVEN_UP = `SELECT settled_at, message_id FROM recipient WHERE state IN ('failed', 'expired')
    AND settled_at < ? AND (settled_at, message_id) > (?, ?) ORDER BY settled_at, message_id LIMIT ${STEP}`;
const deleteGivenUp = (count: number) => `DELETE FROM message
  WHERE id IN (${Array.from({ length: count }, () => '?').join(', ')}) AND NOT EXISTS (
    SELECT 1 FROM recipient WHERE message_id = message.id
      AND (state NOT IN ('relayed', 'failed', 'expired') OR report IS NOT NULL OR settled_at >= ?))
  RETURNING id, content`;

/** Deletes messages that were finished longer than `retention` ago. Returns how many. */
export async function deleteFinished(
  database: Database,
  spool: Pick<Spool, 'remove'>,
  { now, retention }: Readonly<{ now: EpochMs; retention: DurationMs }>,
): Promise<number> {
  const before = now - retention;
  const retired = await deleteRetired(database, spool, before);
  return retired + (await deleteOldGivenUp(database, spool, before));
}

async function deleteRetired(
  database: Database,
  spool: Pick<Spool, 'remove'>,
  before: EpochMs,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const result = await database.commit([{ sql: DELETE_RETIRED, params: [before] }]);
    if (result.kind !== 'committed') return deleted;
    const rows = result.effects[0]?.rows ?? [];
    await removeFiles(spool, rows);
    deleted += rows.length;
    if (rows.length < STEP) return deleted;
  }
}

async function deleteOldGivenUp(
  database: Database,
  spool: Pick<Spool, 'remove'>,
  before: EpochMs,
): Promise<number> {
  let deleted = 0;
  let after: readonly SqlValue[] = [-1, ''];
  for (;;) {
    const page = await database.read(GIVEN_UP, [before, ...after]);
    const last = page.at(-1);
    if (last === undefined) return deleted;
    const ids = [...new Set(page.map(row => String(row['message_id'])))];
    const result = await database.commit([{ sql: deleteGivenUp(ids.length), params: [...ids, before] }]);
    if (result.kind !== 'committed') return deleted;
    const rows = result.effects[0]?.rows ?? [];
    await removeFiles(spool, rows);
    deleted += rows.length;
    after = [last['settled_at'] ?? -1, last['message_id'] ?? ''];
  }
}

/** The rows are gone for good; what a crash leaves behind here is swept at the next start. */
async function removeFiles(spool: Pick<Spool, 'remove'>, rows: readonly Row[]): Promise<void> {
  for (const row of rows) if (row['content'] === 'spool') await spool.remove(String(row['id']));
}

/** Long enough that somebody notices that the database has lost rows. */
const KEPT_ASIDE: DurationMs = 7 * 24 * 3_600_000;

/**
 * Sets spool files without a row aside: mostly their client never got a 250, or their message was retired or deleted just
 * before a crash; but if the database lost rows, this is all that is left of acknowledged mail. Only the process that holds
 * the data folder may do this. Returns how many.
 */
export async function sweepOrphans(
  queue: Pick<Queue, 'spooledIds'>,
  spool: Spool,
  now: EpochMs,
): Promise<number> {
  const files = await spool.sweep();
  const owned = await queue.spooledIds();
  const orphans = files.filter(id => !owned.has(id));
  for (const id of orphans) await spool.setAside(id, now);
  return orphans.length;
}

/** Removes what was set aside long enough ago. */
export async function removeOrphans(spool: Pick<Spool, 'removeSetAside'>, now: EpochMs): Promise<number> {
  return spool.removeSetAside(now - KEPT_ASIDE);
}
