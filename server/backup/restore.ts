// Brings a backup back into an empty data folder: proven to the last octet, and with its queue held. All or nothing: what
// cannot be used leaves the folder empty.

import { createWriteStream, readdirSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../clock.ts';
import { syncDirectory, syncFile } from '../storage/durable-file.ts';
import { type Broken, brokenText, readBeginning, readContents, readThrough } from './contents.ts';
import { type Manifest, NAMES, spoolIdOf } from './manifest.ts';
import { openRestorePlace, type RestorePlace } from './restore-place.ts';
import { type HeldMail, prepareDatabase } from './restored-database.ts';
import { openSecrets, type SecretFile } from './sealed-secrets.ts';
import { isSecretName, SEALING_KEY } from './secret-files.ts';

type Refused = Readonly<{ kind: 'refused'; text: string }>;

/** How the caller comes to the passphrase. `without`: the key stays away though it is in the backup. */
export type Passphrase =
  | Readonly<{ kind: 'given'; secret: string }>
  | Readonly<{ kind: 'without' }>
  | Readonly<{ kind: 'misused' | 'failed'; text: string }>;

export type RestoreDeps = Readonly<{
  backup: Readonly<{ path: string; file: FileHandle; size: number }>;
  data: string;
  allowUnsafeFilesystem: boolean;
  /** Asked only where secrets are in the backup. */
  askPassphrase: () => Promise<Passphrase>;
  clock: Clock;
}>;

export type Restored = Readonly<{
  kind: 'restored';
  /** The data folder, absolute. */
  path: string;
  manifest: Manifest;
  held: HeldMail;
  hasSealingKey: boolean;
  hasCertificates: boolean;
  warnings: readonly string[];
}>;

export type RestoreResult = Restored | Refused | Extract<Passphrase, { kind: 'misused' | 'failed' }>;

/** What unpacking takes beyond the backup's size: updating the database to today's schema. */
const SLACK = 32 * 1024 * 1024;

export async function restoreBackup(deps: RestoreDeps): Promise<RestoreResult> {
  const { backup, data, allowUnsafeFilesystem, askPassphrase } = deps;
  const beginning = await readBeginning(backup.file);
  if (beginning.kind === 'broken') return refused(brokenText(backup.path, beginning));
  const secrets = await secretsOf(backup.path, beginning.secrets, askPassphrase);
  if ('kind' in secrets) return secrets;
  const place = await openRestorePlace({ path: data, allowUnsafeFilesystem });
  if (place.kind === 'refused') return place;
  try {
    const result = await fill(deps, place, secrets);
    if (result.kind === 'restored') place.settle();
    else place.abandon();
    return result;
  } catch (error) {
    place.abandon();
    throw error;
  } finally {
    place.release();
  }
}

async function secretsOf(
  path: string,
  sealed: Buffer | null,
  askPassphrase: () => Promise<Passphrase>,
): Promise<readonly SecretFile[] | Exclude<RestoreResult, Restored>> {
  if (sealed === null) return [];
  const passphrase = await askPassphrase();
  if (passphrase.kind === 'without') return [];
  if (passphrase.kind !== 'given') return passphrase;
  const opened = await openSecrets(sealed, passphrase.secret);
  switch (opened.kind) {
    case 'open':
      return opened.files.filter(({ name }) => isSecretName(name));
    case 'wrong-passphrase':
      return refused(
        `The passphrase does not open the keys in ${path}. Try again; without it, "--without-key" restores everything else.`,
      );
    case 'broken':
      return refused(brokenText(path, opened));
    default:
      return opened satisfies never;
  }
}

async function fill(
  { backup, clock }: RestoreDeps,
  { folder, work, free }: RestorePlace,
  secrets: readonly SecretFile[],
): Promise<Restored | Refused> {
  if (free < backup.size + SLACK)
    return refused(
      `The disk of ${folder.path} has no room for the backup ${backup.path}. Choose another disk with --data.`,
    );
  const manifest = await readContents(backup.file, unpackInto(work));
  if ('kind' in manifest) return refused(brokenText(backup.path, manifest));
  for (const { name, octets } of secrets) writeFileSync(join(work, name), octets, { mode: 0o600 });
  const held = prepareDatabase(join(work, NAMES.database), clock.now());
  if ('kind' in held) return refused(brokenText(backup.path, held satisfies Broken));
  syncAll(work);
  const names = secrets.map(({ name }) => name);
  return {
    kind: 'restored',
    path: folder.path,
    manifest,
    held,
    hasSealingKey: names.includes(SEALING_KEY),
    hasCertificates: names.includes('tls/ca.key'),
    warnings: folder.warnings,
  };
}

/** Database, observations and spool files; the rest is read, because it is proven too, and left. */
function unpackInto(work: string) {
  return async (name: string, content: AsyncIterable<Buffer>): Promise<void> => {
    const isKept = name === NAMES.database || name === NAMES.observations || spoolIdOf(name) !== null;
    if (isKept) await pipeline(content, createWriteStream(join(work, name), { flags: 'wx', mode: 0o600 }));
    else await readThrough(content);
  };
}

function syncAll(work: string): void {
  for (const entry of readdirSync(work, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) syncFile(join(entry.parentPath, entry.name));
  for (const folder of [join(work, 'spool'), join(work, 'tls'), work]) syncDirectory(folder);
}

function refused(text: string): Refused {
  return { kind: 'refused', text };
}
