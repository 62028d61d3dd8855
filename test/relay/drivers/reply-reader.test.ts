// Replies out of octets, however they are split.

import { describe, expect, it } from 'vitest';
import { createReplyReader, MAX_REPLY } from '../../../server/relay/drivers/reply-reader.ts';

const read = (...chunks: readonly string[]) => {
  const reader = createReplyReader();
  return chunks.flatMap(chunk => reader.push(Buffer.from(chunk, 'latin1')) ?? ['OVERFLOW']);
};

describe('the replies of an upstream', () => {
  it.each([
    ['one line', ['250 ok\r\n'], ['250 ok']],
    ['several lines', ['250-one\r\n250-two\r\n250 three\r\n'], ['250-one\r\n250-two\r\n250 three']],
    ['several at once', ['250 a\r\n354 b\r\n'], ['250 a', '354 b']],
    ['bare line feeds', ['250-a\n250 b\n'], ['250-a\n250 b']],
    ['a code alone', ['250\r\n'], ['250']],
    ['empty lines between them', ['\r\n\r\n250 a\r\n'], ['250 a']],
    ['no reply at all', ['hello\r\n'], ['hello']],
    ['UTF-8', ['550 M\xc3\xbcller\r\n'], ['550 Müller']],
    ['Latin-1', ['550 M\xfcller\r\n'], ['550 Müller']],
    ['the end is missing', ['250-a\r\n250 b'], []],
  ])('%s', (_what, chunks, replies) => {
    expect(read(...chunks)).toEqual(replies);
    expect(read(...chunks.flatMap(chunk => [...chunk]))).toEqual(replies);
  });

  it('may be long, and not without end', () => {
    const long = `250 ${'x'.repeat(10_000)}`;
    expect(read(`${long}\r\n`)).toEqual([long]);
    expect(read(...Array.from({ length: 70 }, () => 'x'.repeat(1000)))).toContain('OVERFLOW');
    expect(read(`${'250-x\r\n'.repeat(MAX_REPLY / 7 + 1)}`)).toEqual(['OVERFLOW']);
  });

  it('that are not whole are known', () => {
    const reader = createReplyReader();
    reader.push(Buffer.from('421 4.4'));
    expect(reader.pending()).toBe(7);
    reader.push(Buffer.from('.2 idle\r\n'));
    expect(reader.pending()).toBe(0);
  });
});
