// How long a name and a password may be, as sent. What is longer is nobody's, and fails as a wrong one does before it is
// brought into canonical form: anybody may send 9 KB of it, and normalization puts combining marks in order in time with
// the square of their number. Every spelling of what an account may have is within the bounds. Measured at the worst that
// they let through, marks in the wrong order: 0.12 ms for a name, 1.7 ms for a password; 9 KB take 15 ms and more.

import { decodeText } from './credential-text.ts';

/**
 * Octets of a name or authzid. An account's has 255 in canonical form (accounts/account-name.ts); the longest spelling of a
 * character has 4.5 times its octets: `ǖ` (two) as a mathematical u (four) and two marks. One octet has no more than one
 * mark in any spelling.
 */
export const MAX_NAME = 1148;
const MAX_NAME_MARKS = 255;

/** 1024 octets in canonical form (accounts/password.ts); 4 times as many in another spelling, since its case is kept. */
export const MAX_PASSWORD = 4096;
const MAX_PASSWORD_MARKS = 1024;

export function isNameTooLong(name: Uint8Array): boolean {
  return name.length > MAX_NAME || marksOf(name) > MAX_NAME_MARKS;
}

export function isPasswordTooLong(password: Uint8Array): boolean {
  return password.length > MAX_PASSWORD || marksOf(password) > MAX_PASSWORD_MARKS;
}

function marksOf(octets: Uint8Array): number {
  return decodeText(octets).match(/\p{M}/gu)?.length ?? 0;
}
