// The mechanisms Postern speaks, by name. EHLO shows a listener's list in this order; a new mechanism is one file and one line.

import { login } from './login.ts';
import type { Mechanism } from './mechanism.ts';
import { plain } from './plain.ts';

/** Those that send the password itself. In the order of EHLO: `AUTH PLAIN LOGIN`. */
export const passwordMechanisms: readonly Mechanism[] = [plain, login];

/** The mechanism of that name in any letter case (RFC 4954 §4), or null where it is not offered. */
export function findMechanism(offered: readonly Mechanism[], name: string): Mechanism | null {
  // Only a to z: Unicode's capitals of other letters (ı) must not become a mechanism's name.
  const wanted = name.replace(/[a-z]/g, letter => letter.toUpperCase());
  return offered.find(mechanism => mechanism.name === wanted) ?? null;
}
