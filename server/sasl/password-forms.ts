// The octets that clients may make of one password. CRAM-MD5 and SCRAM compare octets, and what a device sends depends on
// its keyboard, its system and its age: so a secret is derived for each form, and any of them logs in. PLAIN and LOGIN
// need none of this: their octets are read as text and compared in the canonical form.

import { canonicalPassword, encodeWindows1252 } from './credential-text.ts';

/** At most so many forms of one password: a bound for the work and the place that an account takes. */
export const MAX_FORMS = 5;

/**
 * The distinct forms, in this order: canonical (SASLprep, what RFC 5802 asks of clients), NFC, NFD, as typed, and
 * windows-1252 where the password can be written so. An ASCII password has one. Never an empty form: that one would let
 * a client in without a password.
 */
export function passwordForms(password: string): readonly Uint8Array[] {
  const composed = password.normalize('NFC');
  const texts = [canonicalPassword(password), composed, password.normalize('NFD'), password];
  const forms = [...texts.map(text => new TextEncoder().encode(text)), encodeWindows1252(composed)];
  const distinct = new Map<string, Uint8Array>();
  for (const form of forms) {
    if (form === null || form.length === 0) continue;
    const key = Buffer.from(form).toString('latin1');
    if (!distinct.has(key)) distinct.set(key, form);
  }
  return [...distinct.values()];
}
