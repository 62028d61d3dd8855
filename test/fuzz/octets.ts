// Hostile octets: what parsers of mail have stumbled over, in any order and any length. Text is Latin-1, one character an
// octet, so that every octet can be written down.

import fc from 'fast-check';

/** Line ends and look-alikes, dots, blanks, brackets, quotes, NUL, 8-bit, UTF-8 whole and broken, and the words of SMTP. */
const pieces = [
  ...[
    '\r\n',
    '\r',
    '\n',
    '\0',
    '.',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '=',
    '<',
    '>',
    '@',
    '"',
    '\\',
    '(',
    ')',
    '[',
    ']',
  ],
  ...[
    '%',
    '*',
    '+',
    '/',
    '$',
    '{',
    '}',
    '\x1b',
    '\x7f',
    '\x80',
    '\x85',
    '\xff',
    '\xc3\xbc',
    '\xc3',
    '\xed\xa0\x80',
  ],
  ...[
    '\xe2\x80\xa8',
    '\xf0\x9f\x96\xa8',
    '\xc0\x80',
    'a',
    'b',
    '0',
    '9',
    'AUTH',
    'PLAIN',
    'LOGIN',
    'MAIL',
    'FROM',
  ],
  ...[
    'RCPT',
    'TO',
    'DATA',
    'EHLO',
    'SIZE',
    'BODY',
    'SMTPUTF8',
    'Received',
    'Bcc',
    'From',
    'Subject',
    'n,,',
    'r=',
    'p=',
  ],
  ...['IPv6:', '::1', '127.0.0.1', 'example.net', '__proto__', 'constructor', '334 ', '250-', '5.7.8'],
] as const;

const piece = fc.constantFrom(...pieces);

/** A few pieces, or any characters at all. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.array(piece, { maxLength: 24 }).map(parts => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }).map(latin1) },
);

/** One unit repeated up to `length`, with something before and behind it: what makes careless patterns slow. */
export function longText(length: number): fc.Arbitrary<string> {
  const unit = fc.array(piece, { minLength: 1, maxLength: 4 }).map(parts => parts.join(''));
  return fc
    .tuple(fc.array(piece, { maxLength: 3 }), unit, fc.array(piece, { maxLength: 3 }))
    .map(([before, repeated, behind]) => {
      const filling = repeated.repeat(Math.ceil(length / repeated.length)).slice(0, length);
      return [...before, filling, ...behind].join('');
    });
}

/** A line of a dialogue: no line end within. */
export const line: fc.Arbitrary<string> = text.map(given => given.replace(/\r?\n/g, ''));

export function octetsOf(given: string): Buffer {
  return Buffer.from(given, 'latin1');
}

export const octets: fc.Arbitrary<Buffer> = text.map(octetsOf);

/** Where a stream of octets is cut into chunks. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(200), { maxLength: 10 });

export function cutAt(whole: Buffer, places: readonly number[]): readonly Buffer[] {
  const sorted = [0, ...places.filter(place => place <= whole.length).sort((a, b) => a - b), whole.length];
  return sorted.slice(1).map((end, i) => whole.subarray(sorted[i], end));
}

/** Anything that YAML or JSON could hold. */
export const value: fc.Arbitrary<unknown> = fc.anything({ withNullPrototype: true, withBigInt: false });

/** One character an octet. */
function latin1(given: string): string {
  return Buffer.from(given, 'utf8').toString('latin1');
}
