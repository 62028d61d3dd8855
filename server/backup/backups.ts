// What the operator can do about backups: make one, look whether one is whole, bring one back. The commands get this from
// main.ts; unlike the others they need no opened store, because they must work where that cannot be opened.

import { existsSync, realpathSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { RandomBytes } from '../ids.ts';
import { isRefusedStart } from '../refused-start.ts';
import { dataFolderAt } from '../storage/data-folder.ts';
import { asOwnerOf, runAsOwnerOf } from '../storage/run-as.ts';
import { type BackupMade, beginBackup, makeBackup } from './backup.ts';
import { type CheckResult, checkBackup } from './check.ts';
import { openInputFile, openOutputFile } from './output-file.ts';
import { type Passphrase, type RestoreResult, restoreBackup } from './restore.ts';

type Refused = Readonly<{ kind: 'refused'; text: string }>;
type NoPassphrase = Extract<Passphrase, { kind: 'misused' | 'failed' }>;

export type BackupRequest = Readonly<{
  file: string;
  mayReplace: boolean;
  /** Asked once the file can be written; `without` leaves the keys out. */
  askPassphrase: () => Promise<Passphrase>;
}>;

export type BackupDone = BackupMade &
  Readonly<{
    /** Absolute. */
    path: string;
    /** In characters; null without one. */
    passphraseLength: number | null;
  }>;

export type Backups = Readonly<{
  make: (request: BackupRequest) => Promise<BackupDone | Refused | NoPassphrase>;
  check: (file: string, askPassphrase: () => Promise<Passphrase>) => Promise<CheckResult | NoPassphrase>;
  restore: (file: string, askPassphrase: () => Promise<Passphrase>) => Promise<RestoreResult>;
}>;

type BackupsDeps = Readonly<{
  /** Path of the data folder. */
  data: string;
  allowUnsafeFilesystem: boolean;
  version: string;
  clock: Clock;
  random: RandomBytes;
}>;

export function createBackups(deps: BackupsDeps): Backups {
  return {
    make: request => make(deps, request),

    check: async (file, askPassphrase) => {
      const input = await openInputFile(file);
      if (input.kind === 'refused') return input;
      try {
        const passphrase = await askPassphrase();
        if (passphrase.kind === 'misused' || passphrase.kind === 'failed') return passphrase;
        return await checkBackup(input, passphrase.kind === 'given' ? passphrase.secret : null);
      } finally {
        await input.file.close();
      }
    },

    restore: async (file, askPassphrase) => {
      // Opened by whoever runs the command; what is made of it belongs to the owner of the data folder.
      const input = await openInputFile(file);
      if (input.kind === 'refused') return input;
      const { data, allowUnsafeFilesystem, clock } = deps;
      runAsOwnerOf(data);
      try {
        return await restoreBackup({ backup: input, data, allowUnsafeFilesystem, askPassphrase, clock });
      } catch (error) {
        return systemRefusal(`The backup ${input.path} could not be restored`, error);
      } finally {
        await input.file.close();
      }
    },
  };
}

async function make(deps: BackupsDeps, request: BackupRequest): ReturnType<Backups['make']> {
  const { data, version, clock, random } = deps;
  if (!existsSync(data))
    return {
      kind: 'refused',
      text: `There is no data folder ${data}, so there is nothing to back up. Check --data.`,
    };
  const output = await openOutputFile(request.file, { data, mayReplace: request.mayReplace, random });
  if (output.kind === 'refused') return output;
  try {
    const passphrase = await request.askPassphrase();
    if (passphrase.kind === 'misused' || passphrase.kind === 'failed') return passphrase;
    const folder = dataFolderAt(realpathSync(data));
    const secret = passphrase.kind === 'given' ? passphrase.secret : null;
    const begun = await asOwnerOf(folder.path, () => beginBackup(folder));
    if (begun.kind === 'refused') return begun;
    try {
      const made = await asOwnerOf(folder.path, () =>
        makeBackup({ folder, output, passphrase: secret, version, clock, random }),
      );
      if (made.kind === 'refused') return made;
      const refused = await output.publish();
      if (refused !== null) return refused;
      return { ...made, path: output.path, passphraseLength: secret === null ? null : [...secret].length };
    } finally {
      begun.mark.release();
    }
  } catch (error) {
    return systemRefusal(`The backup ${output.path} could not be made`, error);
  } finally {
    // Without effect once it was published.
    await output.abandon();
  }
}

/** What the disk says is expected to happen; anything else is a bug. */
function systemRefusal(what: string, error: unknown): Refused {
  if (isRefusedStart(error)) return { kind: 'refused', text: error.message };
  if (!(error instanceof Error) || !('code' in error)) throw error;
  if (error.code === 'ENOSPC' || error.code === 'SQLITE_FULL')
    return { kind: 'refused', text: `${what}: the disk is full. Make room and try again.` };
  return {
    kind: 'refused',
    text: `${what}: ${error.message}. Nothing was changed; put that right and try again.`,
  };
}
