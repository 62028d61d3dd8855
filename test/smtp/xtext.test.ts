import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeEnvelopeId,
  decodeOriginalRecipient,
  encodeEnvelopeId,
  encodeOriginalRecipient,
} from '../../server/smtp/xtext.ts';

describe('ENVID', () => {
  it.each([
    ['QQ314159', 'QQ314159'],
    ['', ''],
    ['a+2Bb+3Dc+20d', 'a+b=c d'],
    ['+7E', '~'],
    ['x'.repeat(100), 'x'.repeat(100)],
  ])('%s is taken', (value, text) => {
    expect(decodeEnvelopeId(value)).toBe(text);
  });

  it.each([
    ['more than 100 characters', 'x'.repeat(101)],
    ['an equals sign', 'a=b'],
    ['half an escape', 'a+2'],
    ['a lower-case escape', 'a+2b'],
    ['a blank', 'a b'],
    ['an encoded line end', 'a+0D+0ARCPT'],
    ['an encoded octet above ASCII', '+E9'],
    ['a character above ASCII', 'caf\u00e9'],
  ])('%s is not', (_what, value) => {
    expect(decodeEnvelopeId(value)).toBeNull();
  });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{0,33}$/), text => {
        expect(decodeEnvelopeId(encodeEnvelopeId(text))).toBe(text);
      }),
    );
  });
});

describe('ORCPT', () => {
  it.each([
    ['rfc822;a@example.net', 'rfc822;a@example.net'],
    ['RFC822;A+2Bb@Example.NET', 'rfc822;A+b@Example.NET'],
    ['x400;/C=+20/'.replace('=', '+3D'), 'x400;/C= /'],
    ['utf-8;j\\x{FC}rgen@example.net', 'utf-8;j\u00fcrgen@example.net'],
    ['UTF-8;j\u00fcrgen@example.net', 'utf-8;j\u00fcrgen@example.net'],
    ['utf-8;a\\x{5C}\\x{2B}\\x{1F4E7}@b.example', 'utf-8;a\\+\u{1F4E7}@b.example'],
    [`rfc822;${'x'.repeat(493)}`, `rfc822;${'x'.repeat(493)}`],
  ])('%s is taken', (value, text) => {
    expect(decodeOriginalRecipient(value)).toBe(text);
  });

  it.each([
    ['more than 500 characters', `rfc822;${'x'.repeat(494)}`],
    ['no type', ';a@b.example'],
    ['no semicolon', 'a@b.example'],
    ['no address', 'rfc822;'],
    ['a type that is no atom', 'rfc 822;a@b.example'],
    ['an encoded line end', 'rfc822;a+0A@b.example'],
    ['an encoded octet above ASCII', 'rfc822;+C3+A9@b.example'],
    ['a character above ASCII with the type of ASCII', 'rfc822;\u00e9@b.example'],
    ['an embedded line end', 'utf-8;a\\x{A}b'],
    ['an embedded line separator', 'utf-8;a\\x{2028}b'],
    ['half a pair', 'utf-8;a\\x{D800}b'],
    ['what is no character', 'utf-8;a\\x{110000}b'],
    ['a stray backslash', 'utf-8;a\\b'],
    ['a plus sign in utf-8', 'utf-8;a+b'],
  ])('%s is not', (_what, value) => {
    expect(decodeOriginalRecipient(value)).toBeNull();
  });

  it('comes back as it was, in ASCII', () => {
    const address = fc.stringMatching(/^[ -~]{1,60}$/);
    const international = fc.stringMatching(/^[!-~\u00e9\u4e2d\u0431]{1,40}$/);
    const any = fc.oneof(
      address.map(text => `rfc822;${text}`),
      international.map(text => `utf-8;${text}`),
    );
    fc.assert(
      fc.property(any, text => {
        const encoded = encodeOriginalRecipient(text);
        expect(encoded).toMatch(/^[!-~]+$/);
        expect(decodeOriginalRecipient(encoded)).toBe(text);
      }),
    );
  });
});
