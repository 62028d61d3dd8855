// The parser of a connection, commands and data in turn: however the octets are cut, the same lines and the same messages
// come out, and none of a message's octets is ever taken for a command.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataParser } from '../../server/submission/data-parser.ts';
import { lookAlikes } from '../support/look-alikes.ts';
import { holdsAsync } from './fuzz.ts';
import { cutAt, cuts, octetsOf, text } from './octets.ts';

const LONGEST = 300;

type Heard = Readonly<{ lines: readonly string[]; messages: readonly string[]; failed: boolean }>;

/** Everything that the parser makes of the chunks. `DATA` begins a message, as if it were always permitted. */
function parse(chunks: readonly Buffer[]): Promise<Heard> {
  return new Promise(resolve => {
    const lines: string[] = [];
    const messages: string[] = [];
    const parser = new DataParser({ maxCommandLength: LONGEST });
    const end = (failed: boolean) => resolve({ lines, messages, failed });
    parser.oncommand = (line, callback) => {
      const said = line.toString('latin1');
      lines.push(said);
      if (said === 'DATA') {
        const octets: Buffer[] = [];
        const data = parser.beginData();
        // Every other message is slow to be kept, and is answered late.
        const isSlow = messages.length % 2 === 1;
        data.read({
          octets: piece => {
            octets.push(piece);
            if (!isSlow) return;
            data.pause();
            setImmediate(data.resume);
          },
          ended: () => {
            messages.push(Buffer.concat(octets).toString('latin1'));
            if (isSlow) setImmediate(() => parser.continue());
            else parser.continue();
          },
          vanished: () => undefined,
        });
      }
      callback?.();
    };
    parser.on('error', () => end(true));
    parser.on('finish', () => setImmediate(() => end(false)));
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
  });
}

const line = fc.oneof(
  fc.constantFrom('NOOP', 'RSET', 'DATA', 'DATA\r', ' DATA', 'data', ''),
  text.map(given => given.replace(/[\r\n]/g, '')),
);
const content = fc.array(
  fc.oneof(fc.constantFrom(...lookAlikes.map(([, octets]) => octets)), text, fc.constant('\r\nDATA\r\n')),
  { maxLength: 6 },
);

describe('the octets of a connection', () => {
  const conversation = fc
    .array(
      fc.oneof(
        line.map(given => `${given}\r\n`),
        content.map(parts => `DATA\r\n${parts.join('')}\r\n.\r\n`),
      ),
      {
        maxLength: 8,
      },
    )
    .map(parts => octetsOf(parts.join('')));

  it('mean the same however they are cut', async () => {
    await holdsAsync(
      fc.asyncProperty(conversation, cuts, async (octets, places) => {
        const whole = await parse([octets]);
        expect(await parse(cutAt(octets, places))).toEqual(whole);
      }),
      400,
    );
  });

  it('of a message are never commands', async () => {
    await holdsAsync(
      fc.asyncProperty(content, cuts, async (parts, places) => {
        const stuffed = parts.join('').replace(/(^|\n)\./g, '$1..');
        const wire = octetsOf(`NOOP\r\nDATA\r\n${stuffed}\r\n.\r\nNOOP\r\n`);
        const { lines, messages } = await parse(cutAt(wire, places));
        expect(lines).toEqual(['NOOP', 'DATA', 'NOOP']);
        expect(messages).toEqual([`${parts.join('')}\r\n`]);
      }),
      400,
    );
  });

  it('of a message that is refused in the middle are thrown away, and the next command is heard', async () => {
    await holdsAsync(
      fc.asyncProperty(fc.nat({ max: 30 }), cuts, async (early, places) => {
        const wire = octetsOf(`DATA\r\n${'0123456789\r\n'.repeat(20)}.\r\nNOOP\r\n`);
        const lines: string[] = [];
        let taken = 0;
        const parser = new DataParser({ maxCommandLength: LONGEST });
        parser.oncommand = (given, callback) => {
          lines.push(given.toString('latin1'));
          if (lines.length === 1) {
            const data = parser.beginData();
            data.read({
              octets: piece => {
                taken += piece.length;
                if (taken < early) return;
                data.discard();
                setImmediate(() => parser.continue());
                taken = Number.POSITIVE_INFINITY;
              },
              ended: () => parser.continue(),
              vanished: () => undefined,
            });
          }
          callback?.();
        };
        await new Promise<void>(resolve => {
          parser.on('finish', () => setImmediate(resolve));
          for (const chunk of cutAt(wire, places)) parser.write(chunk);
          parser.end();
        });
        expect(lines).toEqual(['DATA', 'NOOP']);
      }),
      200,
    );
  });

  it('without an end of line are refused when they are too many', async () => {
    await holdsAsync(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 * LONGEST }), cuts, async (length, places) => {
        const heard = await parse(cutAt(octetsOf(`${'x'.repeat(length)}\r\n`), places));
        expect(heard.failed).toBe(length > LONGEST);
      }),
      200,
    );
  });
});
