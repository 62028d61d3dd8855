import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDataDecoder } from '../../server/submission/data-decoder.ts';

type Result = Readonly<{ data: string; rest: string | null }>;

/** Decodes the chunks; after the end everything is rest. */
function decode(chunks: readonly string[]): Result {
  const decoder = createDataDecoder();
  let data = '';
  let rest: string | null = null;
  for (const chunk of chunks) {
    if (rest !== null) {
      rest += chunk;
      continue;
    }
    const decoded = decoder.push(Buffer.from(chunk, 'latin1'));
    data += Buffer.concat(decoded.pieces).toString('latin1');
    rest = decoded.rest === null ? null : decoded.rest.toString('latin1');
  }
  return { data, rest };
}

/** The same by the words of RFC 5321 §4.5.2, slow and plain. */
function reference(input: string): Result {
  const end = `\r\n${input}`.indexOf('\r\n.\r\n');
  const data = end < 0 ? input : input.slice(0, end);
  return { data: data.replace(/(^|\n)\.(?=\.)/g, '$1'), rest: end < 0 ? null : input.slice(end + 3) };
}

describe('message data', () => {
  it.each<[string, string, Result]>([
    ['ends with CRLF . CRLF', 'a\r\n.\r\nQUIT\r\n', { data: 'a\r\n', rest: 'QUIT\r\n' }],
    ['may be empty', '.\r\n', { data: '', rest: '' }],
    ['loses the dots that the client added', '..a\r\n...\r\n.\r\n', { data: '.a\r\n..\r\n', rest: '' }],
    ['keeps a dot that the client forgot to double', '.a\r\n.b\r\n.\r\n', { data: '.a\r\n.b\r\n', rest: '' }],
    ['does not end with LF . LF', 'a\n.\nb\r\n.\r\n', { data: 'a\n.\nb\r\n', rest: '' }],
    ['does not end with LF . CRLF', 'a\n.\r\nb\r\n.\r\n', { data: 'a\n.\r\nb\r\n', rest: '' }],
    ['does not end with CRLF . LF', 'a\r\n.\nb\r\n.\r\n', { data: 'a\r\n.\nb\r\n', rest: '' }],
    ['does not end with CRLF . CR', 'a\r\n.\rb\r\n.\r\n', { data: 'a\r\n.\rb\r\n', rest: '' }],
    ['does not end with CR . CR', 'a\r.\rb\r\n.\r\n', { data: 'a\r.\rb\r\n', rest: '' }],
    ['does not end with a doubled dot', '..\r\n.\r\n', { data: '.\r\n', rest: '' }],
  ])('%s', (_rule, input, expected) => {
    expect(decode([input])).toEqual(expected);
    expect(decode([...input])).toEqual(expected);
  });

  it('is the same however it is cut into chunks, and what the RFC says', () => {
    const octets = fc.constantFrom('\r\n.\r\n', '\r\n', '\r', '\n', '.', '..', 'a', '\0', 'é');
    fc.assert(
      fc.property(
        fc.array(octets, { maxLength: 30 }),
        fc.array(fc.nat(60), { maxLength: 8 }),
        (parts, cuts) => {
          const input = parts.join('');
          const whole = reference(input);
          const places = [...cuts.map(cut => Math.min(cut, input.length)), input.length].sort(
            (a, b) => a - b,
          );
          const chunks = places.map((place, i) => input.slice(places[i - 1] ?? 0, place));
          const result = decode(chunks);
          // What is withheld at the end of an unfinished message is not yet data.
          const withheld = whole.rest === null ? (/(?:^|\n)(\.\r?)$/.exec(input)?.[1] ?? '') : '';
          const possible = [whole.data, whole.data.slice(0, whole.data.length - withheld.length)];
          expect(possible).toContain(result.data);
          expect(result.rest).toBe(whole.rest);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
