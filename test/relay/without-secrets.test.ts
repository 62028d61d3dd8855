import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutSecrets } from '../../server/relay/without-secrets.ts';

const password = 'geheim  Ñ $1';
const token = Buffer.from(`\0relay@example.com\0${password}`).toString('base64');
const hide = (text: string) => withoutSecrets(text, { password, tokens: [token] });

describe('the words of an upstream about our login', () => {
  const table = [
    ['5.7.8 Username and Password not accepted.', '5.7.8 Username and Password not accepted.'],
    [`500 unknown command: AUTH PLAIN ${token}`, '500 unknown command: AUTH PLAIN ***'],
    [`500 UNKNOWN: AUTH PLAIN ${token.toUpperCase()}`, '500 UNKNOWN: AUTH PLAIN ***'],
    [`500 line "AUTH PLAIN ${token.slice(0, 20)}..."`, '500 line "AUTH PLAIN ***..."'],
    [`535 the password "${password}" is wrong`, '535 the password "***" is wrong'],
    [`535 the password "${password.toUpperCase()}" is wrong`, '535 the password "***" is wrong'],
    [`535 ${Buffer.from(password).toString('latin1')}`, '535 ***'],
    ['535 geheim Ñ $1 is wrong', '535 *** is wrong'],
    [
      `535 ${Buffer.from(password)
        .toString('latin1')
        .replace(/[\s\p{Cc}]+/gu, ' ')}`,
      '535 ***',
    ],
    ['535 no such user relay@example.com', '535 no such user relay@example.com'],
  ] as const;
  for (const [said, shown] of table) it(said, () => expect(hide(said)).toBe(shown));

  it('keep all else where the password is very short, or there was none', () => {
    expect(withoutSecrets('535 a bad login', { password: 'a', tokens: [] })).toBe('535 a bad login');
    expect(withoutSecrets('535 a bad login', { password: '', tokens: [''] })).toBe('535 a bad login');
  });

  it('never hold the token, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, behind) => {
        expect(hide(`${before}${token}${behind}`)).not.toContain(token.slice(4, 20));
      }),
    );
  });
});
