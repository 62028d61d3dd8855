// Housekeeping of finished mail: rows of relayed messages are kept for `queue.retention`, then deleted in small steps.
// At start it makes rows and spool files agree again. A failed or expired recipient is never removed here.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Database } from '../storage/database.ts';
import type { Queue } from './queue.ts';
import type { Spool } from './spool.ts';

/** Rows deleted in one commit: short enough that no client waits for it. */
const STEP = 500;

/** Deletes the rows of messages retired longer than `retention` ago. Returns how many. */
export async function deleteRetired(
  database: Database,
  now: EpochMs,
  retention: DurationMs,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const result = await database.commit([
      {
        sql: `DELETE FROM message WHERE id IN (
          SELECT id FROM message WHERE retired_at IS NOT NULL AND retired_at < ? LIMIT ?)`,
        params: [now - retention, STEP],
      },
    ]);
    if (result.kind !== 'committed') return deleted;
    const changes = result.effects[0]?.changes ?? 0;
    deleted += changes;
    if (changes < STEP) return deleted;
  }
}

/**
 * Removes spool files without a row: their client never got a 250, or their message was retired or deleted just before
 * a crash. Only the process that holds the data folder may do this. Returns how many.
 */
export async function sweepOrphans(queue: Queue, spool: Spool): Promise<number> {
  const files = await spool.sweep();
  const owned = await queue.spooledIds();
  const orphans = files.filter(id => !owned.has(id));
  for (const id of orphans) await spool.remove(id);
  return orphans.length;
}
