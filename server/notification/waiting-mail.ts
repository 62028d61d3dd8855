// What waits in the queue, as the alerts see it: how old the oldest mail is and why, and how much alert mail waits already.
// Only kind `mail` counts as old: alert mail that waits must not beget alerts about itself.

import type { EpochMs } from '../clock.ts';
import type { Database } from '../storage/database.ts';

export type OldMail = Readonly<{
  /** Recipients that have waited since before that time. */
  recipients: number;
  /** When the oldest of them was queued. */
  oldest: EpochMs;
}>;

/** Null: none. Held messages wait because somebody said so. */
export async function readOldMail(database: Database, before: EpochMs): Promise<OldMail | null> {
  const [row] = await database.read(
    `SELECT COUNT(*) AS recipients, MIN(queued_at) AS oldest FROM recipient
     JOIN message ON message.id = recipient.message_id
     WHERE state IN ('queued', 'in_flight', 'deferred') AND kind = 'mail' AND held_at IS NULL AND queued_at < ?`,
    [before],
  );
  const oldest = row?.['oldest'];
  return typeof oldest === 'number' ? { recipients: Number(row?.['recipients']), oldest } : null;
}

/** What keeps mail from the upstream that it goes to, in a sentence; null: nothing that is known. */
export async function readUpstreamTrouble(database: Database): Promise<string | null> {
  const [row] = await database.read(
    'SELECT name, paused_at, fault_kind, fault_text FROM upstream WHERE removed_at IS NULL AND is_default = 1',
  );
  if (row === undefined) return 'There is no upstream: "postern upstream add" adds one.';
  const name = String(row['name']);
  if (row['paused_at'] !== null) return `Upstream ${name} is paused: "postern upstream resume" ends that.`;
  return row['fault_kind'] === null ? null : `Upstream ${name}: ${String(row['fault_text'])}`;
}

/** Recipients of alert mail that wait. */
export async function countWaitingAlerts(database: Database): Promise<number> {
  const [row] = await database.read(
    `SELECT COUNT(*) AS recipients FROM recipient JOIN message ON message.id = recipient.message_id
     WHERE state IN ('queued', 'in_flight', 'deferred') AND kind = 'alert'`,
  );
  return Number(row?.['recipients'] ?? 0);
}
