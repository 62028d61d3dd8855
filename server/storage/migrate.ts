// Brings the database file to the schema that this version of Postern knows: numbered migrations, all that are needed in one
// exclusive transaction together with the number (PRAGMA user_version), so that a process killed at any moment leaves the
// old schema or the new one. Before an older database is changed, a copy is kept beside it.
// Only the process that holds the data folder may call `migrate`.

import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isRefusedStart, refusedStart } from '../refused-start.ts';
import { syncDirectory, syncFile } from './durable-file.ts';
import { damageText } from './integrity.ts';
import { initial } from './migrations/001-initial.ts';
import { authentication } from './migrations/002-authentication.ts';
import { routes } from './migrations/003-routes.ts';
import { oauth } from './migrations/004-oauth.ts';
import {
  APPLICATION_ID,
  type Connection,
  isDamage,
  isPosternDatabase,
  openConnection,
  pragmaNumber,
  textOf,
} from './sqlite.ts';

export type Migration = Readonly<{ number: number; name: string; statements: readonly string[] }>;

/** In their order, numbered from 1 without a gap. A migration that was released is never changed. */
export const migrations: readonly Migration[] = [initial, authentication, routes, oauth];

export type Migrated = Readonly<{
  /** Schema numbers; 0 is an empty file. Equal where nothing had to be done. */
  from: number;
  to: number;
  /** Path of the copy kept of an older database, or null. */
  copy: string | null;
}>;

type MigrateOptions = Readonly<{ path: string; migrations?: readonly Migration[] }>;

/** Makes or updates the database file. Throws a refused start where it is newer, damaged, not ours, or the disk has no room. */
export function migrate({ path, migrations: known = migrations }: MigrateOptions): Migrated {
  let connection: Connection | null = null;
  try {
    connection = openConnection(path, 'durable');
    syncDirectory(dirname(path));
    return migrateConnection(connection, path, known);
  } catch (error) {
    throw refusalFor(path, error);
  } finally {
    connection?.close();
  }
}

/** How the schema of the file relates to the one we know, for a process that may not migrate. */
export type SchemaState = 'missing' | 'older' | 'current' | 'newer';

export function schemaState(path: string, known: readonly Migration[] = migrations): SchemaState {
  if (!existsSync(path) || statSync(path).size === 0) return 'missing';
  let connection: Connection | null = null;
  try {
    connection = openConnection(path, 'durable');
    const number = pragmaNumber(connection, 'user_version');
    if (number === 0) return 'missing';
    if (number === known.length) return 'current';
    return number < known.length ? 'older' : 'newer';
  } catch (error) {
    throw refusalFor(path, error);
  } finally {
    connection?.close();
  }
}

/** One line about a database that a newer Postern has written. */
export function newerSchemaText(path: string, known: readonly Migration[] = migrations): string {
  const copy = usableCopy(path, known.length);
  const remedy =
    copy === null
      ? 'Install the newer Postern again.'
      : `Install the newer Postern again. Or go back to the copy from before the update: mail that waited then is sent again, and large mail that was relayed since may be held as damaged; what was taken and set since is not in the copy, but kept in ${path}.newer and ${spoolBeside(path)}.newer. Stop every Postern, then run: ${wayBack(path, copy)}`;
  return `The database ${path} was written by a newer Postern (this one knows schema ${known.length}). ${remedy}`;
}

/**
 * For a shell. The spool is kept too, because an older Postern sweeps from it what its database does not know; and the log
 * goes with its database, because after a crash mail is in it. It stops where an earlier way back has left something.
 */
function wayBack(path: string, copy: string): string {
  const [database, spool] = [shellWord(path), shellWord(spoolBeside(path))];
  return [
    `mkdir ${spool}.newer`,
    `cp -al ${spool}/. ${spool}.newer`,
    `for end in -wal -shm ''; do test ! -e ${database}$end || mv ${database}$end ${database}.newer$end; done`,
    `mv ${shellWord(copy)} ${database}`,
  ].join(' && ');
}

function spoolBeside(path: string): string {
  return join(dirname(path), 'spool');
}

function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The schema in SQL, as the migrations make it: compared with test/golden/schema.sql. */
export function schemaText(): string {
  const connection = openConnection(':memory:', 'durable');
  apply(connection, migrations);
  const rows = connection.prepare<[], { sql: string }>(
    'SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name',
  );
  const statements = rows
    .all()
    .map(row => `${row.sql.replaceAll(/^ {6}/gm, '  ').replaceAll(/^ {4}\)/gm, ')')};\n`);
  connection.close();
  return `-- The database schema, generated from server/storage/migrations.\n\n${statements.join('\n')}`;
}

function migrateConnection(connection: Connection, path: string, known: readonly Migration[]): Migrated {
  const from = pragmaNumber(connection, 'user_version');
  const tables = connection.prepare('SELECT 1 FROM sqlite_schema').all().length;
  if (from === 0 ? tables > 0 : !isPosternDatabase(connection)) {
    throw refusedStart(
      `The file ${path} is a database, but not one of Postern's. Choose another data folder.`,
    );
  }
  if (from > known.length) throw refusedStart(newerSchemaText(path, known));
  const copy = from > 0 && from < known.length ? keepCopy(connection, path, from + 1) : null;
  if (from < known.length) apply(connection, known.slice(from));
  return { from, to: known.length, copy };
}

function apply(connection: Connection, pending: readonly Migration[]): void {
  // Rebuilding a table would otherwise delete what refers to it; the check below stands in. Not settable in a transaction.
  connection.pragma('foreign_keys = OFF');
  connection.exec('BEGIN EXCLUSIVE');
  try {
    for (const migration of pending) applyOne(connection, migration);
    connection.pragma(`application_id = ${APPLICATION_ID}`);
    connection.exec('COMMIT');
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw error;
  }
  connection.pragma('foreign_keys = ON');
}

function applyOne(connection: Connection, { number, name, statements }: Migration): void {
  for (const statement of statements) connection.exec(statement);
  const broken = connection.pragma('foreign_key_check');
  if (Array.isArray(broken) && broken.length > 0)
    throw new Error(`migration ${number} (${name}) leaves ${broken.length} rows that refer to nothing`);
  connection.pragma(`user_version = ${number}`);
}

/** A whole, consistent and durable copy; a copy cut short by a crash has another name and is overwritten. */
function keepCopy(connection: Connection, path: string, number: number): string {
  const copy = `${path}.before-${number}`;
  const aside = `${copy}.new`;
  rmSync(aside, { force: true });
  connection.prepare('VACUUM INTO ?').run(aside);
  syncFile(aside);
  renameSync(aside, copy);
  syncDirectory(dirname(path));
  return copy;
}

/** The newest copy whose schema a Postern that knows `schema` can read. */
function usableCopy(path: string, schema: number): string | null {
  const prefix = `${basename(path)}.before-`;
  const numbers = readdirSync(dirname(path))
    .filter(name => name.startsWith(prefix))
    .map(name => Number(name.slice(prefix.length)))
    .filter(number => Number.isInteger(number) && number <= schema + 1);
  return numbers.length === 0 ? null : join(dirname(path), `${prefix}${Math.max(...numbers)}`);
}

function refusalFor(path: string, error: unknown): Error {
  if (isRefusedStart(error)) return error;
  if (isDamage(error)) {
    return refusedStart(damageText(path, textOf(error)));
  }
  return refusedStart(
    `The database ${path} cannot be opened or updated: ${textOf(error)}. Nothing was lost; put that right and start again.`,
  );
}
