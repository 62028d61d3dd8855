// Looks whether a backup could be restored: every octet of it is read and compared with the list of hashes in it, and its
// keys are opened where a passphrase is given. Writes nothing.

import type { FileHandle } from 'node:fs/promises';
import { brokenText, readBeginning, readContents, readThrough } from './contents.ts';
import type { Manifest } from './manifest.ts';
import { openSecrets } from './sealed-secrets.ts';
import { SEALING_KEY } from './secret-files.ts';

export type CheckResult =
  | Readonly<{
      kind: 'whole';
      manifest: Manifest;
      /** Whether the passphrase opens the keys, and the sealing key is among them; null where none was given or needed. */
      sealingKey: 'there' | 'not-in-it' | null;
    }>
  | Readonly<{ kind: 'refused'; text: string }>;

export async function checkBackup(
  { path, file }: Readonly<{ path: string; file: FileHandle }>,
  passphrase: string | null,
): Promise<CheckResult> {
  const beginning = await readBeginning(file);
  if (beginning.kind === 'broken') return { kind: 'refused', text: brokenText(path, beginning) };
  const manifest = await readContents(file, (_name, content) => readThrough(content));
  if ('kind' in manifest) return { kind: 'refused', text: brokenText(path, manifest) };
  if (passphrase === null || beginning.secrets === null) return { kind: 'whole', manifest, sealingKey: null };
  const opened = await openSecrets(beginning.secrets, passphrase);
  if (opened.kind === 'broken') return { kind: 'refused', text: brokenText(path, opened) };
  if (opened.kind === 'wrong-passphrase')
    return {
      kind: 'refused',
      text: `The backup ${path} is whole, but the passphrase does not open the keys in it.`,
    };
  const hasKey = opened.files.some(({ name }) => name === SEALING_KEY);
  return { kind: 'whole', manifest, sealingKey: hasKey ? 'there' : 'not-in-it' };
}
