// The body on the wire, and back again.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  dotStuffed,
  EMPTY_END,
  finalDot,
  START,
  stuffedPiece,
} from '../../../server/relay/drivers/dot-stuffing.ts';

it.each([
  ['', '.\r\n'],
  ['a\r\n', 'a\r\n.\r\n'],
  ['a', 'a\r\n.\r\n'],
  ['.\r\n', '..\r\n.\r\n'],
  ['..\r\n.x\r\n', '...\r\n..x\r\n.\r\n'],
  ['a.b\r\n', 'a.b\r\n.\r\n'],
  ['a\n.\nb', 'a\n..\nb\r\n.\r\n'],
  ['a\r.\rb\r', 'a\r..\rb\r\n.\r\n'],
  ['a\n', 'a\n\r\n.\r\n'],
])('%j becomes %j', (octets, wire) => {
  expect(dotStuffed(Buffer.from(octets)).toString()).toBe(wire);
});

const anything = fc
  .array(fc.constantFrom(0x0d, 0x0a, 0x2e, 0x61, 0xff), { maxLength: 60 })
  .map(list => Buffer.from(list));

it('ends exactly once, whatever is taken for a line end, and is the same however it is cut', () => {
  fc.assert(
    fc.property(anything, fc.nat(60), (octets, cut) => {
      const wire = dotStuffed(octets).toString('latin1');
      expect(`\r\n${wire}`.indexOf('\r\n.\r\n')).toBe(wire.length + 2 - 5);
      // No lone dot between two of CR, LF and CRLF but the last: nobody can see an earlier end.
      expect(wire.slice(0, -3)).not.toMatch(/(?:^|[\r\n])\.(?:[\r\n]|$)/);

      const [head, tail] = [octets.subarray(0, cut), octets.subarray(cut)];
      const atCut = head[head.length - 1] ?? START;
      const last = octets.length === 0 ? EMPTY_END : octets.subarray(-2);
      const pieces = [stuffedPiece(head, START), stuffedPiece(tail, atCut), Buffer.from(finalDot(last))];
      expect(Buffer.concat(pieces).toString('latin1')).toBe(wire);
    }),
    { numRuns: 2000 },
  );
});

it('gives canonical content back octet for octet', () => {
  const lines = fc.array(fc.constantFrom('', '.', '..', '.x', 'text', 'ä.'), { maxLength: 20 });
  fc.assert(
    fc.property(lines, list => {
      const content = list.map(line => `${line}\r\n`).join('');
      const wire = dotStuffed(Buffer.from(content)).toString();
      const received = wire.slice(0, -3).replace(/(^|\r\n)\./g, '$1');
      expect(received).toBe(content);
    }),
  );
});
