// SQLite as Postern wants it: the only file that knows better-sqlite3. Opens connections with the pragmas on which
// durability rests, keeps prepared statements, and puts SQLite's error codes into our words. Synchronous; whoever
// calls it blocks until the disk has answered, so the server does so only in its database thread and at start.
// Never open, copy or read one of these files by other means in a process that has it open here: closing any other
// descriptor of a file drops every POSIX lock that the process holds on it.

import { closeSync, existsSync, openSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import type { CommitRefusal, Row, SqlValue } from './database.ts';

/** durable: every COMMIT is synced. relaxed: consistent after a crash, but the last commits may be missing. */
export type Durability = 'durable' | 'relaxed';

export type Connection = Sqlite.Database;

/** A prepared statement; `reader` when it returns rows, `readonly` when it changes nothing. */
export type Prepared = Sqlite.Statement<[readonly SqlValue[]], Row>;

/** How long a writer waits for another process (the command line) before it gives up. */
const BUSY_TIMEOUT_MS = 5_000;
/** A commit never pays for a checkpoint (checkpointer.ts), where somebody waits for it; 8 MiB where nobody does. */
const AUTOCHECKPOINT_PAGES = { durable: 0, relaxed: 2_000 } as const;
const PAGE_SIZE = 4_096;
const LOG_SIZE_LIMIT = 32 * 1024 * 1024;
const MAX_PREPARED = 256;

/** These count only before the first table is made; later, some would write to the file at every opening. */
const FIRST_PRAGMAS: readonly string[] = [`page_size = ${PAGE_SIZE}`, 'auto_vacuum = INCREMENTAL'];

const pragmasOf = (durability: Durability): readonly string[] => [
  'journal_mode = WAL',
  // better-sqlite3 is compiled with NORMAL for WAL, which does not sync at COMMIT: it must be said on every connection.
  `synchronous = ${durability === 'durable' ? 'FULL' : 'NORMAL'}`,
  // macOS: fsync alone leaves the bytes in the drive's cache. Without effect elsewhere.
  'fullfsync = ON',
  'checkpoint_fullfsync = ON',
  'foreign_keys = ON',
  `cache_size = ${durability === 'durable' ? -8_192 : -1_024}`,
  'temp_store = MEMORY',
  `wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES[durability]}`,
  `journal_size_limit = ${LOG_SIZE_LIMIT}`,
];

/**
 * Opens the file, making it with mode 0600 where there is none. Throws SqliteError when it cannot be opened, is not a
 * database, or cannot be kept in WAL mode.
 */
export function openConnection(path: string, durability: Durability): Connection {
  if (path !== ':memory:' && !existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  const connection = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    const isNew = pragmaNumber(connection, 'page_count') === 0;
    for (const pragma of isNew ? FIRST_PRAGMAS : []) connection.pragma(pragma);
    for (const pragma of pragmasOf(durability)) connection.pragma(pragma);
    const mode = connection.pragma('journal_mode', { simple: true });
    if (path !== ':memory:' && mode !== 'wal') {
      throw new Sqlite.SqliteError(
        `the file system does not allow WAL mode (it stays "${mode}")`,
        'SQLITE_CANTOPEN',
      );
    }
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/** The value of a pragma that is a number. */
export function pragmaNumber(connection: Connection, name: string): number {
  return Number(connection.pragma(name, { simple: true }));
}

/** "Post" in ASCII: by this the file is known as ours (and by file(1)). */
export const APPLICATION_ID = 0x506f7374;

export function isPosternDatabase(connection: Connection): boolean {
  return pragmaNumber(connection, 'application_id') === APPLICATION_ID;
}

/** Takes an exclusive lock on a file that holds nothing else; null where another process (or connection) has it. */
export function lockFile(path: string): Connection | null {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  const connection = new Sqlite(path, { timeout: 0 });
  try {
    connection.pragma('journal_mode = MEMORY'); // else an empty journal file would lie about
    connection.exec('BEGIN EXCLUSIVE');
    return connection;
  } catch (error) {
    connection.close();
    if (codeOf(error)?.startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
}

/** Prepared statements by their text. The oldest makes room when there are too many. */
export function createStatementCache(connection: Connection): (sql: string) => Prepared {
  const prepared = new Map<string, Prepared>();
  return sql => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = connection.prepare<[readonly SqlValue[]], Row>(sql);
    if (prepared.size >= MAX_PREPARED) {
      const oldest = prepared.keys().next();
      if (!oldest.done) prepared.delete(oldest.value);
    }
    prepared.set(sql, statement);
    return statement;
  };
}

/** SQLite's extended error code, for example `SQLITE_IOERR_FSYNC`, or null for any other error. */
export function codeOf(error: unknown): string | null {
  return error instanceof Sqlite.SqliteError ? error.code : null;
}

/** What happened, for people, with SQLite's code. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  return code === null ? error.message : `${error.message} (${code})`;
}

/** The file is no SQLite database, or its pages contradict each other. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && (code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT'));
}

/** The words that say "our SQL or our parameters are wrong", which is a bug and never the disk's fault. */
const BUG_CODES: ReadonlySet<string> = new Set([
  'SQLITE_ERROR',
  'SQLITE_MISMATCH',
  'SQLITE_MISUSE',
  'SQLITE_RANGE',
  'SQLITE_TOOBIG',
]);

/** Why statement number `statement` (from 0) could not be carried out, or null where the error is a bug. */
export function refusalOf(error: unknown, statement: number): CommitRefusal | null {
  const code = codeOf(error);
  if (code === null || BUG_CODES.has(code) || code.startsWith('SQLITE_ERROR_')) return null;
  const text = textOf(error);
  if (code.startsWith('SQLITE_CONSTRAINT')) return { kind: 'constraint', statement, text };
  // SHMSIZE: the shared index beside the log could not grow, which only a full disk causes.
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') return { kind: 'full', text };
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return { kind: 'busy', text };
  return { kind: 'io', text };
}

/**
 * After a failed sync nobody knows what is on the disk, and asking again would falsely succeed: the kernel has
 * forgotten the error. At COMMIT every I/O error is taken for such.
 */
export function isFailedSync(error: unknown, at: 'commit' | 'statement'): boolean {
  const code = codeOf(error);
  if (code === null || code === 'SQLITE_IOERR_SHMSIZE') return false;
  if (code === 'SQLITE_IOERR_FSYNC' || code === 'SQLITE_IOERR_DIR_FSYNC') return true;
  return at === 'commit' && code.startsWith('SQLITE_IOERR');
}
