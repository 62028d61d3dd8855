// Secrets that Postern must be able to read again (upstream passwords) are sealed: AES-256-GCM with a random nonce,
// under a key that is not in the database, bound to the row they belong to by its context. Guarantees that a sealed
// value opens only with the same key and the same context, and that a lost key is never silently replaced while
// something is sealed under it. Format: version 1, key id (8), nonce (12), ciphertext, tag (16).

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { RandomBytes } from '../ids.ts';
import { refusedStart } from '../refused-start.ts';
import type { Database } from './database.ts';
import { readMeta, replaceMeta, writeMetaOnce } from './meta.ts';
import { createKeyFile, readKeyFile, type SealingKey } from './sealing-key.ts';

export type Sealer = Readonly<{
  keyId: string;
  /** Context binds the value to its row and purpose, for example `upstream:ID:password`. */
  seal: (plain: Uint8Array, context: string) => Uint8Array;
  /** Null where the value was sealed under another key or context, or was changed. */
  open: (sealed: Uint8Array, context: string) => Uint8Array | null;
  /** A key of 32 octets for another purpose; the same for the same purpose as long as the key is. */
  subkey: (purpose: string) => Uint8Array;
}>;

type OpenSealerOptions = Readonly<{
  /** Path of the key file. */
  path: string;
  database: Database;
  random: RandomBytes;
  /** Whether this process holds the data folder, so that it may make a key. */
  mayCreate: boolean;
  /** Whether the database holds anything sealed. */
  sealedDataExists: () => Promise<boolean>;
  /** Told, in one line, when a lost key of which nothing depends was replaced. */
  onWarning: (text: string) => void;
}>;

/**
 * Reads the key, or makes it at the first start. Throws a refused start where the key is lost while something is sealed
 * under it. Null: there is no key yet and this process may not make it; the one that holds the data folder is about to.
 */
export async function openSealer(options: OpenSealerOptions): Promise<Sealer | null> {
  const { path, database, random, mayCreate } = options;
  const expected = await readMeta(database, 'sealing_key_id');
  const file = readKeyFile(path);
  if (file.kind === 'damaged') {
    throw refusedStart(
      `The sealing key ${path} is damaged: ${file.why}. Put the file back from your backup; nothing was changed. Without a backup, delete the file; then ${WAY_OUT}`,
    );
  }
  if (file.kind === 'key' && file.id === expected) return createSealer(file, random);
  if (!mayCreate && expected === null) return null;
  if (expected !== null) {
    if (!mayCreate || (await options.sealedDataExists())) throw lostKey(path, file, expected);
    options.onWarning(
      `The sealing key ${path} is ${file.kind === 'missing' ? 'missing' : 'another one'}; nothing is sealed under the old one, so ${file.kind === 'missing' ? 'a new one was made' : 'it is used from now on'}.`,
    );
  }
  const key = file.kind === 'key' ? file : createKeyFile(path, random);
  if (expected === null) await writeMetaOnce(database, 'sealing_key_id', key.id);
  else await replaceKeyId(database, key.id);
  return createSealer(key, random);
}

const VERSION = 1;
const ID_SIZE = 8;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;
const HEADER_SIZE = 1 + ID_SIZE;
const CIPHER = 'aes-256-gcm';

/** Seals and opens under one key. */
export function createSealer(key: SealingKey, random: RandomBytes): Sealer {
  const subkey = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', key.octets, '', `postern ${purpose}`, 32));
  const sealingKey = subkey('sealing');
  const header = Buffer.concat([Buffer.of(VERSION), Buffer.from(key.id, 'hex')]);
  const bound = (context: string): Buffer => Buffer.concat([header, Buffer.from(context, 'utf8')]);
  return {
    keyId: key.id,
    seal: (plain, context) => {
      const nonce = random(NONCE_SIZE);
      const cipher = createCipheriv(CIPHER, sealingKey, nonce, { authTagLength: TAG_SIZE }).setAAD(
        bound(context),
      );
      const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([header, nonce, sealed, cipher.getAuthTag()]);
    },
    open: (sealed, context) => {
      const octets = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (octets.length < HEADER_SIZE + NONCE_SIZE + TAG_SIZE) return null;
      if (!octets.subarray(0, HEADER_SIZE).equals(header)) return null;
      const nonce = octets.subarray(HEADER_SIZE, HEADER_SIZE + NONCE_SIZE);
      const decipher = createDecipheriv(CIPHER, sealingKey, nonce, { authTagLength: TAG_SIZE })
        .setAAD(bound(context))
        .setAuthTag(octets.subarray(octets.length - TAG_SIZE));
      try {
        const body = octets.subarray(HEADER_SIZE + NONCE_SIZE, octets.length - TAG_SIZE);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch {
        return null; // the tag does not fit: changed, or of another row
      }
    },
    subkey,
  };
}

/** For a process that has work without the key: nothing opens, and sealing is a refused start with `text`. */
export function sealerWithoutKey(text: string): Sealer {
  const refuse = (): never => {
    throw refusedStart(text);
  };
  return { keyId: '', seal: refuse, open: () => null, subkey: refuse };
}

/** What is sealed under a key that is gone cannot be read again; without it, the next start makes a new key. */
const WAY_OUT =
  'remove the upstreams that have a password (postern upstream remove NAME), restart Postern if it runs, and add them again (postern upstream add NAME).';

function lostKey(
  path: string,
  file: Exclude<ReturnType<typeof readKeyFile>, { kind: 'damaged' }>,
  expected: string,
): Error {
  const what = file.kind === 'missing' ? 'is missing' : `is not the one (its id is ${file.id})`;
  return refusedStart(
    `The sealing key ${path} ${what} under which the upstreams' passwords are sealed (id ${expected}). Put that key file back from your backup; nothing was changed. Without a backup, ${WAY_OUT}`,
  );
}

async function replaceKeyId(database: Database, id: string): Promise<void> {
  const result = await database.commit([replaceMeta('sealing_key_id', id)]);
  if (result.kind !== 'committed')
    throw new Error(`the sealing key's id could not be written: ${result.kind}`);
}
