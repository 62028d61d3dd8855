// A name for a secret that is worth nothing outside this process: HMAC-SHA-256 under a random key that is never stored.
// The verified-credential cache, the sharing of identical logins and the throttle remember these instead of passwords.

import { createHmac, createSecretKey } from 'node:crypto';
import type { RandomBytes } from '../ids.ts';

/** Equal only where every part is equal; parts are told apart by their lengths. */
export type Fingerprint = (...parts: readonly (string | Uint8Array)[]) => string;

const KEY_OCTETS = 32;

export function createFingerprint(random: RandomBytes): Fingerprint {
  // A key object: raw octets would be wrapped anew for each HMAC.
  const key = createSecretKey(random(KEY_OCTETS));
  return (...parts) => {
    const hmac = createHmac('sha256', key);
    for (const part of parts) {
      const octets = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
      hmac.update(`${octets.length}:`).update(octets);
    }
    return hmac.digest('base64');
  };
}
