import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineEndings } from '../../server/message/line-endings.ts';
import { cut, places, single } from './chunks.ts';

function normalise(chunks: readonly Uint8Array[]): string {
  const lines = createLineEndings();
  const pieces = chunks.flatMap(chunk => [...lines.push(chunk)]);
  return Buffer.concat([...pieces, ...lines.end()]).toString('latin1');
}

/** The same, said as a regular expression over the whole. */
function expected(text: string): string {
  const normal = text.replace(/\r\r\n|\r\n|\r|\n/g, '\r\n');
  return normal === '' || normal.endsWith('\r\n') ? normal : `${normal}\r\n`;
}

describe('line ends', () => {
  const table = [
    ['', ''],
    ['a', 'a\r\n'],
    ['a\r\n', 'a\r\n'],
    ['a\nb\n', 'a\r\nb\r\n'],
    ['a\rb\r', 'a\r\nb\r\n'],
    ['\n', '\r\n'],
    ['\r', '\r\n'],
    ['\n\n', '\r\n\r\n'],
    ['\r\r', '\r\n\r\n'],
    ['\n\r', '\r\n\r\n'],
    ['a\r\r\nb', 'a\r\nb\r\n'],
    ['a\r\r\r\nb', 'a\r\n\r\nb\r\n'],
    ['a\r\r\rb', 'a\r\n\r\n\r\nb\r\n'],
    ['a\r\n.\r\r\nb', 'a\r\n.\r\nb\r\n'],
    ['a\n.\r\nb', 'a\r\n.\r\nb\r\n'],
    ['a\r.\rb', 'a\r\n.\r\nb\r\n'],
    ['a\0b\0\n', 'a\0b\0\r\n'],
    ['\x85\xff\n', '\x85\xff\r\n'],
  ] as const;
  for (const [text, result] of table) {
    it(`${JSON.stringify(text)} gives ${JSON.stringify(result)}`, () => {
      const octets = Buffer.from(text, 'latin1');
      expect(normalise([octets])).toBe(result);
      expect(normalise(single(octets))).toBe(result);
    });
  }

  it('passes chunks on without a copy when nothing needs to change', () => {
    const chunk = Buffer.from('one\r\ntwo\r\nthr');
    const [piece] = createLineEndings().push(chunk);
    expect(piece?.buffer).toBe(chunk.buffer);
    expect(piece?.byteOffset).toBe(chunk.byteOffset);
  });

  it('holds back no more than two octets', () => {
    const lines = createLineEndings();
    const pushed = Buffer.concat([...lines.push(Buffer.alloc(100_000, '\r'))]);
    expect(pushed.length).toBe(2 * (100_000 - 2));
  });
});

describe('properties', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.string({ unit: fc.constantFrom('\r', '\n', '.', 'a'), maxLength: 60 }).map(text => Buffer.from(text)),
  );

  it('any split gives what the regular expression gives', () => {
    fc.assert(
      fc.property(octets, places, (bytes, where) => {
        expect(normalise(cut(bytes, where))).toBe(expected(Buffer.from(bytes).toString('latin1')));
      }),
      { numRuns: 3000 },
    );
  });

  it('no bare CR, no bare LF, and a second pass changes nothing', () => {
    fc.assert(
      fc.property(octets, bytes => {
        const once = normalise([bytes]);
        expect(once).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
        expect(normalise([Buffer.from(once, 'latin1')])).toBe(once);
      }),
      { numRuns: 1000 },
    );
  });
});
