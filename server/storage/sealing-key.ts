// The file of the sealing key: a text file with version, id and key, mode 0600, never overwritten. The id is derived
// from the key, so that a damaged file is recognised; it may be shown and stored beside what is sealed.

import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RandomBytes } from '../ids.ts';
import { createFileDurably } from './durable-file.ts';

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
  const version = /^version (\d+)$/m.exec(text)?.[1];
  if (version !== undefined && version !== '1') return { kind: 'damaged', why: `it has version ${version}` };
  const octets = Buffer.from(/^key ([A-Za-z0-9+/]{43}=)$/m.exec(text)?.[1] ?? '', 'base64');
  if (version === undefined || octets.length !== KEY_SIZE) return { kind: 'damaged', why: 'it is not whole' };
  const key = keyOf(octets);
  if (/^id (\S+)$/m.exec(text)?.[1] !== key.id) return { kind: 'damaged', why: 'its key and its id differ' };
  return key;
}

/** Makes a new key and its file, durably. Throws where there is a file already. */
export function createKeyFile(path: string, random: RandomBytes): SealingKey {
  const key = keyOf(random(KEY_SIZE));
  const text = `# Postern's sealing key. Without it the upstreams' passwords in the database cannot be read.
# Back it up, but not together with the database.
version 1
id ${key.id}
key ${Buffer.from(key.octets).toString('base64')}
`;
  createFileDurably(path, text, 0o600);
  return key;
}

function keyOf(octets: Uint8Array): SealingKey {
  const id = Buffer.from(hkdfSync('sha256', octets, '', 'postern key id', 8)).toString('hex');
  return { kind: 'key', id, octets };
}
