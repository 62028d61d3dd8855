// Reads the audit for a person: who did what to which account, key or ban, newest first.

import type { EpochMs } from '../clock.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { Database, Row, SqlValue } from '../storage/database.ts';
import type { AuditAction } from './audit-entry.ts';

export type AuditFilter = Readonly<{
  /**
   * The name of an account, in any spelling: what happened to it, its bans among that, and what it did. Names that it had
   * before are others.
   */
  account?: string;
  action?: AuditAction;
  since?: EpochMs;
  /** At most so many, the newest. */
  limit: number;
}>;

export type AuditEntry = Readonly<{
  id: string;
  happenedAt: EpochMs;
  /** Of the last of the equal facts. */
  lastAt: EpochMs;
  actor: string;
  action: string;
  object: string;
  /** The account that it is about, where `object` is something else. */
  account: string | null;
  address: string | null;
  detail: string | null;
  /** How many equal facts the entry stands for. */
  count: number;
}>;

/** Newest first. */
export async function listAudit(database: Database, filter: AuditFilter): Promise<readonly AuditEntry[]> {
  const conditions: string[] = [];
  const params: SqlValue[] = [];
  const demand = (sql: string, ...values: readonly SqlValue[]): void => {
    conditions.push(sql);
    params.push(...values);
  };
  if (filter.account !== undefined) {
    const { objects, accounts, actors } = await spellings(database, filter.account);
    const about = `(${ABOUT_ACCOUNTS} AND ${isOneOf('object', objects)})`;
    const concerned = isOneOf('account', accounts);
    demand(`(${about} OR ${concerned} OR ${isOneOf('actor', actors)})`, ...objects, ...accounts, ...actors);
  }
  if (filter.action !== undefined) demand('action = ?', filter.action);
  if (filter.since !== undefined) demand('last_at >= ?', filter.since);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const rows = await database.read(
    `SELECT * FROM audit ${where} ORDER BY happened_at DESC, id DESC LIMIT ?`,
    [...params, filter.limit],
  );
  return rows.map(entryOf);
}

const ABOUT_ACCOUNTS = "(action LIKE 'account.%' OR action LIKE 'login.%')";

/** How a name is written in the audit: as its account was called when it happened, in any case and Unicode form. */
async function spellings(
  database: Database,
  name: string,
): Promise<Readonly<Record<'objects' | 'accounts' | 'actors', readonly string[]>>> {
  const wanted = canonicalName(name);
  const objects = await database.read(`SELECT DISTINCT object AS name FROM audit WHERE ${ABOUT_ACCOUNTS}`);
  const accounts = await database.read(
    'SELECT DISTINCT account AS name FROM audit WHERE account IS NOT NULL',
  );
  const actors = await database.read("SELECT DISTINCT actor AS name FROM audit WHERE actor LIKE 'account:%'");
  const texts = (rows: readonly Row[]) => rows.map(row => String(row['name']));
  return {
    objects: texts(objects).filter(object => canonicalName(object) === wanted),
    accounts: texts(accounts).filter(account => canonicalName(account) === wanted),
    actors: texts(actors).filter(actor => canonicalName(actor.slice('account:'.length)) === wanted),
  };
}

function isOneOf(column: string, values: readonly string[]): string {
  return values.length === 0 ? '1 = 0' : `${column} IN (${values.map(() => '?').join(', ')})`;
}

function entryOf(row: Row): AuditEntry {
  return {
    id: String(row['id']),
    happenedAt: Number(row['happened_at']),
    lastAt: Number(row['last_at']),
    actor: String(row['actor']),
    action: String(row['action']),
    object: String(row['object']),
    account: row['account'] === null ? null : String(row['account']),
    address: row['address'] === null ? null : String(row['address']),
    detail: row['detail'] === null ? null : String(row['detail']),
    count: Number(row['count']),
  };
}
