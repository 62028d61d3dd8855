// The files that are backed up only when a passphrase encrypts them: the sealing key that the copied database names, and
// the certificates with their private keys, the CA's among them. Without them a restored Postern makes a new CA, and the
// passwords of upstreams must be given again.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFolder } from '../storage/data-folder.ts';
import { nextKeyPath, parseKeyText } from '../storage/sealing-key.ts';
import type { SecretFile } from './sealed-secrets.ts';

type Folder = Pick<DataFolder, 'sealingKey' | 'tls'>;

/** The key may be replaced while the database is copied: which of these is the right one, the copy says. */
export type KeyCandidate = Readonly<{ id: string; octets: Buffer }>;

export const SEALING_KEY = 'sealing.key';
const TLS_NAME = /^tls\/[\w-]+\.(crt|key)$/;

export function keyCandidates({ sealingKey }: Folder): readonly KeyCandidate[] {
  const found: KeyCandidate[] = [];
  for (const path of [sealingKey, nextKeyPath(sealingKey)]) {
    const octets = readIfThere(path);
    const parsed = octets === null ? null : parseKeyText(octets.toString('utf8'));
    if (octets !== null && parsed?.kind === 'key') found.push({ id: parsed.id, octets });
  }
  return found;
}

export function certificateFiles({ tls }: Folder): readonly SecretFile[] {
  const files: SecretFile[] = [];
  for (const name of existsSync(tls) ? readdirSync(tls).sort() : []) {
    const octets = isSecretName(`tls/${name}`) ? readIfThere(join(tls, name)) : null;
    if (octets !== null) files.push({ name: `tls/${name}`, octets });
  }
  return files;
}

/** Only these are unpacked, into the folder of the same name. */
export function isSecretName(name: string): boolean {
  return name === SEALING_KEY || TLS_NAME.test(name);
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
