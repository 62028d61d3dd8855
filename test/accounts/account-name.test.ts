import { describe, expect, it } from 'vitest';
import { nameProblem, proposeName } from '../../server/accounts/account-name.ts';
import { systemRandom } from '../../server/ids.ts';

describe('account names', () => {
  it.each([
    'scanner',
    'a b',
    'a$#"\\',
    'jürgen@example.net',
    '打印机',
    '👩‍💻',
    'x'.repeat(255),
    '-f',
  ])('%j is valid', name => {
    expect(nameProblem(name)).toBeNull();
  });

  it.each([
    '',
    ' ',
    '\u200d',
    'a\tb',
    'a\r',
    '\u0085',
    '\u2028',
    'a\u202e',
    '\ufffd',
    '\ue000',
    '\ud800',
    'ü'.repeat(128),
  ])('%j is not', name => {
    expect(nameProblem(name)).not.toBeNull();
  });

  it('are proposed so that the poorest device takes them', () => {
    for (let i = 0; i < 100; i++) expect(proposeName(systemRandom)).toMatch(/^[a-z][a-z0-9]{3,15}$/);
  });
});
