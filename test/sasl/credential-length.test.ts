// What is too long to be a name or a password, whatever its spelling; and that nothing valid is.

import { describe, expect, it } from 'vitest';
import { nameProblem } from '../../server/accounts/account-name.ts';
import { MAX_PASSWORD as LONGEST_PASSWORD } from '../../server/accounts/password.ts';
import {
  isNameTooLong,
  isPasswordTooLong,
  MAX_NAME,
  MAX_PASSWORD,
} from '../../server/sasl/credential-length.ts';
import { canonicalName, canonicalPassword } from '../../server/sasl/credential-text.ts';

const LONGEST_NAME = 255;
/** The planes beyond hold ideographs, which have no longer spelling. */
const LAST = 0x1ffff;
const octets = (text: string) => Buffer.from(text);
const size = (text: string) => octets(text).length;
const marks = (text: string) => text.match(/\p{M}/gu)?.length ?? 0;

/** Of all characters, the most octets and marks that a spelling has for each octet of the canonical form. */
function growth(canonical: (text: string) => string): Readonly<{ octets: number; marks: number }> {
  const longest = new Map<string, number>();
  const forms = new Set<string>();
  for (let point = 1; point <= LAST; point++) {
    const character = String.fromCodePoint(point);
    const form = canonical(character);
    if (Array.from(form.normalize('NFD')).length === 1)
      longest.set(form, Math.max(longest.get(form) ?? 0, size(character)));
    if (Array.from(form).length === 1) forms.add(form);
  }
  let most = { octets: 0, marks: 0 };
  for (const form of forms) {
    const parts = Array.from(form.normalize('NFD'), part => Math.max(longest.get(part) ?? 0, size(part)));
    const spelt = parts.reduce((sum, part) => sum + part, 0);
    most = {
      octets: Math.max(most.octets, spelt / size(form)),
      marks: Math.max(most.marks, marks(form.normalize('NFD')) / size(form)),
    };
  }
  return most;
}

describe('every spelling is let through', () => {
  it('of a name that an account may have', () => {
    expect(nameProblem('n'.repeat(LONGEST_NAME))).toBeNull();
    expect(nameProblem('n'.repeat(LONGEST_NAME + 1))).not.toBeNull();
    const grown = growth(canonicalName);
    expect(grown.octets * LONGEST_NAME).toBeLessThanOrEqual(MAX_NAME);
    expect(grown.marks).toBeLessThanOrEqual(1);
    expect(isNameTooLong(octets('\u01d6'.normalize('NFD').repeat(127)))).toBe(false);
  });

  it('of a password that an account may have', () => {
    const grown = growth(canonicalPassword);
    expect(grown.octets * LONGEST_PASSWORD).toBeLessThanOrEqual(MAX_PASSWORD);
    expect(grown.marks).toBeLessThanOrEqual(1);
    expect(isPasswordTooLong(octets('\u01d6'.normalize('NFD').repeat(512)))).toBe(false);
  });
});

describe('too long is', () => {
  it.each([
    ['octets', 'n'.repeat(MAX_NAME), 'n'],
    ['octets of few characters', '\u{1d5ba}'.repeat(MAX_NAME / 4), 'n'],
    ['marks', 'n'.repeat(300) + '\u0323'.repeat(255), '\u0300'],
  ])('a name of too many %s', (_, longest, more) => {
    expect(isNameTooLong(octets(longest))).toBe(false);
    expect(isNameTooLong(octets(longest + more))).toBe(true);
  });

  it.each([
    ['octets', 'n'.repeat(MAX_PASSWORD), 'n'],
    ['marks', 'n'.repeat(300) + '\u0323'.repeat(1024), '\u0300'],
  ])('a password of too many %s', (_, longest, more) => {
    expect(isPasswordTooLong(octets(longest))).toBe(false);
    expect(isPasswordTooLong(octets(longest + more))).toBe(true);
  });
});
