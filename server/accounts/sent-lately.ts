// What an account has sent and what of it waits, for the operator: read from the rows, not from the server's memory. Only
// what counts against a limit is recorded, so accounts without limits have sent nothing here.

import type { EpochMs } from '../clock.ts';
import type { Database, Row } from '../storage/database.ts';

export type SentLately = Readonly<{
  /** Messages accepted in the last 60 seconds, 60 minutes, 24 hours. */
  minute: number;
  hour: number;
  day: number;
  /** Recipients of those of 24 hours. */
  recipients: number;
  /** Octets of its messages that wait. */
  waiting: number;
}>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export async function readSentLately(
  database: Pick<Database, 'read'>,
  accountId: string,
  now: EpochMs,
): Promise<SentLately> {
  const [row = {}] = await database.read(
    `SELECT COUNT(*) AS day, SUM(recipients) AS recipients,
       SUM(CASE WHEN sent_at > ? THEN 1 ELSE 0 END) AS hour, SUM(CASE WHEN sent_at > ? THEN 1 ELSE 0 END) AS minute
     FROM sending WHERE account_id = ? AND sent_at > ?`,
    [now - HOUR, now - MINUTE, accountId, now - DAY],
  );
  const [queued = {}] = await database.read(
    `SELECT SUM(size) AS waiting FROM message WHERE account_id = ? AND content <> 'gone'`,
    [accountId],
  );
  return {
    minute: sumOf(row, 'minute'),
    hour: sumOf(row, 'hour'),
    day: sumOf(row, 'day'),
    recipients: sumOf(row, 'recipients'),
    waiting: sumOf(queued, 'waiting'),
  };
}

/** A sum over no rows is NULL. */
function sumOf(row: Row, column: string): number {
  const value = row[column];
  return typeof value === 'number' ? value : 0;
}
