// Passwords at the moment they are chosen: drawn by lot for a device, or judged when a person chose one.
// Generated ones are 16 letters and digits, because every device can type them (device-quirks.md row 7: an Epson takes 20
// characters, others no punctuation) and 95 bits need no help. A weak one is accepted with a warning, never refused.

import type { RandomBytes } from '../ids.ts';
import { canonicalName, canonicalPassword } from '../sasl/credential-text.ts';
import { MAX_PASSWORD, passwordLength } from './password.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const GENERATED_LENGTH = 16;
/** Characters. Below SHORT anything can be tried; below WORTHLESS what is added to a common word, or a row of digits. */
const SHORT = 10;
const WORTHLESS = 16;

/** Words that guessing starts with; digits and signs around them do not help. */
const COMMON = [
  'password passwort passwd motdepasse contrasena parola senha geheim secret admin administrator root user guest',
  'test demo default changeme letmein welcome willkommen login master qwerty qwertz azerty asdf abc iloveyou',
  'dragon monkey football sunshine princess superman batman printer scanner drucker mail email smtp postern',
].flatMap(line => line.split(' '));

/** A new password: 16 characters of [A-Za-z0-9], each equally likely. */
export function generatePassword(random: RandomBytes): string {
  const limit = 256 - (256 % ALPHABET.length);
  let password = '';
  while (password.length < GENERATED_LENGTH) {
    // Octets from the uneven rest of 256 are thrown away: taking them modulo 62 would favour the first letters.
    for (const octet of random(GENERATED_LENGTH)) {
      if (octet < limit && password.length < GENERATED_LENGTH)
        password += ALPHABET.charAt(octet % ALPHABET.length);
    }
  }
  return password;
}

/** Why a chosen password cannot be used, in words for the person who chose it; null where it can. */
export function passwordProblem(password: string): string | null {
  if (canonicalPassword(password) === '')
    return 'The password is empty: give one, or let Postern generate it.';
  if (password.includes('\0')) return 'The password contains a NUL character, which no client can send.';
  if (passwordLength(password) > MAX_PASSWORD)
    return `The password is longer than ${MAX_PASSWORD} octets: choose a shorter one.`;
  return null;
}

/** Why a password is easily guessed, in words for a warning; null where it is not. `names`: of its account, aliases too. */
export function passwordWeakness(password: string, names: readonly string[]): string | null {
  const advice = 'Let Postern generate one unless the device dictates it.';
  const plain = canonicalName(password);
  const letters = plain.replaceAll(/[^a-z]/g, '');
  if (names.map(canonicalName).some(name => isVariantOf(plain, name)))
    return `The password is the account's own name: it is the first guess. ${advice}`;
  if (plain.length < WORTHLESS && COMMON.includes(letters))
    return `The password is a common word with little around it: it is guessed quickly. ${advice}`;
  if (plain.length < WORTHLESS && /^\d*$/.test(plain))
    return `The password has only digits: it can be guessed. ${advice}`;
  if ([...plain].length < SHORT)
    return `The password is shorter than ${SHORT} characters: it can be guessed. ${advice}`;
  if (new Set(plain).size < 5) return `The password repeats a few characters: it can be guessed. ${advice}`;
  return null;
}

/** The name itself, its part before the @, or the name backwards. */
function isVariantOf(password: string, name: string): boolean {
  return [name, name.split('@')[0], [...name].reverse().join('')].includes(password);
}
