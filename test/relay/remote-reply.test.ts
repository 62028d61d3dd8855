// Parsing what upstreams say, well formed or not.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseRemoteReply } from '../../server/relay/remote-reply.ts';

it.each([
  ['250 2.0.0 Ok', 250, '2.0.0', 'Ok', '250 2.0.0 Ok'],
  ['250', 250, null, '', '250'],
  ['550 no such user', 550, null, 'no such user', '550 no such user'],
  [
    '421-4.7.0 Try again\n421-4.7.0 later, see\n421 4.7.0 https://example.com',
    421,
    '4.7.0',
    'Try again later, see https://example.com',
    '421 4.7.0 Try again later, see https://example.com',
  ],
  ['550 5.7.1.2 odd', 550, null, '5.7.1.2 odd', '550 5.7.1.2 odd'],
  ['550 10.0.0.1 blocked', 550, null, '10.0.0.1 blocked', '550 10.0.0.1 blocked'],
  ['hello', null, null, 'hello', 'hello'],
  ['999 what', null, null, '999 what', '999 what'],
  ['', null, null, '', ''],
])('%j', (raw, code, enhanced, text, line) => {
  expect(parseRemoteReply(raw)).toEqual({ code, enhanced, text, line });
});

it('never holds a control character or more than a thousand characters, whatever comes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), raw => {
      for (const said of [`550 ${raw}`, raw]) {
        const { line, text } = parseRemoteReply(said);
        expect(line + text).not.toMatch(/\p{Cc}/u);
        expect(Math.max(line.length, text.length)).toBeLessThanOrEqual(1000);
      }
    }),
  );
});
