// Message data from the wire to the store and on to an upstream: the same octets however they are cut, no end but the true
// one for the most careless reader behind us, and a header that is ours at the top.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAddresses } from '../../server/message/address-list.ts';
import { openCompletion } from '../../server/message/completion.ts';
import { decodeWords } from '../../server/message/encoded-words.ts';
import { fieldValue, scanHeader } from '../../server/message/header-scan.ts';
import { createLineEndings } from '../../server/message/line-endings.ts';
import { isPermitted } from '../../server/message/permitted-addresses.ts';
import { createBodyStream } from '../../server/relay/drivers/body-stream.ts';
import { dotStuffed } from '../../server/relay/drivers/dot-stuffing.ts';
import { createDataDecoder } from '../../server/submission/data-decoder.ts';
import { facts, TRACE_ID } from '../message/facts.ts';
import { lookAlikes } from '../support/look-alikes.ts';
import { holds, holdsAsync, quickly } from './fuzz.ts';
import { cutAt, cuts, longText, octetsOf, text } from './octets.ts';

const fieldLine = fc.oneof(
  fc.constantFrom(
    ...[
      'From: a@example.net',
      'Bcc: hidden@example.net',
      'bcc :',
      'Return-Path: <x@example.net>',
      'Date:',
      'Message-ID: <a@b>',
    ],
    ...['Authentication-Results: postern.lan; auth=pass', 'Authentication-Results: mx.example.net; spf=pass'],
    ...[
      'Received: from a by b; date',
      `X-Postern-Trace: ${TRACE_ID}X`,
      ' fold',
      '\t',
      'From x Sat Jan 1',
      'no field',
      '',
    ],
  ),
  text,
);
const lineEnd = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\n\r', '\0\r\n');
const lookAlike = fc.constantFrom(...lookAlikes.map(([, octets]) => octets));
/** A message as a client could send it, before the end of data. */
const sent = fc
  .tuple(
    fc.array(fc.tuple(fieldLine, lineEnd), { maxLength: 8 }),
    fc.array(fc.oneof(lookAlike, text, lineEnd), { maxLength: 8 }),
  )
  .map(([header, body]) => octetsOf(`${header.flat().join('')}${body.join('')}`));

/** The stored octets, or null where the message is refused. */
function complete(chunks: readonly Buffer[]): Buffer | null {
  const completion = openCompletion(facts);
  const pushed = chunks.flatMap(chunk => [...completion.push(chunk)]);
  const end = completion.end();
  return end.kind === 'complete' ? Buffer.concat([...pushed, ...end.tail]) : null;
}

describe('message data on the way in', () => {
  it('has one end and one content, however it is cut; what follows the end is left alone', () => {
    holds(
      fc.property(sent, text, cuts, (message, behind, places) => {
        // Doubled dots, as an honest client sends them: then the message comes back whole.
        const stuffed = message.toString('latin1').replace(/(^|\n)\./g, '$1..');
        const wire = octetsOf(`${stuffed}\r\n.\r\n${behind}`);
        const { content, rest } = decode(cutAt(wire, places));
        expect(content.toString('latin1')).toBe(`${message.toString('latin1')}\r\n`);
        expect(rest?.toString('latin1')).toBe(behind);
      }),
      3_000,
    );
  });

  it('from a client that doubles no dots ends at the first true end, and not before', () => {
    holds(
      fc.property(sent, cuts, (message, places) => {
        const wire = Buffer.concat([message, octetsOf('\r\n.\r\nbehind')]);
        const end = `\r\n${wire.toString('latin1')}`.indexOf('\r\n.\r\n');
        expect(decode(cutAt(wire, places)).rest?.toString('latin1')).toBe(
          wire.toString('latin1').slice(end + 3),
        );
      }),
      3_000,
    );
  });
});

describe('line ends', () => {
  it('are all CRLF afterwards, the same for every cut, and right ones are left alone', () => {
    holds(
      fc.property(sent, cuts, (message, places) => {
        const whole = normalized([message]);
        expect(normalized(cutAt(message, places)).equals(whole)).toBe(true);
        expect(whole.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
        expect(normalized([whole]).equals(whole)).toBe(true);
      }),
      3_000,
    );
  });
});

describe('a header', () => {
  it('is divided into fields without gaps, and what follows is the body', () => {
    holds(
      fc.property(sent, message => {
        const octets = normalized([message]);
        const block = quickly(() => scanHeader(octets));
        if (block.kind !== 'header') throw new Error(block.kind);
        const ends = [block.start, ...block.fields.map(field => field.end)];
        expect(block.fields.map(field => field.start)).toEqual(ends.slice(0, -1));
        expect(block.end).toBe(ends.at(-1));
        expect(block.bodyStart - block.end).toBe(block.separated ? 2 : 0);
        for (const field of block.fields) expect(fieldValue(octets, field)).not.toMatch(/\n/);
      }),
      2_000,
    );
  });

  it('of the greatest length, in single octets, costs little', () => {
    holds(
      fc.property(longText(20_000), given => {
        quickly(() => complete([...octetsOf(given)].map(octet => Buffer.of(octet))));
      }),
      5,
    );
    holds(
      fc.property(longText(300_000), given => {
        quickly(() => complete([octetsOf(given)]));
      }),
      20,
    );
  });
});

describe('a completed message', () => {
  it('is the same for every cut; begins with our fields, and hides or claims nothing', () => {
    holds(
      fc.property(sent, cuts, (message, places) => {
        const whole = quickly(() => complete([message]));
        const pieces = complete(cutAt(message, places));
        expect(pieces === null ? null : digest(pieces)).toBe(whole === null ? null : digest(whole));
        if (whole === null) return;
        const block = scanHeader(whole);
        if (block.kind !== 'header') throw new Error(block.kind);
        const names = block.fields.map(field => field.name);
        expect(names.slice(0, 2)).toEqual(['received', 'x-postern-trace']);
        for (const needed of ['from', 'date', 'message-id', 'mime-version']) expect(names).toContain(needed);
        for (const hidden of ['bcc', 'resent-bcc', 'return-path']) expect(names).not.toContain(hidden);
        const verdicts = block.fields.filter(field => field.name === 'authentication-results');
        for (const verdict of verdicts) expect(fieldValue(whole, verdict)).not.toMatch(/^postern\.lan/i);
      }),
      2_000,
    );
  });
});

/**
 * Readers of the wire who have been fooled before, by what ends a line for them. One that drops NULs before it looks for
 * the dot is not among them: what it would see as a lone dot is content to all others, and to protect it their octets
 * would have to change.
 */
const carelessReaders = [
  ['takes LF alone', /\r?\n/],
  ['takes CR alone', /\r\n|\r|\n/],
  ['takes any run of CR and LF', /[\r\n]+/],
] as const;

describe('a stored message on the wire to an upstream', () => {
  it('has its only lone dot at its very end, for every reader', async () => {
    await holdsAsync(
      fc.asyncProperty(sent, cuts, async (message, places) => {
        const stored = complete([message]);
        if (stored === null) return;
        const wire = dotStuffed(stored);
        for (const [name, lineEnds] of carelessReaders) {
          const lines = wire.toString('latin1').split(lineEnds);
          expect(lines.indexOf('.'), name).toBe(lines.length - 2);
        }
        expect(decode([wire])).toEqual({ content: stored, rest: Buffer.alloc(0) });
        expect((await streamed(stored, places)).equals(wire)).toBe(true);
      }),
      500,
    );
  });
});

describe('the addresses of a header field', () => {
  const field = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.oneof(
        text,
        fc
          .array(
            fc.oneof(
              text,
              fc.constantFrom('=?utf-8?q?', '?=', '=?utf-8?b?QGE=?=', '<a@example.net>', 'a@example.net'),
            ),
          )
          .map(parts => parts.join('')),
      ),
    },
    { weight: 1, arbitrary: longText(60_000) },
  );

  it('are found, or the field is unreadable, in bounded time', () => {
    holds(
      fc.property(field, given => {
        quickly(() => decodeWords(given));
        const found = quickly(() => findAddresses(given));
        if (found.kind === 'unreadable') {
          expect(found.why).toMatch(/^[ -~]{5,200}$/);
          return;
        }
        for (const path of found.paths)
          quickly(() => isPermitted(['a@example.net', '@example.net', '@*.example.net'], path));
      }),
      2_000,
    );
  });

  it('never miss one that stands there plainly', () => {
    holds(
      fc.property(text, text, (before, behind) => {
        const found = findAddresses(`${before}<mallory@example.net>${behind}`);
        if (found.kind === 'unreadable') return;
        expect(found.paths.map(path => path.text)).toContain('mallory@example.net');
      }),
      2_000,
    );
  });
});

function decode(chunks: readonly Buffer[]): Readonly<{ content: Buffer; rest: Buffer | null }> {
  const decoder = createDataDecoder();
  const content: Buffer[] = [];
  let rest: Buffer | null = null;
  for (const chunk of chunks) {
    if (rest !== null) {
      rest = Buffer.concat([rest, chunk]);
      continue;
    }
    const decoded = decoder.push(chunk);
    content.push(...decoded.pieces);
    rest = decoded.rest;
  }
  return { content: Buffer.concat(content), rest };
}

function normalized(chunks: readonly Buffer[]): Buffer {
  const lines = createLineEndings();
  return Buffer.concat([...chunks.flatMap(chunk => [...lines.push(chunk)]), ...lines.end()]);
}

async function streamed(stored: Buffer, places: readonly number[]): Promise<Buffer> {
  const expected = { size: stored.length, hash: digest(stored) };
  const stream = createBodyStream(expected, () => {});
  for (const chunk of cutAt(stored, places)) stream.write(chunk);
  stream.end();
  const wire: Buffer[] = [];
  for await (const chunk of stream) wire.push(Buffer.from(chunk));
  return Buffer.concat(wire);
}

function digest(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex');
}
