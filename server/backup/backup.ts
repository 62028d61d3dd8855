// Makes a backup: one file with a consistent copy of the database and every spool file that it names, proven by hashes. Works
// beside a running server, under load, and without one. The order is what makes it consistent: the mark first, so that no
// file goes any more; then the copy of the database; then the files that this copy names.

import { existsSync, statfsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { RandomBytes } from '../ids.ts';
import { type BackupMark, setBackupMark } from '../storage/backup-mark.ts';
import type { DataFolder } from '../storage/data-folder.ts';
import { isDamage, textOf } from '../storage/sqlite.ts';
import { type ArchivedFile, type ArchiveWriter, createArchiveWriter } from './archive.ts';
import {
  type Heading,
  type Lacking,
  type Manifest,
  NAMES,
  spoolName,
  writeHeading,
  writeManifest,
  writeSeal,
} from './manifest.ts';
import type { OutputFile } from './output-file.ts';
import { type SecretFile, sealSecrets } from './sealed-secrets.ts';
import { certificateFiles, type KeyCandidate, keyCandidates, SEALING_KEY } from './secret-files.ts';
import {
  databaseSize,
  type Snapshot,
  type SpooledMessage,
  snapshotDatabase,
  snapshotObservations,
} from './snapshot.ts';

export type BackupDeps = Readonly<{
  folder: DataFolder;
  output: OutputFile;
  /** Encrypts sealing key and certificates; null leaves them out. */
  passphrase: string | null;
  version: string;
  clock: Clock;
  random: RandomBytes;
}>;

export type BackupMade = Readonly<{
  kind: 'made';
  /** Octets of the file. */
  size: number;
  manifest: Manifest;
  /** Whether the sealing key was there to be taken; always false without a passphrase. */
  hasSealingKey: boolean;
}>;

type Refused = Readonly<{ kind: 'refused'; text: string }>;

export type BackupResult = BackupMade | Refused;

/** What the disk must have beyond the sizes that are known. */
const SLACK = 16 * 1024 * 1024;
const READ_SIZE = 1024 * 1024;

/** Sets the mark, under which the archive is written and published. */
export async function beginBackup(
  folder: DataFolder,
): Promise<Readonly<{ kind: 'begun'; mark: BackupMark }> | Refused> {
  if (!existsSync(folder.database))
    return refused(`There is no database in ${folder.path}, so there is nothing to back up. Check --data.`);
  const mark = await setBackupMark(folder);
  if (mark === null) return refused(`Another backup of ${folder.path} is being made. Wait for it.`);
  return { kind: 'begun', mark };
}

/** Writes the archive, under the mark; the caller publishes the file, or abandons it where this refuses or throws. */
export async function makeBackup(deps: BackupDeps): Promise<BackupResult> {
  const { folder, output } = deps;
  try {
    const room = lackOfRoom(folder, output);
    return room ?? (await underMark(deps));
  } catch (error) {
    if (isDamage(error)) return refused(damageText(folder, textOf(error)));
    throw error;
  }
}

async function underMark(deps: BackupDeps): Promise<BackupResult> {
  const { folder, clock } = deps;
  const madeAt = clock.now();
  const before = keyCandidates(folder);
  const copied = snapshotDatabase(folder, join(folder.backup, NAMES.database));
  if (copied.kind === 'refused') return copied;
  const { snapshot } = copied;
  try {
    const key = [...before, ...keyCandidates(folder)].find(({ id }) => id === snapshot.facts.sealingKeyId);
    return await writeArchive(deps, snapshot, key ?? null, madeAt);
  } finally {
    snapshot.close();
  }
}

async function writeArchive(
  deps: BackupDeps,
  snapshot: Snapshot,
  key: KeyCandidate | null,
  madeAt: number,
): Promise<BackupMade> {
  const { folder, output, passphrase, version, random } = deps;
  const { schema, messages, waiting } = snapshot.facts;
  const archive = createArchiveWriter(output.file, Math.floor(madeAt / 1000));
  const heading: Heading = { version, schema, madeAt, withKey: passphrase !== null };
  const files = [await archive.addOctets(NAMES.heading, writeHeading(heading))];
  if (passphrase !== null) {
    const secrets: readonly SecretFile[] = [
      ...(key === null ? [] : [{ name: SEALING_KEY, octets: key.octets }]),
      ...certificateFiles(folder),
    ];
    files.push(await archive.addOctets(NAMES.secrets, await sealSecrets(secrets, passphrase, random)));
  }
  files.push(await addFile(archive, NAMES.database, join(folder.backup, NAMES.database)));
  const observations = join(folder.backup, NAMES.observations);
  if (snapshotObservations(folder, observations))
    files.push(await addFile(archive, NAMES.observations, observations));
  const lacking = await addSpool(archive, folder, snapshot.spooled(), files);
  const manifest: Manifest = { heading, messages, waiting, lacking, files };
  const { hash } = await archive.addOctets(NAMES.manifest, writeManifest(manifest));
  await archive.addOctets(NAMES.seal, writeSeal(hash));
  const size = await archive.end();
  return { kind: 'made', size, manifest, hasSealingKey: passphrase !== null && key !== null };
}

/** Adds each file to `files`, and returns what is missing or is not what was stored. */
async function addSpool(
  archive: ArchiveWriter,
  folder: DataFolder,
  spooled: Iterable<SpooledMessage>,
  files: ArchivedFile[],
): Promise<readonly Lacking[]> {
  const lacking: Lacking[] = [];
  for (const { id, size, hash } of spooled) {
    const file = await open(join(folder.spool, `${id}.eml`), 'r').catch(() => null);
    if (file === null) {
      lacking.push({ id, why: 'its file is missing' });
      continue;
    }
    const added = await addOpenFile(archive, spoolName(id), file);
    files.push(added);
    if (added.hash !== hash || added.size !== size)
      lacking.push({ id, why: 'its file is not what was stored' });
  }
  return lacking;
}

async function addFile(archive: ArchiveWriter, name: string, path: string): Promise<ArchivedFile> {
  return addOpenFile(archive, name, await open(path, 'r'));
}

/** Closes the file. */
async function addOpenFile(archive: ArchiveWriter, name: string, file: FileHandle): Promise<ArchivedFile> {
  const { size } = await file.stat();
  return archive.add(name, size, file.createReadStream({ highWaterMark: READ_SIZE }));
}

/** Null where both disks have enough. The copy of the database lies in the data folder while the backup is made. */
function lackOfRoom(folder: DataFolder, output: OutputFile): Refused | null {
  const size = databaseSize(folder.database);
  const disk = statfsSync(folder.path);
  if (disk.bavail * disk.bsize < size + SLACK)
    return refused(
      `The disk of ${folder.path} has no room for a copy of the database (${megabytes(size)}), which a backup needs while it is made. Make room, or stop the server and copy the whole data folder.`,
    );
  if (output.free < size + SLACK)
    return refused(
      `The disk of ${output.path} has no room for the backup: the database alone has ${megabytes(size)}. Choose another disk.`,
    );
  return null;
}

function damageText(folder: DataFolder, why: string): string {
  return `The database ${folder.database} is damaged (${why}), so no backup can be made of it. Keep a copy of the whole data folder, and restore the last good backup with "postern restore FILE --data NEW-FOLDER".`;
}

function refused(text: string): Refused {
  return { kind: 'refused', text };
}

function megabytes(size: number): string {
  return `${Math.ceil(size / 1024 / 1024)} MiB`;
}
