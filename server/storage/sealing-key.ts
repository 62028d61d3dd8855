// The files of the sealing key: text with version, id and key, mode 0600. The id is derived from the key, so that a damaged
// file is recognised; it may be shown and stored beside what is sealed. It lies in the data folder and is backed up with it:
// whoever has both has the passwords of the upstreams. While the key is being replaced the new one lies
// beside it in a second file, before anything is sealed under it: so at each moment one of the two files has the key
// whose id stands in the database.

import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RandomBytes } from '../ids.ts';
import { createFileDurably, writeFileDurably } from './durable-file.ts';

export type SealingKey = Readonly<{
  kind: 'key';
  /** 16 hexadecimal digits. */
  id: string;
  octets: Uint8Array;
}>;

export type KeyFile = SealingKey | Readonly<{ kind: 'missing' }> | Readonly<{ kind: 'damaged'; why: string }>;

const KEY_SIZE = 32;

/** Reads the key file. Throws where it exists and cannot be read (permissions). */
export function readKeyFile(path: string): KeyFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'missing' };
    throw error;
  }
  return parseKeyText(text);
}

/** What the text of a key file says. */
export function parseKeyText(text: string): Exclude<KeyFile, { kind: 'missing' }> {
  const version = /^version (\d+)$/m.exec(text)?.[1];
  if (version !== undefined && version !== '1') return { kind: 'damaged', why: `it has version ${version}` };
  const octets = Buffer.from(/^key ([A-Za-z0-9+/]{43}=)$/m.exec(text)?.[1] ?? '', 'base64');
  if (version === undefined || octets.length !== KEY_SIZE) return { kind: 'damaged', why: 'it is not whole' };
  const key = keyOf(octets);
  if (/^id (\S+)$/m.exec(text)?.[1] !== key.id) return { kind: 'damaged', why: 'its key and its id differ' };
  return key;
}

/** The key of that id, from whichever of the two files has it; null where neither has. */
export function findKey(path: string, id: string): SealingKey | null {
  // The first one again, because the second may take its place between the two looks.
  for (const candidate of [path, nextKeyPath(path), path]) {
    const file = readKeyFile(candidate);
    if (file.kind === 'key' && file.id === id) return file;
  }
  return null;
}

/** Makes a new key and its file, durably. Throws where there is a file already. */
export function createKeyFile(path: string, random: RandomBytes): SealingKey {
  const key = keyOf(random(KEY_SIZE));
  createFileDurably(path, keyText(key), 0o600);
  return key;
}

/** Makes a new key in the second file, durably. Only for whoever holds the lock of key-change.ts. */
export function createNextKeyFile(path: string, random: RandomBytes): SealingKey {
  const key = keyOf(random(KEY_SIZE));
  writeFileDurably(nextKeyPath(path), keyText(key), 0o600);
  return key;
}

/** Where the new key lies while the old one is being replaced. */
export function nextKeyPath(path: string): string {
  return `${path}.next`;
}

function keyText(key: SealingKey): string {
  return `# Postern's sealing key. Without it the passwords of upstreams, and what CRAM-MD5 and SCRAM need, cannot be read.
# Back up the data folder with this file in it. Whoever has both has the passwords of the upstreams: encrypt the backup.
version 1
id ${key.id}
key ${Buffer.from(key.octets).toString('base64')}
`;
}

function keyOf(octets: Uint8Array): SealingKey {
  const id = Buffer.from(hkdfSync('sha256', octets, '', 'postern key id', 8)).toString('hex');
  return { kind: 'key', id, octets };
}
