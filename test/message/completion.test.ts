import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCompletion } from '../../server/message/completion.ts';
import { MAX_HEADER } from '../../server/message/header-scan.ts';
import { cut, places, single } from './chunks.ts';
import { facts, TRACE_ID } from './facts.ts';

const golden = (name: string) => readFileSync(new URL(`../golden/message/${name}`, import.meta.url));

/** Feeds the chunks and gives the octets that came out with what was said of them. */
function complete(chunks: readonly Uint8Array[]) {
  const completion = openCompletion(facts);
  const pushed = chunks.flatMap(chunk => [...completion.push(chunk)]);
  const end = completion.end();
  if (end.kind === 'refused') return { refused: end.reason, octets: Buffer.concat(pushed) };
  const { tail, kind, ...rest } = end;
  return { refused: null, octets: Buffer.concat([...pushed, ...tail]), completed: rest };
}

function octetsOf(text: string): string {
  return complete([Buffer.from(text, 'latin1')]).octets.toString('latin1');
}

describe('a whole message', () => {
  it('comes out as the golden file says', () => {
    const { octets, completed } = complete([golden('submitted.eml')]);
    expect(octets.toString('latin1')).toBe(golden('completed.eml').toString('latin1'));
    expect(completed).toMatchObject({ eightBitHeader: true, eightBitBody: true });
  });

  it('comes out the same octet by octet', () => {
    expect(complete(single(golden('submitted.eml')))).toEqual(complete([golden('submitted.eml')]));
  });

  it('without any header gets one, and keeps its text', () => {
    expect(octetsOf('Toner low\nCall service\n')).toMatch(
      /From: scanner@example\.net\r\nMIME-Version: 1\.0\r\n\r\nToner low\r\nCall service\r\n$/,
    );
  });

  it('that is empty becomes a header', () => {
    expect(octetsOf('')).toMatch(/^Received: [\s\S]*From: scanner@example\.net\r\nMIME-Version: 1\.0\r\n$/);
  });

  it('whose lines end in CR CR LF keeps its header', () => {
    expect(octetsOf('Subject: x\r\r\nTo: y\r\r\n\r\r\nbody\r\r\n')).toMatch(
      /\r\nSubject: x\r\nTo: y\r\n\r\nbody\r\n$/,
    );
  });

  it('hides no field behind a bare CR or LF', () => {
    expect(octetsOf('Subject: x\rBcc: secret@example.net\nBcc: other@example.net\n\nbody')).not.toContain(
      'secret',
    );
  });
});

describe('8-bit octets', () => {
  const table = [
    ['From: a\r\n\r\nbody', false, false],
    ['From: \xc3\xbc\r\n\r\nbody', true, false],
    ['From: a\r\n\r\nb\xc3\xb6dy', false, true],
    ['Bcc: \xc3\xbc\r\n\r\nbody', false, false],
    ['b\xc3\xb6dy', false, true],
  ] as const;
  for (const [text, eightBitHeader, eightBitBody] of table) {
    it(`${JSON.stringify(text)}: header ${eightBitHeader}, body ${eightBitBody}`, () => {
      expect(complete([Buffer.from(text, 'latin1')]).completed).toMatchObject({
        eightBitHeader,
        eightBitBody,
      });
    });
  }
});

describe('what is refused', () => {
  it('a loop, as soon as the header is read, and nothing comes out', () => {
    const completion = openCompletion(facts);
    expect(completion.push(Buffer.from(`X-Postern-Trace: ${TRACE_ID}\r\n`))).toEqual([]);
    expect(completion.refusal()).toBeNull();
    expect(completion.push(Buffer.from('\r\nbody'))).toEqual([]);
    expect(completion.refusal()).toMatchObject({ kind: 'refused', reason: 'loop' });
    expect(completion.push(Buffer.from('more'))).toEqual([]);
    expect(completion.end()).toMatchObject({ kind: 'refused', reason: 'loop' });
  });

  it('a header without end, before it fills the memory', () => {
    const completion = openCompletion(facts);
    const line = Buffer.from(`X-Line: ${'y'.repeat(990)}\r\n`);
    let pushed = 0;
    while (!completion.refusal() && pushed < 2 * MAX_HEADER) {
      expect(completion.push(line)).toEqual([]);
      pushed += line.length;
    }
    expect(pushed).toBeLessThan(MAX_HEADER + 4096);
    expect(completion.end()).toMatchObject({ reason: 'header-too-large' });
  });
});

it('passes the body of a large message on without holding or copying it', () => {
  const completion = openCompletion(facts);
  completion.push(Buffer.from('Subject: x\r\n\r\n'));
  const chunk = Buffer.from(`${'y'.repeat(62)}\r\n`.repeat(1024));
  const [piece, ...others] = completion.push(chunk);
  expect(others).toEqual([]);
  expect(piece?.buffer).toBe(chunk.buffer);
  expect(piece?.length).toBe(chunk.length);
});

describe('properties', () => {
  const line = fc.oneof(
    fc.constantFrom(
      'Subject: x',
      'Bcc: a@b',
      ' fold',
      'From:',
      'From x',
      'Content-Type: text/plain',
      'MIME-Version: 1.0',
      '',
      '.',
      'text',
      '\xff: \xfe',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const message = fc
    .array(fc.tuple(line, fc.constantFrom('\r\n', '\r\n', '\n', '\r', '\r\r\n')), { maxLength: 12 })
    .map(lines => Buffer.from(lines.flat().join(''), 'latin1'));

  it('any split gives the same octets, size, hash and flags', () => {
    fc.assert(
      fc.property(message, places, (octets, where) => {
        expect(complete(cut(octets, where))).toEqual(complete([octets]));
      }),
      { numRuns: 2000 },
    );
  });

  it('size and hash are those of the octets; no bare CR or LF; it ends with CRLF', () => {
    fc.assert(
      fc.property(message, octets => {
        const result = complete([octets]);
        expect(result.completed?.size).toBe(result.octets.length);
        expect(result.completed?.hash).toBe(createHash('sha256').update(result.octets).digest('hex'));
        const text = result.octets.toString('latin1');
        expect(text).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
        expect(text.endsWith('\r\n')).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('a body with CRLF line ends comes out untouched', () => {
    const body = fc.uint8Array({ maxLength: 500 }).map(
      bytes =>
        `${Buffer.from(bytes)
          .toString('latin1')
          .replace(/[\r\n]/g, '\r\n')}\r\n`,
    );
    fc.assert(
      fc.property(body, text => {
        expect(octetsOf(`Subject: x\r\n\r\n${text}`).endsWith(`Subject: x\r\n\r\n${text}`)).toBe(true);
      }),
    );
  });

  it('never throws on arbitrary octets', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), chunks => {
        expect(complete(chunks)).toBeDefined();
      }),
    );
  });
});
