// The file that a backup becomes: written aside under a name that no other backup has, and only when it is whole and synced
// put in its place. A crash leaves the old file, or none; what it left aside goes with a later backup to the same place.

import { lstatSync, readdirSync, realpathSync, rmSync, type Stats, statfsSync, statSync } from 'node:fs';
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, readingTrouble, writingTrouble } from '../config/file-trouble.ts';
import type { RandomBytes } from '../ids.ts';
import { syncDirectory } from '../storage/durable-file.ts';

export type OutputFile = Readonly<{
  kind: 'open';
  /** Absolute. */
  path: string;
  file: FileHandle;
  /** Free octets on its disk. */
  free: number;
  /** Makes it durable under its name. Refuses where another file has the name by now; throws where the disk fails. */
  publish: () => Promise<Refused | null>;
  abandon: () => Promise<void>;
}>;

type Refused = Readonly<{ kind: 'refused'; text: string }>;

type OutputOptions = Readonly<{
  /** Path of the data folder: nothing may be replaced in it. */
  data: string;
  mayReplace: boolean;
  random: RandomBytes;
}>;

/** A backup writes all the time, or waits for a passphrase: what was not written to for so long belongs to none. */
const LEFT_BEHIND_MS = 24 * 3_600_000;
const ANOTHER_NAME = 'Choose another name, or replace it with --force.';

export async function openOutputFile(
  name: string,
  { data, mayReplace, random }: OutputOptions,
): Promise<OutputFile | Refused> {
  const path = resolve(name);
  const refused = (why: string, remedy: string): Refused => ({
    kind: 'refused',
    text: `The backup cannot be written to ${path}: ${why}. ${remedy}`,
  });
  const taken = refused('there is such a file already', ANOTHER_NAME);
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
      return refused('it is a folder', `Name a file in it, for example ${join(path, 'postern.tar')}.`);
    const folder = realpathSync(dirname(path));
    if (`${folder}/`.startsWith(`${realpathSync(data)}/`))
      return refused(
        `it lies in the data folder ${data}, with which it would be lost`,
        'Choose another folder, best on another machine.',
      );
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined && !mayReplace) return taken;
    if (there?.isFile() === false) return refused('it is not a regular file', 'Choose another name.');
    removeLeftBehind(folder, basename(path));
    const mark = `${process.pid}-${Buffer.from(random(6)).toString('hex')}`;
    const aside = join(folder, `.${basename(path)}.${mark}.new`);
    const file = await open(aside, 'wx', 0o600);
    const disk = statfsSync(folder);
    return {
      kind: 'open',
      path,
      file,
      free: disk.bavail * disk.bsize,
      publish: async () => {
        await file.sync();
        if (!isSame(await file.stat(), await stat(aside)))
          return refused('another program put a file in its place', 'Try again.');
        await file.close();
        if (mayReplace) await rename(aside, path);
        else if (!(await putWhereNoneIs(aside, path))) return taken;
        syncDirectory(folder);
        return null;
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

/** What a backup that was killed left there. */
function removeLeftBehind(folder: string, name: string): void {
  for (const one of readdirSync(folder)) {
    if (!one.startsWith(`.${name}.`) || !/^\d+-[0-9a-f]{12}\.new$/.test(one.slice(name.length + 2))) continue;
    const found = statSync(join(folder, one), { throwIfNoEntry: false });
    if (found && found.mtimeMs < Date.now() - LEFT_BEHIND_MS) rmSync(join(folder, one), { force: true });
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** False where there is a file of that name by now: it is never overwritten, whoever is quicker. */
async function putWhereNoneIs(aside: string, path: string): Promise<boolean> {
  try {
    await link(aside, path).catch(async error => {
      if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
      await (await open(path, 'wx', 0o600)).close();
      await rename(aside, path);
    });
    await rm(aside, { force: true });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** What file systems say that know no second name for a file, as on most USB sticks. */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

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
