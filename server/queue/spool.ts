// Message octets too large for the database: one file each, named by the message id, in DATA/spool.
// A file appears under its name only complete and synced (temporary name, sync, rename, directory sync); what a crash
// leaves under a temporary name, or without a row, is swept at start. It knows nothing of rows. While a backup is made
// nothing is removed: the backup's copy of the database may name it.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

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
}>;

const SUFFIX = '.eml';
const UNFINISHED = '.part';

type SpoolOptions = Readonly<{
  /** Whether a file must stay for now, because a backup has it; whoever says so removes it later. */
  mustStay?: (id: string) => boolean;
}>;

export function createSpool(folder: string, { mustStay = () => false }: SpoolOptions = {}): Spool {
  const nameOf = (id: string) => join(folder, `${id}${SUFFIX}`);
  const remove = async (id: string): Promise<void> => {
    if (!mustStay(id)) await removeQuietly(nameOf(id));
  };

  return {
    create: async id => {
      const temporary = join(folder, `${id}${UNFINISHED}`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        return writer(file, temporary, nameOf(id), folder);
      } catch (error) {
        return failure(error, 'io');
      }
    },
    open: id => createReadStream(nameOf(id), { highWaterMark: 256 * 1024 }),
    check: id => hashOf(nameOf(id)),
    remove,
    sweep: async () => {
      const names = await readdir(folder);
      await Promise.all(
        names.filter(name => name.endsWith(UNFINISHED)).map(name => removeQuietly(join(folder, name))),
      );
      return names.filter(name => name.endsWith(SUFFIX)).map(name => name.slice(0, -SUFFIX.length));
    },
  };
}

function writer(file: FileHandle, temporary: string, final: string, folder: string): SpoolWriter {
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
      try {
        await file.sync();
        await file.close();
        await rename(temporary, final);
        await syncFolder(folder);
      } catch (error) {
        // After a failed sync the kernel may drop the dirty pages and report success next time: not survived in place.
        failed = failure(error, 'sync');
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

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
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

async function removeQuietly(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

function failure(error: unknown, otherwise: 'io' | 'sync'): SpoolFailure {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  const text = error instanceof Error ? error.message : String(error);
  return { kind: code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : otherwise, text };
}
