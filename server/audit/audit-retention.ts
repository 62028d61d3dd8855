// Housekeeping of the audit: by age, and by a bound on its rows that holds whatever happens on the network.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Database, Statement } from '../storage/database.ts';
import { deleteBefore, deleteOldest } from './audit-statements.ts';

/** About 20 MB. */
export const MOST_ROWS = 100_000;
/** Rows deleted in one commit: short enough that no client waits for it. */
const STEP = 500;

/** `now` is null while the clock cannot be trusted: then nothing is too old. Returns how many were deleted; never rejects. */
export async function sweepAudit(
  database: Database,
  now: EpochMs | null,
  { retention, mostRows = MOST_ROWS }: Readonly<{ retention: DurationMs; mostRows?: number }>,
): Promise<number> {
  try {
    const old = now === null ? 0 : await deleteOld(database, now - retention);
    const [row] = await database.read('SELECT COUNT(*) AS rows FROM audit');
    const excess = Number(row?.['rows'] ?? 0) - mostRows;
    return old + (await deleteInSteps(database, left => deleteOldest(Math.min(left, STEP)), excess));
  } catch {
    return 0; // the next sweep does it
  }
}

function deleteOld(database: Database, end: EpochMs): Promise<number> {
  return deleteInSteps(database, () => deleteBefore(end, STEP), Number.POSITIVE_INFINITY);
}

async function deleteInSteps(
  database: Database,
  statement: (left: number) => Statement,
  most: number,
): Promise<number> {
  let deleted = 0;
  while (deleted < most) {
    const result = await database.commit([statement(most - deleted)]);
    const changes = result.kind === 'committed' ? (result.effects[0]?.changes ?? 0) : 0;
    if (changes === 0) break;
    deleted += changes;
  }
  return deleted;
}
