// The file that a backup becomes: written aside under another name, and only when it is whole and synced put in its place.
// A crash leaves the old file, or none; what it left aside is overwritten by the next backup to the same place.

import { existsSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readingTrouble, writingTrouble } from '../config/file-trouble.ts';
import { syncDirectory } from '../storage/durable-file.ts';

export type OutputFile = Readonly<{
  kind: 'open';
  /** Absolute. */
  path: string;
  file: FileHandle;
  /** Free octets on its disk. */
  free: number;
  /** Makes it durable under its name. Throws where that fails. */
  publish: () => Promise<void>;
  abandon: () => Promise<void>;
}>;

type Refused = Readonly<{ kind: 'refused'; text: string }>;

export async function openOutputFile(
  name: string,
  { mayReplace }: Readonly<{ mayReplace: boolean }>,
): Promise<OutputFile | Refused> {
  const path = resolve(name);
  const refused = (why: string, remedy: string): Refused => ({
    kind: 'refused',
    text: `The backup cannot be written to ${path}: ${why}. ${remedy}`,
  });
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
      return refused('it is a folder', `Name a file in it, for example ${join(path, 'postern.tar')}.`);
    if (existsSync(path) && !mayReplace)
      return refused('there is such a file already', 'Choose another name, or replace it with --force.');
    const folder = realpathSync(dirname(path));
    const aside = join(folder, `.${basename(path)}.new`);
    rmSync(aside, { force: true });
    const file = await open(aside, 'wx', 0o600);
    const disk = statfsSync(folder);
    return {
      kind: 'open',
      path,
      file,
      free: disk.bavail * disk.bsize,
      publish: async () => {
        await file.sync();
        await file.close();
        await rename(aside, path);
        syncDirectory(folder);
      },
      abandon: async () => {
        await file.close().catch(() => undefined);
        await rm(aside, { force: true });
      },
    };
  } catch (error) {
    const { reason, remedy } = writingTrouble(error);
    return refused(reason, remedy);
  }
}

/** A backup to be read. */
export async function openInputFile(
  name: string,
): Promise<Readonly<{ kind: 'open'; path: string; file: FileHandle; size: number }> | Refused> {
  const path = resolve(name);
  try {
    const file = await open(path, 'r');
    const stats = await file.stat();
    if (stats.isFile()) return { kind: 'open', path, file, size: stats.size };
    await file.close();
    return {
      kind: 'refused',
      text: `The backup ${path} is not a file. Name the file that "postern backup" made.`,
    };
  } catch (error) {
    const { reason, remedy } = readingTrouble(error);
    return { kind: 'refused', text: `The backup ${path} cannot be read: ${reason}. ${remedy}` };
  }
}
