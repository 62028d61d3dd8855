// A power loss: the server runs over a disk that forgets what was not synced (forgetful-disk.c), is killed, and its folder is
// put back to what had been synced by then: octets by a sync of their file, names by a sync of their directory.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { compiled } from '../support/load-tools.ts';
import { ROOT } from '../support/postern.ts';

export type ForgetfulDisk = Readonly<{
  /** For the environment of the server. */
  env: Readonly<Record<string, string>>;
  /** After the kill: what was not synced is gone. Says how much that was. */
  losePower: () => Readonly<{ files: number; octets: number }>;
}>;

/** `folder` must exist: what is in it when the server starts is on the disk. `shadow` holds what is synced. */
export async function forgetfulDisk(folder: string, shadow: string): Promise<ForgetfulDisk> {
  const library = await compiled(join(ROOT, 'test/crash/forgetful-disk.c'), [
    '-shared',
    '-fPIC',
    '-ldl',
    '-lpthread',
  ]);
  rmSync(shadow, { recursive: true, force: true });
  return {
    env: { LD_PRELOAD: library, FORGETFUL_ROOT: folder, FORGETFUL_SHADOW: shadow },
    losePower: () => {
      const before = measure(folder);
      const directories = syncedNames(join(shadow, 'names'));
      empty(folder);
      restore(folder, '', directories, shadow);
      const after = measure(folder);
      return { files: before.files - after.files, octets: before.octets - after.octets };
    },
  };
}

type Entry = Readonly<{ id: string; name: string }>;

/** The names of each directory at its last complete sync. */
function syncedNames(path: string): ReadonlyMap<string, readonly Entry[]> {
  const directories = new Map<string, readonly Entry[]>();
  const text = readFileSync(path, 'utf8');
  for (const block of text.split(/^\.\n/m).slice(0, -1)) {
    const [head = '', ...lines] = block.split('\n').filter(line => line !== '');
    const entries = lines.map(line => {
      const space = line.indexOf(' ');
      return { id: line.slice(0, space), name: line.slice(space + 1) };
    });
    directories.set(head.slice('D '.length), entries);
  }
  return directories;
}

/** Files keep what `empty` left of them: owner and mode. */
function restore(
  folder: string,
  relative: string,
  directories: ReadonlyMap<string, readonly Entry[]>,
  shadow: string,
): void {
  for (const { id, name } of directories.get(relative) ?? []) {
    const path = join(folder, relative, name);
    if (id === '0') {
      if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
      restore(folder, join(relative, name), directories, shadow);
    } else copyFileSync(join(shadow, id), path);
  }
}

/** Folders stay: their modes are no matter of syncs. */
function empty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) empty(path);
    else {
      if (entry.isFile()) truncateSync(path);
      rmSync(path);
    }
  }
}

function measure(folder: string): Readonly<{ files: number; octets: number }> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const octets = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return { files: files.length, octets };
}
