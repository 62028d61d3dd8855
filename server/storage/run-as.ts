// Root that runs a command must not leave root's files in another user's data folder: it becomes that user for good.
// Called by the entry point before the store is opened; threads started later inherit it.

import { existsSync, statSync } from 'node:fs';

/** Gives up root for the owner of the data folder. Returns the user id changed to, or null where nothing was to do. */
export function runAsOwnerOf(folder: string): number | null {
  if (process.geteuid?.() !== 0 || !existsSync(folder)) return null;
  const { uid, gid } = statSync(folder);
  if (uid === 0) return null;
  // Groups first: afterwards there is no right left to change them.
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  return uid;
}
