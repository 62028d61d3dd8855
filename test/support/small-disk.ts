// A disk of a few MiB that a test may fill, enlarge and switch to read-only: a tmpfs. Only root may mount one.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { noteLine } from './report.ts';
import { makeScratch, removeScratch } from './scratch.ts';

export type SmallDisk = Readonly<{
  resize: (size: string) => void;
  /** False where a file on it is open for writing. */
  setReadOnly: (isReadOnly: boolean) => boolean;
  unmount: () => void;
}>;

/** Whether a suite that needs one must be skipped, for `describe.skipIf`; then one line says so. */
export function lacksSmallDisks(suite: string): boolean {
  if (process.getuid?.() === 0 && process.platform === 'linux' && tryMount()) return false;
  noteLine(
    `skipped: ${suite}: this user cannot mount a tmpfs (run as root on Linux, with the right to mount)`,
  );
  return true;
}

/** Mounts it at `folder`, which is made. `size` as in `2m`. */
export function mountSmallDisk(folder: string, size: string): SmallDisk {
  mkdirSync(folder, { recursive: true });
  mount(['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', folder]);
  return {
    resize: larger => mount(['-o', `remount,size=${larger}`, folder]),
    setReadOnly: isReadOnly =>
      spawnSync('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, folder]).status === 0,
    unmount: () => void spawnSync('umount', ['-l', folder]),
  };
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args);
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
}

function tryMount(): boolean {
  const folder = makeScratch('mount');
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0;
  if (isMounted) spawnSync('umount', [folder]);
  removeScratch(folder);
  return isMounted;
}
