// Makes a database from a backup fit to start: proven whole, of today's schema, and with every message that waits held. For
// what was relayed since the backup was made waits in it still, and would be sent again: only a person can decide that.

import { rmSync } from 'node:fs';
import type { EpochMs } from '../clock.ts';
import type { Row } from '../storage/database.ts';
import { type LostWithKey, lostFromRows, SELECT_LOST_WITH_KEY } from '../storage/lost-with-key.ts';
import { migrate, migrations } from '../storage/migrate.ts';
import {
  type Connection,
  isPosternDatabase,
  openConnection,
  pragmaNumber,
  textOf,
} from '../storage/sqlite.ts';

export type HeldMail = Readonly<{
  /** Messages held now, and those of them that were held already for another reason. */
  messages: number;
  heldBefore: number;
  /** Recipients that wait. */
  recipients: number;
  /** What is of no use without the sealing key. */
  sealed: LostWithKey;
}>;

type Made = HeldMail | Readonly<{ kind: 'broken'; why: string }>;

/** Works on the file in place; nobody else has it open. Leaves one file, without log. */
export function prepareDatabase(path: string, now: EpochMs): Made {
  const trouble = troubleOf(path);
  if (trouble !== null) return { kind: 'broken', why: trouble };
  const { copy } = migrate({ path });
  if (copy !== null) rmSync(copy);
  const connection = openConnection(path, 'durable');
  try {
    hold(connection, now);
    return countHeld(connection);
  } finally {
    connection.close();
  }
}

function troubleOf(path: string): string | null {
  let connection: Connection | null = null;
  try {
    connection = openConnection(path, 'durable');
    if (!isPosternDatabase(connection)) return 'its database is not one of Postern';
    const schema = pragmaNumber(connection, 'user_version');
    if (schema > migrations.length)
      return `it was made by a newer Postern (schema ${schema}, this one knows ${migrations.length}): install that version`;
    const found = connection.prepare<[], string>('PRAGMA integrity_check(1)').pluck().get();
    return found === 'ok' ? null : `its database is damaged: ${found}`;
  } catch (error) {
    return `its database is damaged: ${textOf(error)}`;
  } finally {
    connection?.close();
  }
}

const WAITS = `state IN ('queued', 'deferred')`;

function hold(connection: Connection, now: EpochMs): void {
  connection.exec('BEGIN IMMEDIATE');
  // What was in flight may have been delivered: later it goes only to the upstream that may have it.
  connection
    .prepare(
      `UPDATE recipient SET state = 'deferred', ambiguous_since = COALESCE(ambiguous_since, ?),
        way = CASE WHEN upstream_id IS NULL THEN way ELSE '=' || upstream_id END,
        last_reply = 'Restored from a backup that was made during this attempt; it may have been delivered',
        lease = NULL, lease_expires_at = NULL, phase = NULL WHERE state = 'in_flight'`,
    )
    .run(now);
  connection
    .prepare(
      `UPDATE message SET held_at = ?, held_because = 'restored' WHERE held_at IS NULL
        AND EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id AND ${WAITS})`,
    )
    .run(now);
  connection.prepare(`UPDATE recipient SET next_attempt_at = NULL WHERE ${WAITS}`).run();
  connection.exec('COMMIT');
}

function countHeld(connection: Connection): HeldMail {
  const numberOf = (sql: string): number => connection.prepare<[], number>(sql).pluck().get() ?? 0;
  const held = `SELECT COUNT(*) FROM message WHERE held_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id AND ${WAITS})`;
  return {
    messages: numberOf(held),
    heldBefore: numberOf(`${held} AND COALESCE(held_because, '') <> 'restored'`),
    recipients: numberOf(`SELECT COUNT(*) FROM recipient WHERE ${WAITS}`),
    sealed: lostFromRows(connection.prepare<[], Row>(SELECT_LOST_WITH_KEY).all()),
  };
}
