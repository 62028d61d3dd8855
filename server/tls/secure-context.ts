// What a listener hands to TLS: both leaves in one context, so that TLS 1.3, TLS 1.2 with ECDSA or RSA only, and
// clients without SNI are all served by it. The floor is TLS 1.2; lowering it is a profile's business, not this file's.

import { createSecureContext, DEFAULT_CIPHERS, type SecureContextOptions } from 'node:tls';

/** PEM. Certificates and keys in the same order; a certificate may be followed by its chain. */
export type KeyMaterial = Readonly<{ cert: readonly string[]; key: readonly string[] }>;

export type ListenerTls = Readonly<
  Pick<SecureContextOptions, 'minVersion' | 'ciphers' | 'honorCipherOrder' | 'sessionTimeout'> & {
    cert: string[];
    key: string[];
  }
>;

/**
 * Node's own list prefers RSA in TLS 1.2, whose signatures cost more than twenty times as much as those of ECDSA. Whoever offers
 * ECDSA gets it; the rest of the list, and so who can connect, is Node's.
 */
const CIPHERS = `ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:${DEFAULT_CIPHERS}`;

/**
 * Options for `tls.createServer`, `tls.createSecureContext` and smtp-server's constructor and `updateSecureContext`.
 * Session tickets are on: a device that sends one mail per connection then resumes without a new signature.
 * There is no fixed `ticketKeys`: OpenSSL's own are random, live only in memory, and end with the process or with the
 * certificate, and a client whose ticket is no longer known simply makes a full handshake.
 */
export function listenerTls(material: KeyMaterial): ListenerTls {
  return {
    cert: [...material.cert],
    key: [...material.key],
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    sessionTimeout: 7200,
  };
}

/**
 * Tries material out. Returns null when a context can be made of it, else why not.
 * smtp-server forgets its old context before it makes the new one, so what it is given must be known to work.
 */
export function tryMaterial(material: KeyMaterial): string | null {
  try {
    createSecureContext(listenerTls(material));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
