// The data folder that a restore fills: empty at first, and whole or empty afterwards. Everything is unpacked and proven in a
// folder of its own within it; only then it is moved into place. As long as that folder is there, no server and no
// command takes the data folder for one (data-folder.ts), so that a crash at any moment leaves nothing half restored.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type DataFolder, dataFolderAt, openDataFolder } from '../storage/data-folder.ts';
import { syncDirectory } from '../storage/durable-file.ts';
import { type FolderLock, takeFolderLock } from '../storage/folder-lock.ts';

type Refused = Readonly<{ kind: 'refused'; text: string }>;

export type RestorePlace = Readonly<{
  kind: 'open';
  folder: DataFolder;
  /** Where to unpack. */
  work: string;
  free: number;
  /** Moves everything from `work` into the data folder, durably. */
  settle: () => void;
  /** Leaves the folder empty. */
  abandon: () => void;
  release: () => void;
}>;

/** What may lie in a data folder that counts as empty. */
const NOTHING: ReadonlySet<string> = new Set([
  'lost+found',
  'postern.lock',
  'postern.lock.holder',
  'spool',
  'tls',
]);

export async function openRestorePlace(
  options: Readonly<{ path: string; allowUnsafeFilesystem: boolean }>,
): Promise<RestorePlace | Refused> {
  const wanted = dataFolderAt(resolve(options.path));
  const trouble = existsSync(wanted.path) ? notEmpty(wanted) : null;
  if (trouble !== null) return trouble;
  // What an earlier restore left is no data folder; the folder itself was made and judged by it.
  if (!existsSync(wanted.restore)) openDataFolder(options);
  const lock = await takeFolderLock({ path: wanted.lock, as: 'command' });
  if (lock.kind === 'taken') return takenText(wanted);
  try {
    // Under the lock nobody else restores.
    if (existsSync(wanted.restore)) clear(wanted);
    return placeIn(openDataFolder(options), lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function placeIn(folder: DataFolder, lock: Extract<FolderLock, { kind: 'held' }>): RestorePlace | Refused {
  const trouble = notEmpty(folder);
  if (trouble !== null) {
    lock.release();
    return trouble;
  }
  mkdirSync(folder.restore, { mode: 0o700 });
  for (const name of ['spool', 'tls']) mkdirSync(join(folder.restore, name), { mode: 0o700 });
  syncDirectory(folder.path);
  const disk = statfsSync(folder.path);
  return {
    kind: 'open',
    folder,
    work: folder.restore,
    free: disk.bavail * disk.bsize,
    settle: () => {
      for (const name of ['spool', 'tls']) rmSync(join(folder.path, name), { recursive: true, force: true });
      for (const name of readdirSync(folder.restore))
        renameSync(join(folder.restore, name), join(folder.path, name));
      syncDirectory(folder.path);
      // From here on it is a data folder. If we die before, the next restore begins anew.
      rmSync(folder.restore, { recursive: true });
      syncDirectory(folder.path);
    },
    abandon: () => clear(folder),
    release: lock.release,
  };
}

/** Everything there was made by a restore that did not come to its end: it began with an empty folder. */
function clear(folder: DataFolder): void {
  for (const name of readdirSync(folder.path)) {
    const isOurs =
      name !== 'lost+found' && !name.startsWith('postern.lock') && join(folder.path, name) !== folder.restore;
    if (isOurs) rmSync(join(folder.path, name), { recursive: true, force: true });
  }
  // Last: until then the folder is known as half restored.
  rmSync(folder.restore, { recursive: true, force: true });
}

function notEmpty(folder: DataFolder): Refused | null {
  if (existsSync(folder.restore)) return null;
  const there = readdirSync(folder.path).filter(
    name => !NOTHING.has(name) || readsAsFull(join(folder.path, name), name),
  );
  if (there.length === 0) return null;
  const shown = there.slice(0, 3).join(', ') + (there.length > 3 ? ', …' : '');
  return {
    kind: 'refused',
    text: `The data folder ${folder.path} is not empty (${shown}), and a restore never overwrites anything. Stop the server and move what is there away, or choose another folder with --data.`,
  };
}

function readsAsFull(path: string, name: string): boolean {
  return (name === 'spool' || name === 'tls') && readdirSync(path).length > 0;
}

function takenText(folder: DataFolder): Refused {
  return {
    kind: 'refused',
    text: `Another Postern works on ${folder.path}. Stop it first, or choose another folder with --data.`,
  };
}
