// The data folder: made with mode 0700 and its parents, every new entry synced, on a file system that can be trusted.
// Ours alone: permissions that are too open are narrowed, or refused where the folder is another's.

import { accessSync, chmodSync, constants, existsSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isRefusedStart, refusedStart } from '../refused-start.ts';
import { makeDirectoryDurably, syncDirectory } from './durable-file.ts';
import { judgeFilesystem } from './filesystem.ts';

export type DataFolder = Readonly<{
  /** Absolute, without symbolic links. */
  path: string;
  database: string;
  observations: string;
  sealingKey: string;
  lock: string;
  spool: string;
  tls: string;
  /** Room that is given up when the disk is full (ballast.ts). */
  ballast: string;
  /** There while a backup is made, with what it works on (backup-mark.ts). */
  backup: string;
  /** There while a restore is under way, with what it works on; after a crash, until it is restored anew. */
  restore: string;
  /** What the operator should know though it does not prevent the start; one line each. */
  warnings: readonly string[];
}>;

type OpenOptions = Readonly<{ path: string; allowUnsafeFilesystem: boolean }>;

/** Opens the data folder, making what is missing. Throws a refused start where it cannot be used. */
export function openDataFolder({ path, allowUnsafeFilesystem }: OpenOptions): DataFolder {
  const wanted = resolve(path);
  try {
    const judgement = judgeFilesystem(nearestExisting(wanted));
    if (judgement.kind === 'unsafe' && !allowUnsafeFilesystem) {
      throw refusedStart(
        `The data folder ${wanted} lies on ${judgement.name}: ${judgement.why}. Set storage.path to a local disk (or storage.allow_unsafe_filesystem to true, at the risk of losing mail).`,
      );
    }
    makeDirectoryDurably(wanted, 0o700);
    const folder = realpathSync(wanted);
    checkFolder(folder);
    const { restore } = dataFolderAt(folder);
    if (existsSync(restore)) throw refusedStart(cutOffText(folder, restore));
    for (const name of ['spool', 'tls']) makeDirectoryDurably(join(folder, name), 0o700);
    syncDirectory(folder);
    const warnings =
      judgement.kind === 'safe'
        ? []
        : [`The data folder ${folder} lies on ${judgement.name}: ${judgement.why}.`];
    return { ...dataFolderAt(folder), warnings };
  } catch (error) {
    throw isRefusedStart(error) ? error : accessRefusal(wanted, error);
  }
}

/** Where everything stands in the folder of that path. Touches nothing. */
export function dataFolderAt(path: string): DataFolder {
  return {
    path,
    database: join(path, 'postern.db'),
    observations: join(path, 'observations.db'),
    sealingKey: join(path, 'sealing.key'),
    lock: join(path, 'postern.lock'),
    spool: join(path, 'spool'),
    tls: join(path, 'tls'),
    ballast: join(path, 'ballast'),
    backup: join(path, 'backup.part'),
    restore: join(path, 'restore.part'),
    warnings: [],
  };
}

/** A half restored folder is none: what is missing in it would be made anew, and the rest taken for everything. */
function cutOffText(folder: string, restore: string): string {
  return `A restore into ${folder} is under way, or was cut off (${restore} is there). Wait for it, or run "postern restore FILE" again: it begins anew.`;
}

function checkFolder(folder: string): void {
  const stats = statSync(folder);
  if (!stats.isDirectory()) {
    throw refusedStart(`The data folder ${folder} is not a folder. Set storage.path (or --data) to another.`);
  }
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  if ((stats.mode & 0o077) === 0) return;
  const self = process.geteuid?.();
  if (self !== undefined && self !== 0 && self !== stats.uid) throw openToOthers(folder, stats);
  chmodSync(folder, 0o700);
}

function openToOthers(folder: string, stats: Stats): Error {
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  return refusedStart(
    `The data folder ${folder} is open to others (mode ${mode}) and belongs to user ${stats.uid}, so this user cannot narrow it. Run: chown ${process.geteuid?.()} ${folder} && chmod 0700 ${folder}`,
  );
}

function accessRefusal(folder: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const user = process.geteuid?.() ?? 'unknown';
  if (code === 'EACCES' || code === 'EPERM') {
    return refusedStart(
      `The data folder ${folder} cannot be made or written by this user (${user}): permission denied. Run as its owner or as root, or set storage.path (or --data) to a folder of this user.`,
    );
  }
  const why =
    code === 'EROFS'
      ? 'the file system is read-only'
      : code === 'ENOSPC'
        ? 'the disk is full'
        : code === 'ENOTDIR'
          ? 'a part of the path is a file'
          : error instanceof Error
            ? error.message
            : String(error);
  return refusedStart(
    `The data folder ${folder} cannot be used: ${why}. Put that right, or set storage.path (or --data) to another folder.`,
  );
}

function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}
