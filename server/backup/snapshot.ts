// A consistent copy of the databases as of one moment, made beside a running server: SQLite reads in one transaction and
// writes the copy into the backup's own folder. Nobody waits for it; only the server's log (WAL) cannot be emptied for as
// long as the copying takes.

import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import type { DataFolder } from '../storage/data-folder.ts';
import { migrations, newerSchemaText } from '../storage/migrate.ts';
import { type Connection, isPosternDatabase, openConnection, pragmaNumber } from '../storage/sqlite.ts';

export type SpooledMessage = Readonly<{ id: string; size: number; hash: string }>;

export type SnapshotFacts = Readonly<{
  schema: number;
  /** Messages that still have content. */
  messages: number;
  /** Recipients that still wait. */
  waiting: number;
  sealingKeyId: string | null;
}>;

export type Snapshot = Readonly<{
  facts: SnapshotFacts;
  /** The messages whose content is a file, in the order of their ids. Reads the copy. */
  spooled: () => Iterable<SpooledMessage>;
  close: () => void;
}>;

type SnapshotResult =
  | Readonly<{ kind: 'made'; snapshot: Snapshot }>
  | Readonly<{ kind: 'refused'; text: string }>;

/** Octets of the database now, with its log. */
export function databaseSize(path: string): number {
  return [path, `${path}-wal`].reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Copies the database to `copy`. Throws SqliteError where it cannot be read or the copy cannot be written. */
export function snapshotDatabase({ database }: Pick<DataFolder, 'database'>, copy: string): SnapshotResult {
  const source = openConnection(database, 'durable');
  try {
    if (!isPosternDatabase(source))
      return { kind: 'refused', text: `The file ${database} is not a database of Postern's.` };
    if (pragmaNumber(source, 'user_version') > migrations.length)
      return { kind: 'refused', text: newerSchemaText(database) };
    copyInto(source, copy);
  } finally {
    source.close();
  }
  const connection = openConnection(copy, 'relaxed');
  return { kind: 'made', snapshot: over(connection) };
}

/** Copies what may be lost without harm. False where there is nothing that can be copied. */
export function snapshotObservations(
  { observations }: Pick<DataFolder, 'observations'>,
  copy: string,
): boolean {
  if (!existsSync(observations)) return false;
  let source: Connection | null = null;
  try {
    source = openConnection(observations, 'relaxed');
    copyInto(source, copy);
    return true;
  } catch {
    return false;
  } finally {
    source?.close();
  }
}

/** SQLite writes into an empty file that is there, but would make one that others may read. */
function copyInto(source: Connection, copy: string): void {
  closeSync(openSync(copy, 'wx', 0o600));
  source.prepare('VACUUM INTO ?').run(copy);
}

function over(connection: Connection): Snapshot {
  const numberOf = (sql: string): number => connection.prepare<[], number>(sql).pluck().get() ?? 0;
  const facts = {
    schema: pragmaNumber(connection, 'user_version'),
    messages: numberOf(`SELECT COUNT(*) FROM message WHERE content <> 'gone'`),
    waiting: numberOf(`SELECT COUNT(*) FROM recipient WHERE state IN ('queued', 'deferred', 'in_flight')`),
    sealingKeyId:
      connection.prepare<[], string>(`SELECT value FROM meta WHERE name = 'sealing_key_id'`).pluck().get() ??
      null,
  };
  const spooled = connection.prepare<[], SpooledMessage>(
    `SELECT id, size, content_hash AS hash FROM message WHERE content = 'spool' ORDER BY id`,
  );
  return { facts, spooled: () => spooled.iterate(), close: () => connection.close() };
}
