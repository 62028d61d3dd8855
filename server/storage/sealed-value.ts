// One sealed value: AES-256-GCM with a random nonce under a key of its own, bound to the row it belongs to by its context.
// It opens only with the same key and the same context. Format: version 1, key id (8), nonce (12), ciphertext, tag (16);
// so whoever has a value knows which key it asks for. Pure.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { RandomBytes } from '../ids.ts';
import type { SealingKey } from './sealing-key.ts';

/** Seals and opens under one key. */
export type KeyedSeal = Readonly<{
  seal: (plain: Uint8Array, context: string) => Uint8Array;
  /** Null where the value was sealed under another key or context, or was changed. */
  open: (sealed: Uint8Array, context: string) => Uint8Array | null;
}>;

const VERSION = 1;
const ID_SIZE = 8;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;
const CIPHER = 'aes-256-gcm';

/** Octets at the beginning of a value that name its key; all values of one key begin with the same. */
export const HEADER_SIZE = 1 + ID_SIZE;

export function createKeyedSeal(key: SealingKey, random: RandomBytes): KeyedSeal {
  const octets = new Uint8Array(hkdfSync('sha256', key.octets, '', 'postern sealing', 32));
  const header = sealedHeader(key.id);
  const bound = (context: string): Buffer => Buffer.concat([header, Buffer.from(context, 'utf8')]);
  return {
    seal: (plain, context) => {
      const nonce = random(NONCE_SIZE);
      const cipher = createCipheriv(CIPHER, octets, nonce, { authTagLength: TAG_SIZE }).setAAD(
        bound(context),
      );
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
    },
    open: (sealed, context) => {
      const value = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (value.length < HEADER_SIZE + NONCE_SIZE + TAG_SIZE) return null;
      if (!value.subarray(0, HEADER_SIZE).equals(header)) return null;
      const nonce = value.subarray(HEADER_SIZE, HEADER_SIZE + NONCE_SIZE);
      const decipher = createDecipheriv(CIPHER, octets, nonce, { authTagLength: TAG_SIZE })
        .setAAD(bound(context))
        .setAuthTag(value.subarray(value.length - TAG_SIZE));
      try {
        const body = value.subarray(HEADER_SIZE + NONCE_SIZE, value.length - TAG_SIZE);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch {
        return null; // the tag does not fit: changed, or of another row
      }
    },
  };
}

/** What every value begins with that was sealed under the key of this id. */
export function sealedHeader(keyId: string): Buffer {
  return Buffer.concat([Buffer.of(VERSION), Buffer.from(keyId, 'hex')]);
}

/** Id of the key that a value was sealed under; empty where it is no sealed value. */
export function keyIdOf(sealed: Uint8Array): string {
  if (sealed[0] !== VERSION || sealed.length < HEADER_SIZE) return '';
  return Buffer.from(sealed.subarray(1, HEADER_SIZE)).toString('hex');
}
