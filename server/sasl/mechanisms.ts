// The mechanisms Postern speaks, by name. EHLO shows a listener's list in this order; a new mechanism is one file and one line.

import { cramMd5 } from './cram-md5.ts';
import { login } from './login.ts';
import type { Mechanism } from './mechanism.ts';
import { plain } from './plain.ts';
import { scramSha256, scramSha256Plus } from './scram.ts';

/** In the order of EHLO. Those that send the password itself come first: poor devices read no further. */
export const mechanisms: readonly Mechanism[] = [plain, login, cramMd5, scramSha256, scramSha256Plus];

/** The names of all of them, for settings that choose among them. */
export const MECHANISM_NAMES = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'] as const;

/** The mechanism of that name in any letter case (RFC 4954 §4), or null where it is not offered. */
export function findMechanism(offered: readonly Mechanism[], name: string): Mechanism | null {
  // Only a to z: Unicode's capitals of other letters (ı) must not become a mechanism's name.
  const wanted = name.replace(/[a-z]/g, letter => letter.toUpperCase());
  return offered.find(mechanism => mechanism.name === wanted) ?? null;
}
