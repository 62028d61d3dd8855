// Everything in the database that is sealed: where it stands, and the context that binds each value to its row. Whoever
// seals takes the context from here, and whoever replaces the key finds all that must be sealed anew. A new sealed column
// gets a row here (test/storage/sealed-rows.test.ts compares with the schema).

import type { Database, Row, SqlValue, Statement } from './database.ts';

export const upstreamContext = (id: string): string => `upstream:${id}`;
export const clientSecretContext = (id: string): string => `upstream-client:${id}`;
export const consentContext = (id: string): string => `upstream-consent:${id}`;
export const channelContext = (id: string): string => `alert-channel:${id}`;
export const lastingKeyContext = (name: string): string => `lasting-key:${name}`;

/** The login name comes last: it alone may have a colon in it. */
export function derivedContext(
  accountId: string,
  version: number,
  kind: 'cram' | 'scram',
  loginName: string,
): string {
  return `account:${accountId}:${version}:${kind}:${loginName}`;
}

export type SealedColumn = Readonly<{
  table: string;
  column: string;
  /** What it is, for the operator. */
  what: string;
  /** The columns of its primary key. */
  key: readonly string[];
  context: (row: Row) => string;
  /** Forgets all of them. */
  forget: string;
  /**
   * What becomes of a value that nobody can open. `made-again`: it is deleted and made anew without anybody's help.
   * `asked-for`: only the operator can give it again.
   */
  ifLost: 'made-again' | 'asked-for';
}>;

const DERIVED = 'what CRAM-MD5 and SCRAM need';

export const sealedColumns: readonly SealedColumn[] = [
  {
    table: 'upstream',
    column: 'sealed_password',
    what: 'passwords of upstreams',
    key: ['id'],
    context: row => upstreamContext(text(row, 'id')),
    forget: `UPDATE upstream SET sealed_password = NULL, revision = revision + 1 WHERE sealed_password IS NOT NULL`,
    ifLost: 'asked-for',
  },
  {
    table: 'upstream',
    column: 'sealed_client_secret',
    what: 'client secrets of upstreams',
    key: ['id'],
    context: row => clientSecretContext(text(row, 'id')),
    forget: `UPDATE upstream SET sealed_client_secret = NULL, revision = revision + 1
      WHERE sealed_client_secret IS NOT NULL`,
    ifLost: 'asked-for',
  },
  {
    table: 'consent',
    column: 'sealed',
    what: 'OAuth2 consents of upstreams',
    key: ['upstream_id'],
    context: row => consentContext(text(row, 'upstream_id')),
    forget: 'DELETE FROM consent',
    ifLost: 'asked-for',
  },
  {
    table: 'alert_channel',
    column: 'sealed',
    what: 'settings of alert channels',
    key: ['id'],
    context: row => channelContext(text(row, 'id')),
    forget: 'DELETE FROM alert_channel',
    ifLost: 'asked-for',
  },
  {
    table: 'derived_secret',
    column: 'sealed',
    what: DERIVED,
    key: ['account_id', 'version', 'kind', 'login_name'],
    context: row =>
      derivedContext(
        text(row, 'account_id'),
        Number(row['version']),
        row['kind'] === 'cram' ? 'cram' : 'scram',
        text(row, 'login_name'),
      ),
    forget: 'DELETE FROM derived_secret',
    ifLost: 'made-again',
  },
  {
    table: 'lasting_key',
    column: 'sealed',
    what: DERIVED,
    key: ['name'],
    context: row => lastingKeyContext(text(row, 'name')),
    forget: 'DELETE FROM lasting_key',
    ifLost: 'made-again',
  },
];

type Condition = Readonly<{ sql: string; params: readonly SqlValue[] }>;

/** What hangs on the key: the columns in which something is sealed. */
export async function dependents(database: Database): Promise<readonly SealedColumn[]> {
  const found: SealedColumn[] = [];
  for (const sealed of sealedColumns) {
    const { table, column } = sealed;
    const rows = await database.read(`SELECT 1 AS one FROM ${table} WHERE ${column} IS NOT NULL LIMIT 1`);
    if (rows.length > 0) found.push(sealed);
  }
  return found;
}

export type SealedRow = Readonly<{
  column: SealedColumn;
  key: readonly SqlValue[];
  sealed: Uint8Array;
  context: string;
}>;

export async function readSealedRows(database: Database): Promise<readonly SealedRow[]> {
  const found: SealedRow[] = [];
  for (const column of sealedColumns) {
    const rows = await database.read(
      `SELECT ${[...column.key, column.column].join(', ')} FROM ${column.table} WHERE ${column.column} IS NOT NULL`,
    );
    for (const row of rows) {
      const sealed = row[column.column];
      if (!(sealed instanceof Uint8Array)) throw new Error(`${column.table}.${column.column} is no blob`);
      found.push({
        column,
        key: column.key.map(name => row[name] ?? null),
        sealed,
        context: column.context(row),
      });
    }
  }
  return found;
}

/** Fails where the row is gone or has another value by now. */
export function replaceSealed(row: SealedRow, anew: Uint8Array): Statement {
  const { table, column } = row.column;
  const same = sameValue(row);
  return {
    sql: `UPDATE ${table} SET ${column} = ? WHERE ${same.sql}`,
    params: [anew, ...same.params],
    require: 1,
  };
}

/** Fails as `replaceSealed` does. Only for what is made again. */
export function deleteSealed(row: SealedRow): Statement {
  const same = sameValue(row);
  return { sql: `DELETE FROM ${row.column.table} WHERE ${same.sql}`, params: same.params, require: 1 };
}

export function forgetSealed(): readonly Statement[] {
  return sealedColumns.map(({ forget }) => ({ sql: forget }));
}

function sameValue({ column, key, sealed }: SealedRow): Condition {
  const same = [...column.key, column.column].map(name => `${name} = ?`);
  return { sql: same.join(' AND '), params: [...key, sealed] };
}

/** True while something is sealed under another key than that of the header. */
export function sealedOtherwise(header: Uint8Array): Condition {
  const parts = sealedColumns.map(
    ({ table, column }) =>
      `EXISTS (SELECT 1 FROM ${table} WHERE ${column} IS NOT NULL AND substr(${column}, 1, ${header.length}) <> ?)`,
  );
  return { sql: `(${parts.join(' OR ')})`, params: sealedColumns.map(() => header) };
}

function text(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== 'string') throw new Error(`${name} is not text`);
  return value;
}
