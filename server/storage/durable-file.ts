// Files and directory entries that must still be there after a power cut: write aside, sync, rename, sync the
// directory. Synchronous; for the few files that are made at start (keys, copies), not for the message path.

import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Makes the entries of a directory durable. */
export function syncDirectory(path: string): void {
  syncFile(path);
}

/** Makes the octets of a file durable. Not for a file that SQLite has open in this process (see sqlite.ts). */
export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Replaces the file, or makes it: afterwards it is whole, old or new, whatever happens on the way. */
export function writeFileDurably(path: string, content: string | Uint8Array, mode: number): void {
  const aside = writeAside(path, content, mode);
  renameSync(aside, path);
  syncDirectory(dirname(path));
}

/** Makes the file whole and durable, or throws EEXIST where there is one already: it is never overwritten. */
export function createFileDurably(path: string, content: string | Uint8Array, mode: number): void {
  const aside = writeAside(path, content, mode);
  try {
    linkSync(aside, path);
  } finally {
    rmSync(aside);
  }
  syncDirectory(dirname(path));
}

/** Makes a directory and its missing parents, each entry synced in its parent. Returns whether the last one is new. */
export function makeDirectoryDurably(path: string, mode: number): boolean {
  if (existsSync(path)) return false;
  const parent = dirname(path);
  if (parent !== path) makeDirectoryDurably(parent, 0o755);
  mkdirSync(path, { mode });
  syncDirectory(parent);
  return true;
}

/** What a crash left aside is overwritten: one process at a time makes these files. */
function writeAside(path: string, content: string | Uint8Array, mode: number): string {
  const aside = join(dirname(path), `.${basename(path)}.new`);
  rmSync(aside, { force: true });
  const descriptor = openSync(aside, 'wx', mode);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return aside;
}
