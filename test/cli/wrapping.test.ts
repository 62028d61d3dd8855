import { expect, it } from 'vitest';
import { wrapped } from '../../server/cli/wrapping.ts';

it.each([
  ['between words', 'one two three', 8, 'one two\nthree'],
  ['line by line', 'one two\nthree four', 8, 'one two\nthree\nfour'],
  [
    'below the value of a name',
    '  Port, security  587, STARTTLS',
    24,
    '  Port, security  587,\n                  STARTTLS',
  ],
  ['with the indent of the line', '  one two', 6, '  one\n  two'],
  ['never within a word', 'see https://example.com/long', 8, 'see\nhttps://example.com/long'],
  ['nothing where it fits', 'one two', 80, 'one two'],
  ['an empty line as it is', 'one\n\ntwo', 80, 'one\n\ntwo'],
])('breaks %s', (_, text, columns, expected) => {
  expect(wrapped(text, columns)).toBe(expected);
});
