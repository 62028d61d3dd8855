// Every SQL statement about the audit, one function each.

import type { EpochMs } from '../clock.ts';
import type { Statement } from '../storage/database.ts';
import type { Actor, AuditFact } from './audit-entry.ts';

/** Names and details have bounds of their own; this one holds whatever is passed in. */
const LONGEST_TEXT = 500;

const INSERT = `INSERT INTO audit (id, happened_at, actor, action, object, address, detail, count, last_at, account)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export type AuditRow = Readonly<{
  id: string;
  /** Of the first of the facts, and of the last. */
  at: EpochMs;
  lastAt: EpochMs;
  actor: Actor;
  fact: AuditFact;
  count: number;
}>;

export function insertAuditRow(row: AuditRow): Statement {
  return { sql: INSERT, params: paramsOf(row) };
}

/** A row as it is now, whether it was written before or not. */
export function putAuditRow(row: AuditRow): Statement {
  return {
    sql: `${INSERT} ON CONFLICT (id) DO UPDATE SET count = excluded.count, last_at = excluded.last_at`,
    params: paramsOf(row),
  };
}

/** Rows from before `end`, at most `step` of them. */
export function deleteBefore(end: EpochMs, step: number): Statement {
  return {
    sql: 'DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE happened_at < ? ORDER BY happened_at LIMIT ?)',
    params: [end, step],
  };
}

/** The oldest rows; logins first, because anybody can cause those: a flood must not push out who changed what. */
export function deleteOldest(count: number): Statement {
  return {
    sql: `DELETE FROM audit WHERE id IN (SELECT id FROM audit
      ORDER BY CASE WHEN action LIKE 'login.%' THEN 0 ELSE 1 END, happened_at, id LIMIT ?)`,
    params: [count],
  };
}

function paramsOf({ id, at, lastAt, actor, fact, count }: AuditRow) {
  const { action, object, account = null, address = null, detail = null } = fact;
  const shown = detail === null ? null : clipped(detail);
  return [
    id,
    at,
    clipped(actor),
    action,
    clipped(object),
    address,
    shown,
    count,
    lastAt,
    account && clipped(account.name),
  ];
}

function clipped(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
