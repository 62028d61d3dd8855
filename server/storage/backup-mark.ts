// While a backup is made no spool file may be removed: the copy of the database names it. The mark is a folder in the data
// folder, which holds what the backup works on, and a lock beside it, which the kernel drops when the process of the
// backup ends. Whoever would remove a file notes it in that folder instead; the notes are carried out when the mark is
// taken away, by the backup, or after a crash by whoever finds a mark without its lock.
// It works because a row says that its content is gone before the file goes: what is looked for after that commit and
// not marked yet is in no later copy of the database.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataFolder } from './data-folder.ts';
import { lockFile } from './sqlite.ts';

type Marked = Pick<DataFolder, 'backup' | 'spool'>;

export type BackupMark = Readonly<{ release: () => void }>;

/** Others hold the lock for a moment when they look whether a backup is alive. */
const PATIENCE_MS = 2_000;
const LOOK_MS = 20;
const NOTE = '.eml.gone';

/** Sets the mark; null where another backup is under way. Throws where the folder cannot be written. */
export async function setBackupMark(folder: Marked): Promise<BackupMark | null> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const lock = lockFile(lockPath(folder));
    if (lock === null) {
      if (waited >= PATIENCE_MS) return null;
      await sleep(LOOK_MS);
      continue;
    }
    takeAway(folder);
    mkdirSync(folder.backup, { mode: 0o700 });
    return {
      release: () => {
        takeAway(folder);
        lock.close();
      },
    };
  }
}

/** Takes away what a backup left that was killed; nothing where one is being made. */
export function clearDeadBackup(folder: Marked): void {
  if (!existsSync(folder.backup) && !existsSync(`${folder.backup}.old`)) return;
  const lock = lockFile(lockPath(folder));
  if (lock === null) return;
  takeAway(folder);
  lock.close();
}

/** Whether a spool file must stay for now because a backup is being made; it goes after that. Cheap while there is none. */
export function staysForBackup(folder: Marked, id: string): boolean {
  if (!existsSync(folder.backup)) return false;
  const lock = lockFile(lockPath(folder));
  if (lock !== null) {
    takeAway(folder);
    lock.close();
    return false;
  }
  try {
    writeFileSync(join(folder.backup, `${id}${NOTE}`), '', { mode: 0o600 });
    return true;
  } catch (error) {
    // It ended just now. Without a note (the disk is full) the file stays until the server sweeps at its start.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
}

/** Only for whoever has the lock. The mark goes first, so that no note comes too late; a crash leaves the rest for the next. */
function takeAway(folder: Marked): void {
  const old = `${folder.backup}.old`;
  carryOut(folder, old);
  if (!existsSync(folder.backup)) return;
  renameSync(folder.backup, old);
  carryOut(folder, old);
}

function carryOut({ spool }: Marked, old: string): void {
  if (!existsSync(old)) return;
  for (const name of readdirSync(old)) {
    const id = name.endsWith(NOTE) ? name.slice(0, -NOTE.length) : null;
    if (id !== null) rmSync(join(spool, `${id}.eml`), { force: true });
  }
  rmSync(old, { recursive: true, force: true });
}

function lockPath({ backup }: Marked): string {
  return `${backup}.lock`;
}
