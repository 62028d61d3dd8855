// The local certificate authority: made once for a data folder, good for twenty years, trusted by hand on each device.
// It signs leaves and nothing else (pathLen 0). RSA-2048 with SHA-256, because old printers know nothing newer.

import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { BUILD_DATE } from '../build.ts';
import type { RandomBytes } from '../ids.ts';

/** Both as PEM; the key is PKCS #8 and not encrypted. */
export type Authority = Readonly<{ certificate: string; key: string }>;

const DAY = 86_400_000;
const LIFETIME = 20 * 365.25 * DAY;
const LONGEST_COMMON_NAME = 64; // RFC 5280, ub-common-name

export async function makeAuthorityKey(): Promise<string> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/**
 * The CA's certificate for a key. The same key and host name give an equally good one again (other serial), so a lost
 * ca.crt can be made anew while ca.key is there, and devices that trust the old one go on trusting.
 */
export async function makeAuthority(key: string, hostname: string, random: RandomBytes): Promise<Authority> {
  const { issueCertificate } = await import('./issue.ts');
  const privateKey = createPrivateKey(key);
  const certificate = await issueCertificate({
    commonName: `Postern CA ${hostname}`.slice(0, LONGEST_COMMON_NAME).trim(),
    serial: makeSerial(random),
    notBefore: BUILD_DATE,
    notAfter: BUILD_DATE + LIFETIME,
    publicKey: createPublicKey(privateKey),
    keyUsage: ['keyCertSign', 'cRLSign'],
    role: { kind: 'authority' },
    signer: { key: privateKey },
  });
  return { certificate, key };
}

/** 20 random octets; the first is between 64 and 127, so that the number is positive and always 20 octets long. */
export function makeSerial(random: RandomBytes): Uint8Array {
  const serial = Uint8Array.from(random(20));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}
