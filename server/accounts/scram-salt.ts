// The SCRAM salt of a login name, whether or not there is such an account: a keyed digest of name and version, so that it
// never tells which names exist, stays the same as long as the password does (clients keep what they derive from it), and
// needs no row. Each alias has its own, since the client knows only the name it logs in with.

import type { ScramSalt } from '../sasl/mechanism.ts';
import type { LastingKey } from '../storage/lasting-key.ts';

/** 5 ms for a device, once. More would not help: what protects a password here is its own strength, and the seal. */
const ITERATIONS = 15_000;
const SALT_SIZE = 16;

/** `version`: the salt version of the account's newest password; 1 for a name that is no account's. */
export function scramSaltOf(
  lastingKey: Pick<LastingKey, 'mac'>,
  canonicalName: string,
  version: number,
): ScramSalt {
  // No name has NUL in it.
  const salt = lastingKey.mac('scram salt', Buffer.from(`${canonicalName}\0${version}`, 'utf8'));
  return { salt: salt.subarray(0, SALT_SIZE), iterations: ITERATIONS };
}
