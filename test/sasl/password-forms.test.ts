import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPassword, decodeText, encodeWindows1252 } from '../../server/sasl/credential-text.ts';
import { MAX_FORMS, passwordForms } from '../../server/sasl/password-forms.ts';

/** Each form as its octets in Latin-1, so that a test can show them. */
const forms = (password: string) => passwordForms(password).map(form => Buffer.from(form).toString('latin1'));
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

describe('passwordForms', () => {
  it('of an ASCII password is one', () => {
    expect(forms('tanstaaf $#1')).toEqual(['tanstaaf $#1']);
  });

  it('of a composed letter are UTF-8 composed and decomposed, and windows-1252', () => {
    expect(forms('pä')).toEqual([utf8('pä'), utf8('pa\u0308'), 'p\xe4']);
  });

  it('do not depend on how the letter was typed', () => {
    expect(forms('pa\u0308')).toEqual(forms('pä'));
  });

  it('keep what SASLprep would change', () => {
    // Canonical: the ligature apart. Then as typed, which windows-1252 cannot write.
    expect(forms('o\ufb03ce')).toEqual(['office', utf8('o\ufb03ce')]);
    // A no-break space, which canonically is a plain one.
    expect(forms('a\u00a0b')).toEqual(['a b', utf8('a\u00a0b'), 'a\xa0b']);
  });

  it('are all five where each differs', () => {
    // The ligature, a letter typed decomposed and one typed composed.
    expect(forms('ªa\u0308ö')).toEqual([
      utf8('aäö'),
      utf8('ªäö'),
      utf8('ªa\u0308o\u0308'),
      utf8('ªa\u0308ö'),
      '\xaa\xe4\xf6',
    ]);
  });

  it('have no empty one, which would log in without a password', () => {
    expect(forms('\u00ad')).toEqual([utf8('\u00ad'), '\xad']);
    expect(forms('')).toEqual([]);
  });

  it('are few, distinct, and the canonical one comes first', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), password => {
        const all = forms(password);
        expect(all.length).toBeLessThanOrEqual(MAX_FORMS);
        expect(new Set(all).size).toBe(all.length);
        const canonical = canonicalPassword(password);
        if (canonical !== '') expect(all[0]).toBe(utf8(canonical));
        expect(all).toContain(utf8(password));
      }),
    );
  });
});

describe('encodeWindows1252', () => {
  it('writes what it has, and nothing else', () => {
    expect(Buffer.from(encodeWindows1252('pä$$wörd€Ñ') ?? [])).toEqual(
      Buffer.from('70e4242477f6726480d1', 'hex'),
    );
    expect(encodeWindows1252('ł')).toBeNull();
    expect(encodeWindows1252('😀')).toBeNull();
    // The control character U+0080 is not what octet 0x80 means.
    expect(encodeWindows1252('\u0080')).toBeNull();
    expect(encodeWindows1252('')).toEqual(new Uint8Array());
  });

  it('undoes the decoding of every octet', () => {
    for (let octet = 0x80; octet <= 0xff; octet++) {
      expect(encodeWindows1252(decodeText(Uint8Array.of(octet)))).toEqual(Uint8Array.of(octet));
    }
  });
});
