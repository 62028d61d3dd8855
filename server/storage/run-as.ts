// Root that runs a command must not leave root's files in another user's data folder: it becomes that user, for good or for
// one piece of work. For good is called by the entry point before the store is opened; threads started later inherit it.

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

/** Does the work with the rights of the data folder's owner; afterwards root is root again, to write where only root may. */
export async function asOwnerOf<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0 || !existsSync(folder)) return work();
  const { uid, gid } = statSync(folder);
  if (uid === 0) return work();
  const [ownGroup, ownGroups] = [process.getegid?.() ?? 0, process.getgroups?.() ?? []];
  process.setgroups?.([gid]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(ownGroup);
    process.setgroups?.(ownGroups);
  }
}
