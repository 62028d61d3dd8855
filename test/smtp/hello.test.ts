import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHello } from '../../server/smtp/hello.ts';

describe('parseHello', () => {
  const table = [
    ['client.example', 'client.example'],
    ['', ''],
    ['   ', ''],
    ['HP LaserJet\t 400', 'HP LaserJet 400'],
    ['MY_PRINTER', 'MY_PRINTER'],
    ['[192.0.2.1]', '[192.0.2.1]'],
    ['x\r\nBcc: evil@example.net\x00', 'x Bcc: evil@example.net'],
    ['b\u00fccher.example', 'b\u00fccher.example'],
  ] as const;
  for (const [said, name] of table) {
    it(JSON.stringify(said), () => {
      expect(parseHello(Buffer.from(said))).toBe(name);
    });
  }

  it('is at most 255 characters long', () => {
    expect(parseHello(Buffer.from('x'.repeat(3000)))).toBe('x'.repeat(255));
  });

  it('has no control character, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        expect(parseHello(bytes)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});
