// The table of alerts: what was raised, how often, and when it was last said. One row for each kind and subject.

import type { EpochMs } from '../clock.ts';
import type { Database, Row, Statement } from '../storage/database.ts';
import { type AlertKind, alertKinds } from './alert.ts';

export type StoredAlert = Readonly<{
  kind: AlertKind;
  subject: string;
  text: string;
  firstAt: EpochMs;
  lastAt: EpochMs;
  /** When it last went out, to the log at least; null: never, because too many others did. */
  saidAt: EpochMs | null;
  /** When it was last given to a channel; null: never, for there was none. */
  sentAt: EpochMs | null;
  /** How often it was raised since `firstAt`. */
  count: number;
}>;

/** More than memory ever keeps (alert-memory.ts). */
const MOST_READ = 5_000;
const NEVER = 0;

/** The last raised first. */
export async function readAlerts(database: Pick<Database, 'read'>): Promise<readonly StoredAlert[]> {
  const rows = await database.read('SELECT * FROM alert ORDER BY last_at DESC, kind, subject LIMIT ?', [
    MOST_READ,
  ]);
  return rows.flatMap(row => alertOf(row) ?? []);
}

export function putAlert(alert: StoredAlert): Statement {
  const { kind, subject, text, firstAt, lastAt, saidAt, sentAt, count } = alert;
  return {
    sql: `INSERT INTO alert (kind, subject, text, first_at, last_at, said_at, sent_at, count)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (kind, subject) DO UPDATE SET text = excluded.text, first_at = excluded.first_at,
        last_at = excluded.last_at, said_at = excluded.said_at, sent_at = excluded.sent_at, count = excluded.count`,
    params: [kind, subject, text, firstAt, lastAt, saidAt ?? NEVER, sentAt, count],
  };
}

export function deleteAlert({ kind, subject }: Pick<StoredAlert, 'kind' | 'subject'>): Statement {
  return { sql: 'DELETE FROM alert WHERE kind = ? AND subject = ?', params: [kind, subject] };
}

export function deleteAlertsBefore(end: EpochMs): Statement {
  return { sql: 'DELETE FROM alert WHERE last_at < ?', params: [end] };
}

/** Null for a kind that only another version knows. */
function alertOf(row: Row): StoredAlert | null {
  const kind = kindOf(row['kind']);
  if (kind === null) return null;
  const saidAt = Number(row['said_at']);
  return {
    kind,
    subject: String(row['subject']),
    text: String(row['text']),
    firstAt: Number(row['first_at']),
    lastAt: Number(row['last_at']),
    saidAt: saidAt === NEVER ? null : saidAt,
    sentAt: row['sent_at'] === null ? null : Number(row['sent_at']),
    count: Number(row['count']),
  };
}

function kindOf(value: unknown): AlertKind | null {
  for (const kind in alertKinds) if (isKind(kind) && kind === value) return kind;
  return null;
}

function isKind(text: string): text is AlertKind {
  return Object.hasOwn(alertKinds, text);
}
