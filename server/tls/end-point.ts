// The channel binding tls-server-end-point (RFC 5929 §4): a hash of the server's certificate. Computed from the material
// that the listener was given, because on a resumed session Node reports another leaf than the one that was used.

import { createHash, X509Certificate } from 'node:crypto';
import type { KeyMaterial } from './secure-context.ts';

/** One for each leaf: which of them a client has seen depends on what it offered. */
export function serverEndPoints(material: Pick<KeyMaterial, 'cert'>): readonly Uint8Array[] {
  return material.cert.map(pem => endPoint(new X509Certificate(pem)));
}

/** RFC 5929 §4.1: the hash of the certificate's signature, but SHA-256 in place of MD5 and SHA-1. */
export function endPoint(certificate: X509Certificate): Uint8Array {
  const named = /sha-?(256|384|512)/i.exec(certificate.signatureAlgorithm ?? '')?.[1] ?? '256';
  return createHash(`sha${named}`).update(certificate.raw).digest();
}
