import { describe, expect, it } from 'vitest';
import {
  generatePassword,
  passwordProblem,
  passwordWeakness,
} from '../../server/accounts/password-choice.ts';
import { systemRandom } from '../../server/ids.ts';

describe('generatePassword', () => {
  it('makes 16 letters and digits', () => {
    expect(generatePassword(systemRandom)).toMatch(/^[A-Za-z0-9]{16}$/);
  });

  it('uses every character equally: octets of the uneven rest are thrown away', () => {
    let octet = 0;
    const counting = (count: number) => Uint8Array.from({ length: count }, () => octet++ % 256);
    const seen = new Map<string, number>();
    // 31 passwords of 16 are 496 characters: two whole rounds of the 248 usable octets, eight of each of 62.
    for (let i = 0; i < 31; i++)
      for (const character of generatePassword(counting)) seen.set(character, (seen.get(character) ?? 0) + 1);
    expect(seen.size).toBe(62);
  });

  it('never makes 248 to 255 into a character', () => {
    const octets = [248, 255, 250, 0, 61, 62];
    let next = 0;
    const random = (count: number) =>
      Uint8Array.from({ length: count }, () => octets[next++ % octets.length] ?? 0);
    expect(generatePassword(random)).toBe('A9AA9AA9AA9AA9AA');
  });
});

describe('passwordProblem', () => {
  it('accepts anything that can be sent', () => {
    for (const password of ['x', ' ', 'MiPasw0rd$Ñ', '🦊', '\t', 'x'.repeat(1024)])
      expect(passwordProblem(password)).toBeNull();
  });

  it('refuses what cannot', () => {
    for (const password of ['', '\u200d', 'a\0', 'ü'.repeat(513)])
      expect(passwordProblem(password)).not.toBeNull();
  });
});

describe('passwordWeakness', () => {
  it.each([
    ['hunter2', 'nas', 'shorter'],
    ['Password123!', 'nas', 'common'],
    ['123456789012', 'nas', 'digits'],
    ['aaaaaaaaaaaaaaaa', 'nas', 'repeats'],
    ['Reception Printer', 'reception printer', 'name'],
    ['reception', 'reception@example.net', 'name'],
    ['MFP-2nd-floor', 'nas', 'name'],
  ])('warns about %j', (password, name, word) => {
    expect(passwordWeakness(password, [name, 'mfp-2nd-floor'])).toContain(word);
  });

  it.each([
    generatePassword(systemRandom),
    'MiPasw0rd$Ñ',
    'correct horse battery staple',
    '8457392058473920test',
  ])('has nothing to say about %j', password => {
    expect(passwordWeakness(password, ['nas'])).toBeNull();
  });
});
