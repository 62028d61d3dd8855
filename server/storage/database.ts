// The whole contract between Postern and its database: read rows, commit groups of statements durably.
// SQL stays plain (TEXT ids, integer milliseconds, no SQLite-only functions), so that PostgreSQL can stand behind it.

export type SqlValue = string | number | null | Uint8Array;

/** A row as the database returns it. Each concept parses its own rows into a readonly type. */
export type Row = Readonly<Record<string, SqlValue>>;

export type Statement = Readonly<{
  sql: string;
  /** Positional parameters for `?`. */
  params?: readonly SqlValue[];
  /** The number of rows that this statement must change; any other number rolls its group back. */
  require?: number;
}>;

export type StatementEffect = Readonly<{
  /** Rows changed by this statement. */
  changes: number;
  /** Rows of RETURNING, else empty. */
  rows: readonly Row[];
}>;

/** Why a group was not committed. Nothing of it took effect. */
export type CommitRefusal =
  /** Statement number `statement` (from 0) changed another number of rows than it requires. */
  | Readonly<{ kind: 'requirement'; statement: number; changes: number }>
  /** A UNIQUE or other constraint refused statement number `statement`. */
  | Readonly<{ kind: 'constraint'; statement: number; text: string }>
  /** The disk is full. Try again later. */
  | Readonly<{ kind: 'full'; text: string }>
  /** Another process held the database for too long. Try again later. */
  | Readonly<{ kind: 'busy'; text: string }>
  /** An I/O error. A failed sync is not survived: the process is about to exit (`onFatal`). */
  | Readonly<{ kind: 'io'; text: string }>;

export type CommitResult =
  | Readonly<{ kind: 'committed'; effects: readonly StatementEffect[] }>
  | CommitRefusal;

export type CommitOptions = Readonly<{
  /**
   * On a full disk it is refused, rather than take the last room (ballast.ts): for what brings more mail. Whatever settles,
   * holds or deletes must not say so.
   */
  yields?: boolean;
  /** Nobody waits for it: on a slow disk it is put off a little, to share the sync of a commit for which somebody does. */
  patient?: boolean;
}>;

export type Database = Readonly<{
  /** Rows of a query. Sees everything committed before the call. Rejects on an I/O error or wrong SQL (a bug). */
  read: (sql: string, params?: readonly SqlValue[]) => Promise<readonly Row[]>;
  /**
   * Commits a group of statements atomically. Resolves as `committed` only once the group is durable (synced).
   * Groups that wait at the same time share one transaction and one sync, isolated from each other by savepoints.
   * Never rejects for an expected failure; rejects on wrong SQL, which is a bug.
   */
  commit: (group: readonly Statement[], options?: CommitOptions) => Promise<CommitResult>;
  /** Calls back after another process (the command line) has changed the database, within half a second. */
  onForeignChange: (listener: () => void) => void;
  /**
   * A number that becomes another one with every commit of other processes, and stays with our own: whoever has to know
   * the last change asks this, which costs next to nothing, before reading much again.
   */
  foreignVersion: () => Promise<number>;
  /** Ends the worker after the last commit, with a checkpoint. */
  close: () => Promise<void>;
}>;
