// The arithmetic of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677), for both sides. StoredKey and ServerKey let a server check a
// client and prove itself, without the password. Everything here is octets; what they stand for is the caller's business.

import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import type { ScramSalt } from './mechanism.ts';

/** Octets of every key, proof and signature: those of SHA-256. */
export const SCRAM_KEY = 32;

/** 32 octets each. */
export type ScramKeys = Readonly<{ storedKey: Uint8Array; serverKey: Uint8Array }>;

/** Hi() of RFC 5802 §2.2, 32 octets, in Node's thread pool: 15 000 iterations take some 3 ms there. */
export function saltedPassword(password: Uint8Array, { salt, iterations }: ScramSalt): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, SCRAM_KEY, 'sha256', (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}

export function scramKeys(salted: Uint8Array): ScramKeys {
  return { storedKey: sha256(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') };
}

/** Whether the client knows the password. In constant time; the same work for every proof of 32 octets. */
export function checkProof(storedKey: Uint8Array, authMessage: Uint8Array, proof: Uint8Array): boolean {
  if (storedKey.length !== SCRAM_KEY || proof.length !== SCRAM_KEY) return false;
  const clientKey = xor(proof, hmac(storedKey, authMessage));
  return timingSafeEqual(sha256(clientKey), storedKey);
}

/** What the server proves with; the client computes the same. */
export function serverSignature(serverKey: Uint8Array, authMessage: Uint8Array): Uint8Array {
  return hmac(serverKey, authMessage);
}

/** ClientProof, 32 octets. */
export function clientProof(salted: Uint8Array, authMessage: Uint8Array): Uint8Array {
  const clientKey = hmac(salted, 'Client Key');
  return xor(clientKey, hmac(sha256(clientKey), authMessage));
}

function hmac(key: Uint8Array, message: Uint8Array | string): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(message).digest());
}

function sha256(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(octets).digest());
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((octet, i) => octet ^ (b[i] ?? 0));
}
