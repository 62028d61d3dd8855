// Message octets too large for the database: one file each, named by the message id, in DATA/spool.
// A file appears under its name only complete and synced (temporary name, sync, rename, directory sync); what a crash
// leaves under a temporary name is swept at start, and what is whole but has no row is set aside for a while. It knows
// nothing of rows. While a backup is made nothing is removed: the backup's copy of the database may name it.

import { createHash } from 'node:crypto';
import { createReadStream, fsync, openSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, stat, unlink, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { EpochMs } from '../clock.ts';
import { makeDirectoryDurably } from '../storage/durable-file.ts';

/** Why octets could not be written. After `sync` nothing that this process wrote can be trusted: it must exit. */
export type SpoolFailure = Readonly<{ kind: 'full' | 'io' | 'sync'; text: string }>;

/** A file being written. Exactly one of `publish` and `abandon` ends it; every call after a failure repeats it. */
export type SpoolWriter = Readonly<{
  write: (chunks: readonly Uint8Array[]) => Promise<SpoolFailure | null>;
  /** Makes it durable under its name. Null when it is. */
  publish: () => Promise<SpoolFailure | null>;
  abandon: () => Promise<void>;
}>;

export type Spool = Readonly<{
  create: (id: string) => Promise<SpoolWriter | SpoolFailure>;
  open: (id: string) => Readable;
  /** SHA-256 (hexadecimal) and size of a stored file, or null where it cannot be read. */
  check: (id: string) => Promise<Readonly<{ hash: string; size: number }> | null>;
  /** Removes a file, or has it removed once no backup is made any more; one that is already gone is fine. */
  remove: (id: string) => Promise<void>;
  /** Ids of the files that stand there; unfinished files of an earlier process are removed on the way. */
  sweep: () => Promise<readonly string[]>;
  /** Moves a file that nobody owns into the folder `orphaned`; where that fails it stays. */
  setAside: (id: string, now: EpochMs) => Promise<void>;
  /** Removes what was set aside before then. Returns how many. */
  removeSetAside: (before: EpochMs) => Promise<number>;
}>;

/** Octets: each reading is garbage afterwards, of which V8 lets much stand. Reading twice as many at once is hardly faster. */
const READ_AT_ONCE = 64 * 1024;
const SUFFIX = '.eml';
const UNFINISHED = '.part';
const ORPHANED = 'orphaned';

const syncDescriptor = promisify(fsync);

type SpoolOptions = Readonly<{
  /** Whether a file must stay for now, because a backup has it; whoever says so removes it later. */
  mustStay?: (id: string) => boolean;
}>;

export function createSpool(folder: string, { mustStay = () => false }: SpoolOptions = {}): Spool {
  const nameOf = (id: string) => join(folder, `${id}${SUFFIX}`);
  const orphaned = join(folder, ORPHANED);
  // Open as long as the process lives: a descriptor to sync the folder is there even when no other can be had.
  const descriptor = openSync(folder, 'r');
  const remove = async (id: string): Promise<void> => {
    if (!mustStay(id)) await removeQuietly(nameOf(id));
  };

  return {
    create: async id => {
      const temporary = join(folder, `${id}${UNFINISHED}`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        return writer(file, temporary, nameOf(id), descriptor);
      } catch (error) {
        return failure(error, 'io');
      }
    },
    open: id => createReadStream(nameOf(id), { highWaterMark: READ_AT_ONCE }),
    check: id => hashOf(nameOf(id)),
    remove,
    sweep: async () => {
      const names = await readdir(folder);
      await Promise.all(
        names.filter(name => name.endsWith(UNFINISHED)).map(name => removeQuietly(join(folder, name))),
      );
      return names.filter(name => name.endsWith(SUFFIX)).map(name => name.slice(0, -SUFFIX.length));
    },
    setAside: async (id, now) => {
      if (!mustStay(id)) await moveQuietly(nameOf(id), orphaned, now);
    },
    removeSetAside: async before => {
      const names = await readdir(orphaned).catch(() => []);
      let removed = 0;
      for (const name of names) {
        const path = join(orphaned, name);
        const found = await stat(path).catch(() => null);
        if (found === null || found.mtimeMs >= before) continue;
        await removeQuietly(path);
        removed++;
      }
      return removed;
    },
  };
}

function writer(file: FileHandle, temporary: string, final: string, folder: number): SpoolWriter {
  let failed: SpoolFailure | null = null;

  const abandon = async () => {
    await file.close().catch(() => undefined);
    await removeQuietly(temporary);
  };

  return {
    write: async chunks => {
      if (failed) return failed;
      try {
        await writeAll(file, chunks);
      } catch (error) {
        failed = failure(error, 'io');
      }
      return failed;
    },
    publish: async () => {
      if (failed) return failed;
      // After a failed sync the kernel may drop the dirty pages and report success next time: not survived in place. All
      // other steps may fail without harm, for example for want of descriptors.
      let step: 'io' | 'sync' = 'sync';
      try {
        await file.sync();
        step = 'io';
        await file.close();
        await rename(temporary, final);
        step = 'sync';
        await syncDescriptor(folder);
      } catch (error) {
        failed = failure(error, step);
        await abandon();
      }
      return failed;
    },
    abandon,
  };
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks.filter(chunk => chunk.length > 0);
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest);
    rest = withoutFirst(rest, bytesWritten);
  }
}

/** What is left of the chunks after `count` octets; a write may be short when the disk is nearly full. */
function withoutFirst(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return rest;
}

async function hashOf(path: string): Promise<Readonly<{ hash: string; size: number }> | null> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch {
    return null;
  }
  return { hash: hash.digest('hex'), size };
}

/** Where that fails (the disk is full) the file stays where it is until the next start. */
async function moveQuietly(path: string, folder: string, now: EpochMs): Promise<void> {
  try {
    makeDirectoryDurably(folder, 0o700);
    // From then on it lies there; by a clock that is wrong it must not look old.
    const since = Math.max(now, (await stat(path)).mtimeMs) / 1000;
    await utimes(path, since, since);
    await rename(path, join(folder, basename(path)));
  } catch {}
}

async function removeQuietly(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

function failure(error: unknown, otherwise: 'io' | 'sync'): SpoolFailure {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  const text = error instanceof Error ? error.message : String(error);
  return { kind: code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : otherwise, text };
}
