import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../server/smtp/command.ts';

const parse = (line: string) => {
  const { verb, argument } = parseCommand(Buffer.from(line, 'latin1'));
  return [verb, Buffer.from(argument).toString('latin1')];
};

describe('parseCommand', () => {
  const table = [
    ['EHLO client.example', 'EHLO', 'client.example'],
    ['ehlo client.example\r\n', 'EHLO', 'client.example'],
    ['  Mail FROM:<a@b>  ', 'MAIL', 'FROM:<a@b>'],
    ['AUTH PLAIN  AGEAYg==', 'AUTH', 'PLAIN  AGEAYg=='],
    ['RCPT\tTO:<a@b>', 'RCPT', 'TO:<a@b>'],
    ['HELO ', 'HELO', ''],
    ['QUIT', 'QUIT', ''],
    ['', '', ''],
    ['MAIL FROM:<J\xfcrgen@b>', 'MAIL', 'FROM:<J\xfcrgen@b>'],
    ['M\xc4IL\x00\x1b x', 'M?IL??', 'x'],
  ] as const;
  for (const [line, verb, argument] of table) {
    it(JSON.stringify(line), () => {
      expect(parse(line)).toEqual([verb, argument]);
    });
  }

  it('gives a printable ASCII verb for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        expect(parseCommand(bytes).verb).toMatch(/^[!-~]*$/);
      }),
    );
  });
});
