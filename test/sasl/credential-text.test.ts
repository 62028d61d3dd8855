import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName, canonicalPassword, decodeText } from '../../server/sasl/credential-text.ts';

const bytes = (...values: readonly number[]) => Uint8Array.from(values);
/** The planes beyond the first two hold ideographs, which have no case. */
const LAST = 0x1ffff;
const anyText = fc.string({ unit: 'binary', maxLength: 30 });

describe('decodeText', () => {
  it('reads UTF-8', () => {
    expect(decodeText(Buffer.from('pä$$wörd€😀'))).toBe('pä$$wörd€😀');
  });

  it('reads windows-1252 where the octets are not UTF-8', () => {
    expect(decodeText(bytes(0x6a, 0xfc, 0x72, 0x67, 0x65, 0x6e))).toBe('jürgen');
    expect(decodeText(Buffer.concat([Buffer.from('MiPasw0rd$'), bytes(0xd1)]))).toBe('MiPasw0rd$Ñ');
    expect(decodeText(bytes(0x80))).toBe('€');
  });

  it.each([
    ['an overlong slash', bytes(0xc0, 0xaf)],
    ['an overlong NUL', bytes(0xc0, 0x80)],
    ['a surrogate', bytes(0xed, 0xa0, 0x80)],
    ['a code point above U+10FFFF', bytes(0xf4, 0x90, 0x80, 0x80)],
    ['a truncated character', bytes(0xe2, 0x82)],
  ])('does not take %s for UTF-8', (_, octets) => {
    const text = decodeText(octets);
    expect([...text]).toHaveLength(octets.length);
    expect(text).not.toContain('\ufffd');
  });

  it('agrees with the WHATWG decoder about every octet', () => {
    const whatwg = new TextDecoder('windows-1252');
    for (let octet = 0x80; octet <= 0xff; octet++) {
      expect(decodeText(bytes(octet))).toBe(whatwg.decode(bytes(octet)));
    }
  });

  it('never throws and never merges two different octet sequences of windows-1252', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        const [left, right] = [decodeText(a), decodeText(b)];
        expect(left).not.toContain('\ufffd\ufffd');
        if (Buffer.compare(a, b) !== 0 && a.length === b.length) expect(left).not.toBe(right);
      }),
    );
  });
});

describe('canonicalPassword', () => {
  it('is the same for composed and decomposed text', () => {
    expect(canonicalPassword('MiPasw0rd$N\u0303')).toBe('MiPasw0rd$Ñ');
    expect(canonicalPassword('MiPasw0rd$\u00d1')).toBe('MiPasw0rd$Ñ');
  });

  it('keeps letter case, blanks at the ends and signs', () => {
    expect(canonicalPassword(' Ä$ #x ')).toBe(' Ä$ #x ');
  });

  // RFC 4013 §3, examples 1 to 5; the sixth and seventh are prohibited there and accepted here.
  it.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b\u3000c', 'a b c'],
    ['\ufeffpw', 'pw'],
  ])('maps %j to %j', (text, canonical) => {
    expect(canonicalPassword(text)).toBe(canonical);
  });

  it('accepts what Unicode 3.2 did not know', () => {
    expect(canonicalPassword('🦊🧿')).toBe('🦊🧿');
  });

  it('is stable and never throws', () => {
    fc.assert(
      fc.property(anyText, text => {
        const canonical = canonicalPassword(text);
        expect(canonicalPassword(canonical)).toBe(canonical);
      }),
    );
  });
});

describe('canonicalName', () => {
  it.each([
    ['JÜRGEN', 'jürgen'],
    ['JU\u0308RGEN', 'ju\u0308rgen'],
    ['Straße', 'STRASSE'],
    ['STRAẞE', 'straße'],
    ['ΟΔΟΣ', 'οδος'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['Ｄｅｖｉｃｅ', 'device'],
    ['K\u212a', 'kk'],
    [' Printer 2 ', 'printer 2'],
    ['Drucker@Example.NET', 'drucker@example.net'],
  ])('holds %j and %j for one name', (one, other) => {
    expect(canonicalName(one)).toBe(canonicalName(other));
  });

  it.each([
    ['ılker', 'ilker'],
    ['jürgen', 'jurgen'],
    ['a b', 'ab'],
    ['o', '0'],
  ])('holds %j and %j for two', (one, other) => {
    expect(canonicalName(one)).not.toBe(canonicalName(other));
  });

  it('is stable, whatever the text and its case', () => {
    fc.assert(
      fc.property(anyText, text => {
        const canonical = canonicalName(text);
        expect(canonicalName(canonical)).toBe(canonical);
      }),
    );
  });

  it('is stable for every single code point, also with marks around it', () => {
    const changed: string[] = [];
    for (let point = 0; point <= LAST; point++) {
      const character = String.fromCodePoint(point);
      for (const text of [character, `α${character}\u0345\u0301`]) {
        const canonical = canonicalName(text);
        if (canonicalName(canonical) !== canonical) changed.push(point.toString(16));
      }
    }
    expect(changed).toEqual([]);
  });

  it('does not depend on letter case, except for the dotless and the dotted i', () => {
    const changed: string[] = [];
    for (let point = 0; point <= LAST; point++) {
      const character = String.fromCodePoint(point);
      if (character === 'ı' || character === 'İ') continue;
      const canonical = canonicalName(character);
      if (canonicalName(character.toUpperCase()) !== canonical) changed.push(point.toString(16));
      if (canonicalName(character.toLowerCase()) !== canonical) changed.push(point.toString(16));
    }
    expect(changed).toEqual([]);
  });
});
