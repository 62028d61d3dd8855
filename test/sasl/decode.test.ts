import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeInitialResponse, encodeBase64 } from '../../server/sasl/decode.ts';

const octets = (text: string) => new Uint8Array(Buffer.from(text, 'utf8'));

describe('decodeBase64', () => {
  it.each([
    ['', ''],
    ['dGlt', 'tim'],
    ['dGU=', 'te'],
    ['dA==', 't'],
    ['asO8cmdlbg==', 'jürgen'],
    ['cMOkJCR3w7ZyZOKCrA==', 'pä$$wörd€'],
  ])('decodes %j', (text, decoded) => {
    expect(decodeBase64(text)).toEqual(octets(decoded));
  });

  it.each([
    ['junk', 'dG!t'],
    ['junk that a lenient decoder skips', 'A!H#UAb2s$='],
    ['a space', 'dGlt dGlt'],
    ['a trailing space', 'dGlt '],
    ['a line feed', 'dGlt\n'],
    ['= in the middle', 'dA==dGlt'],
    ['= in the middle of a quartet', 'd=lt'],
    ['= alone', '='],
    ['only padding', '===='],
    ['padding of three', 'd==='],
    ['too much padding', 'dGlt='],
    ['padding missing', 'dGU'],
    ['half the padding', 'dA='],
    ['one character left over', 'dGltd'],
    ['the URL alphabet', '-_-_'],
    ['a NUL', 'dGl\0'],
    ['an octet above 127', 'dGl\u00e9'],
    ['a cancel', '*'],
  ])('refuses %s', (_, text) => {
    expect(decodeBase64(text)).toBeNull();
  });

  it('lets non-zero bits behind the last octet through', () => {
    expect(decodeBase64('dB==')).toEqual(octets('t'));
  });

  it('undoes encoding for every sequence of octets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        expect(decodeBase64(encodeBase64(bytes))).toEqual(new Uint8Array(bytes));
      }),
    );
  });
});

describe('decodeInitialResponse', () => {
  it('takes a lone = as a response of zero octets (RFC 4954 §4)', () => {
    expect(decodeInitialResponse('=')).toEqual(new Uint8Array());
  });

  it('is otherwise as strict', () => {
    expect(decodeInitialResponse('dGlt')).toEqual(octets('tim'));
    expect(decodeInitialResponse('==')).toBeNull();
  });
});
