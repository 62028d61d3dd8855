// Everything that `serve` and the commands need of the data folder, in the one order in which it is safe: folder, lock,
// schema, database thread, sealing key, observations. `serve` must hold the folder; a command makes what is missing
// when it can hold it, and is otherwise a polite second writer beside the server that does.

import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RandomBytes } from '../ids.ts';
import { refusedStart } from '../refused-start.ts';
import { clearDeadBackup } from './backup-mark.ts';
import { type Ballast, createBallast, overBallast } from './ballast.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import type { Database } from './database.ts';
import { type FolderLock, type HolderKind, takeFolderLock } from './folder-lock.ts';
import { checkDatabase } from './integrity.ts';
import { type LastingKey, openLastingKey } from './lasting-key.ts';
import { type Migrated, migrate, newerSchemaText, schemaState } from './migrate.ts';
import { createObservations, type Observations, prepareObservations } from './observations.ts';
import { openDatabases } from './open-database.ts';
import { openSealer } from './open-sealer.ts';
import type { Sealer } from './sealing.ts';

export type Store = Readonly<{
  folder: DataFolder;
  /** Whether this process holds the folder, and so may make and sweep files in it. Always true for `serve`. */
  holds: boolean;
  database: Database;
  /** Room for what must be possible on a full disk; the database gives it up by itself. */
  ballast: Ballast;
  /** Without a key where that is lost (`trouble`); a server has then nothing that only the operator could give again. */
  sealer: Sealer;
  lastingKey: LastingKey;
  observations: Observations;
  /** What this start made of the schema (`from` equals `to` where nothing was to do); null where it does not hold. */
  migrated: Migrated | null;
  /** One line each, for the operator. */
  warnings: readonly string[];
  /** Gives the folder to others, keeping the rest: for a command, once it has made what was missing. */
  letGo: () => void;
  close: () => Promise<void>;
}>;

type OpenOptions = Readonly<{
  /** The data folder, relative to the working folder or absolute. */
  path: string;
  as: HolderKind;
  allowUnsafeFilesystem: boolean;
  random: RandomBytes;
  /** A sync failed: answer everybody with a refusal and exit with 1. */
  onFatal: (text: string) => void;
}>;

type Files = Readonly<{ database: Database; observations: Database; close: () => Promise<void> }>;

/** How long a command waits for a server that is just making or updating the database, in milliseconds. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;

/** Opens the store, or throws a refused start; then nothing is left open or held. */
export async function openStore(options: OpenOptions): Promise<Store> {
  const folder = openDataFolder(options);
  const lock = await takeFolderLock({ path: folder.lock, as: options.as });
  if (lock.kind === 'taken' && options.as === 'serve') throw refusedStart(takenText(folder, lock));
  try {
    return await openBehindLock(options, folder, lock);
  } catch (error) {
    if (lock.kind === 'held') lock.release();
    throw error;
  }
}

async function openBehindLock(options: OpenOptions, folder: DataFolder, lock: FolderLock): Promise<Store> {
  const holds = lock.kind === 'held';
  const letGo = lock.kind === 'held' ? lock.release : () => {};
  // The key is made after the database, and mail comes later still.
  if (holds) checkDatabase(folder.database, existsSync(folder.sealingKey) || hasEntries(folder.spool));
  if (holds) clearDeadBackup(folder);
  const migrated = holds ? migrate({ path: folder.database }) : null;
  if (!holds) await waitForSchema(folder.database);
  const prepared = prepareObservations(folder.observations, holds);
  const warnings = [...folder.warnings];
  if (prepared.warning !== null) warnings.push(prepared.warning);
  const ballast = createBallast({ path: folder.ballast, random: options.random });
  const files = await openFiles(folder.database, prepared.path, options.onFatal);
  try {
    const database = overBallast(files.database, ballast);
    const sealer = await openSealerPatiently(options, folder, database, holds, warnings);
    const lastingKey = await openLastingKey({ database, sealer, random: options.random });
    const observations = await createObservations(files.observations);
    const close = async (): Promise<void> => {
      await observations.close();
      await files.close();
      letGo();
    };
    const keys = { sealer, lastingKey };
    return { folder, holds, database, ballast, ...keys, observations, migrated, warnings, letGo, close };
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function openFiles(
  database: string,
  observations: string,
  onFatal: OpenOptions['onFatal'],
): Promise<Files> {
  try {
    const [first, second] = await openDatabases({
      files: [
        { path: database, durability: 'durable' },
        { path: observations, durability: 'relaxed' },
      ],
      onFatal,
    });
    if (first === undefined || second === undefined) throw new Error('a file is missing');
    const close = async (): Promise<void> => {
      await Promise.all([first.close(), second.close()]);
    };
    return { database: first, observations: second, close };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw refusedStart(
      `The database ${database} cannot be opened: ${why}. Put that right and start again; nothing was changed.`,
      error,
    );
  }
}

function hasEntries(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

/** Waits until the holder has brought the schema to what we know. */
async function waitForSchema(path: string): Promise<void> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const state = schemaState(path);
    if (state === 'current') return;
    if (state === 'newer') throw refusedStart(newerSchemaText(path));
    if (waited >= PATIENCE_MS) {
      throw refusedStart(
        `The database ${path} still has an older schema, because the running server is of an older version. Restart the server, then run the command again.`,
      );
    }
    await sleep(LOOK_MS);
  }
}

async function openSealerPatiently(
  options: OpenOptions,
  folder: DataFolder,
  database: Database,
  holds: boolean,
  warnings: string[],
): Promise<Sealer> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const opened = await openSealer({
      path: folder.sealingKey,
      database,
      random: options.random,
      mayCreate: holds,
      onWarning: text => warnings.push(text),
    });
    if (opened.kind === 'open') return opened.sealer;
    if (opened.kind === 'lost') {
      // A command may be the way out of it, and most need no key: what is wrong it says when it is done, if it still is. A
      // server without upstream passwords would only fail later.
      if (options.as === 'serve' && opened.asksOperator) throw refusedStart(opened.text);
      if (options.as === 'serve') warnings.push(opened.text);
      return opened.sealer;
    }
    if (waited >= PATIENCE_MS) {
      throw refusedStart(
        `The running server has not yet made the sealing key ${folder.sealingKey}. Wait until it has started, then run the command again.`,
      );
    }
    await sleep(LOOK_MS);
  }
}

function takenText(folder: DataFolder, lock: Extract<FolderLock, { kind: 'taken' }>): string {
  const process = lock.holder === null ? '' : ` (process ${lock.holder.pid})`;
  return lock.holder?.kind === 'command'
    ? `A postern command${process} is still working in ${folder.path}. Wait until it has ended, then start again.`
    : `Another Postern server${process} already runs on ${folder.path}. Stop it first, or choose another data folder with --data.`;
}
