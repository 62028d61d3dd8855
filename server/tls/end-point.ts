// The channel binding tls-server-end-point (RFC 5929 §4): a hash of the server's certificate. Computed from the material
// that the listener was given, because on a resumed session Node reports another leaf than the one that was used.

import { createHash, X509Certificate } from 'node:crypto';
import type { KeyMaterial } from './secure-context.ts';

/** Signature algorithms with one hash that their name says, as OpenSSL writes them. */
const HASH = /^(?:(md5)|(?:ecdsa-with-)?sha(1|224|256|384|512))(?:WithRSAEncryption)?$/i;

/** One for each leaf that has one: which leaf a client has seen depends on what it offered. */
export function serverEndPoints(material: Pick<KeyMaterial, 'cert'>): readonly Uint8Array[] {
  return material.cert.flatMap(pem => endPoint(new X509Certificate(pem)) ?? []);
}

/**
 * RFC 5929 §4.1: the hash of the certificate's signature, but SHA-256 in place of MD5 and SHA-1. Null where there is no such
 * hash (Ed25519), or where it is a parameter that Node does not show (RSA-PSS).
 */
export function endPoint(certificate: X509Certificate): Uint8Array | null {
  const named = HASH.exec(certificate.signatureAlgorithm ?? '');
  if (named === null) return null;
  const [, md5, size] = named;
  const hash = md5 !== undefined || size === '1' ? 'sha256' : `sha${size}`;
  return createHash(hash).update(certificate.raw).digest();
}
