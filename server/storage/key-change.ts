// The one way in which the sealing key is replaced, safe against a crash at every point: the new key is durable in a second
// file before the commit that seals everything under it and names it; only then does that file take the place of the old
// one. A lock keeps two such changes apart, whoever makes them; the kernel drops it when the process ends.

import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RandomBytes } from '../ids.ts';
import type { CommitRefusal, Database } from './database.ts';
import { syncDirectory } from './durable-file.ts';
import { readMeta } from './meta.ts';
import { createNextKeyFile, nextKeyPath, readKeyFile, type SealingKey } from './sealing-key.ts';
import { lockFile } from './sqlite.ts';

/** Why it was not replaced: what, why, what to do. */
export type KeyRefusal = Readonly<{ kind: 'refused'; text: string }>;

type KeyChange<T> = Readonly<{
  path: string;
  database: Database;
  random: RandomBytes;
  /** Asked under the lock, with the id that the database names: a refusal ends it before anything is made. */
  may: (id: string | null) => KeyRefusal | null;
  /** Commits everything that hangs on the key, and its new id, in one group. */
  commit: (
    key: SealingKey,
    id: string | null,
  ) => Promise<Readonly<{ kind: 'committed'; value: T }> | KeyRefusal | CommitRefusal>;
}>;

export async function changeKey<T>(
  change: KeyChange<T>,
): Promise<Readonly<{ kind: 'changed'; id: string; value: T }> | KeyRefusal> {
  const { path, database, random } = change;
  const lock = lockFile(lockPath(path));
  if (lock === null)
    return refused('Another process is replacing the sealing key: wait for it, then try again.');
  try {
    const id = await readMeta(database, 'sealing_key_id');
    if (id !== null) takePlace(path, id);
    const refusal = change.may(id);
    if (refusal !== null) return refusal;
    const key = createNextKeyFile(path, random);
    const committed = await change.commit(key, id);
    if (committed.kind !== 'committed') {
      // After an I/O error nobody knows whether it was committed: the next to open the database looks.
      if (committed.kind !== 'io') rmSync(nextKeyPath(path), { force: true });
      return committed.kind === 'refused' ? committed : refused(commitText(committed));
    }
    // From here on the database names the new key. If we die, the next process to open it does this.
    takePlace(path, key.id);
    return { kind: 'changed', id: key.id, value: committed.value };
  } finally {
    lock.close();
  }
}

/** Does `work` while nobody replaces the key; null where somebody does just now. */
export async function whileKeyStays<T>(path: string, work: () => Promise<T>): Promise<T | null> {
  const lock = lockFile(lockPath(path));
  if (lock === null) return null;
  try {
    return await work();
  } finally {
    lock.close();
  }
}

/** Puts the second key file into the place of the first where the database names its key. `id` was read just now. */
export function finishKeyChange(path: string, id: string): void {
  if (!isWaiting(path, id)) return;
  const lock = lockFile(lockPath(path));
  if (lock === null) return; // whoever replaces the key is about to do it
  try {
    // Under the lock the file is the same only if the database still names it.
    takePlace(path, id);
  } finally {
    lock.close();
  }
}

function takePlace(path: string, id: string): void {
  if (!isWaiting(path, id)) return;
  renameSync(nextKeyPath(path), path);
  syncDirectory(dirname(path));
}

function isWaiting(path: string, id: string): boolean {
  const next = readKeyFile(nextKeyPath(path));
  return next.kind === 'key' && next.id === id;
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

function commitText(result: CommitRefusal): string {
  switch (result.kind) {
    case 'full':
      return `The disk is full, so the sealing key was not replaced: make room and try again. (${result.text})`;
    case 'busy':
    case 'requirement':
    case 'constraint':
      return 'The database was changed by others all the time, so the sealing key was not replaced: try again.';
    case 'io':
      return `The database could not be written: ${result.text}. Start Postern again; it looks which sealing key is in force.`;
    default:
      return result satisfies never;
  }
}

export function refused(text: string): KeyRefusal {
  return { kind: 'refused', text };
}
