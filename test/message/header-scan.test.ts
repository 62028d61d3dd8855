import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createHeaderScanner,
  fieldValue,
  type HeaderBlock,
  MAX_HEADER,
  scanHeader,
} from '../../server/message/header-scan.ts';

function scan(text: string): HeaderBlock {
  const block = scanHeader(Buffer.from(text, 'latin1'));
  if (block.kind !== 'header') throw new Error('header too large');
  return block;
}

/** What the scan says of a text: names, the text of the fields, what follows. */
function seen(text: string) {
  const { fields, start, end, separated, bodyStart } = scan(text);
  return {
    names: fields.map(field => field.name),
    header: text.slice(start, end),
    separated,
    body: text.slice(bodyStart),
  };
}

describe('where the header ends', () => {
  it('at the first empty line', () => {
    expect(seen('From: a@b\r\nSubject: x\r\n\r\nbody: no\r\n\r\n')).toEqual({
      names: ['from', 'subject'],
      header: 'From: a@b\r\nSubject: x\r\n',
      separated: true,
      body: 'body: no\r\n\r\n',
    });
  });

  it('at the end of a message without a body', () => {
    expect(seen('Subject: x\r\n')).toEqual({
      names: ['subject'],
      header: 'Subject: x\r\n',
      separated: false,
      body: '',
    });
    expect(seen('Subject: x\r\n\r\n')).toMatchObject({ separated: true, body: '' });
    expect(seen('')).toEqual({ names: [], header: '', separated: false, body: '' });
  });

  it('at the first line that is no field', () => {
    expect(seen('Subject: x\r\nHello there\r\n\r\nmore')).toEqual({
      names: ['subject'],
      header: 'Subject: x\r\n',
      separated: false,
      body: 'Hello there\r\n\r\nmore',
    });
  });

  for (const text of [
    'Hello\r\n',
    ' folded\r\n',
    ': x\r\n',
    'S\xfcbject: x\r\n',
    'a b: x\r\n',
    '\0: x\r\n',
    `${'x'.repeat(2000)}: x\r\n`,
  ]) {
    it(`at once in a message that begins with ${JSON.stringify(text.slice(0, 12))}`, () => {
      expect(seen(text)).toEqual({ names: [], header: '', separated: false, body: text });
    });
  }

  it('at once before an empty first line', () => {
    expect(seen('\r\nSubject: x\r\n')).toEqual({
      names: [],
      header: '',
      separated: true,
      body: 'Subject: x\r\n',
    });
  });

  it('not at a line of blanks, which is a fold', () => {
    expect(seen('Subject: x\r\n \r\nTo: a\r\n\r\n')).toMatchObject({
      names: ['subject', 'to'],
      separated: true,
    });
  });
});

describe('fields', () => {
  it('keep their folds', () => {
    const text = 'Subject: one\r\n two\r\n\tthree\r\nTo: a\r\n\r\n';
    const { fields } = scan(text);
    expect(fields.map(field => text.slice(field.start, field.end))).toEqual([
      'Subject: one\r\n two\r\n\tthree\r\n',
      'To: a\r\n',
    ]);
    expect(fields.map(field => fieldValue(Buffer.from(text), field))).toEqual(['one two\tthree', 'a']);
  });

  it('may have blanks before the colon, nothing after it, 8-bit octets and NULs in it', () => {
    expect(seen('Subject : x\r\nDATE\t:\r\nX-1:\xe9\0\r\n\r\n').names).toEqual(['subject', 'date', 'x-1']);
  });
});

describe('mbox lines', () => {
  const header = 'Subject: x\r\n';
  it('are left out before a header', () => {
    for (const line of ['From a@b Sat Jan  1 00:00:00 2000\r\n', '>From a@b\r\n', 'From a\r\n>From b\r\n']) {
      expect(seen(`${line}${header}\r\nbody`)).toEqual({
        names: ['subject'],
        header,
        separated: true,
        body: 'body',
      });
    }
  });
  it('are text where no header follows', () => {
    for (const text of [
      'From now on all is well\r\n',
      'From here\r\n\r\nto there\r\n',
      'From here\r\nto there\r\n',
    ]) {
      expect(seen(text)).toEqual({ names: [], header: '', separated: false, body: text });
    }
  });
  it('are not the field From', () => {
    expect(seen('From : a@b\r\n\r\n').names).toEqual(['from']);
  });
  it('end the header when they stand within it', () => {
    expect(seen(`${header}From a@b\r\n${header}`)).toMatchObject({ names: ['subject'], separated: false });
  });
});

describe('the limit', () => {
  const header = (octets: number) => `X: ${'y'.repeat(octets - 5)}\r\n`;
  it('takes a header of 256 KiB and not one octet more', () => {
    expect(scanHeader(Buffer.from(`${header(MAX_HEADER)}\r\nbody`))).toMatchObject({
      kind: 'header',
      end: MAX_HEADER,
    });
    expect(scanHeader(Buffer.from(`${header(MAX_HEADER + 1)}\r\nbody`))).toEqual({
      kind: 'header-too-large',
    });
  });
  it('is found while the header still comes', () => {
    expect(createHeaderScanner().scan(Buffer.from(header(MAX_HEADER + 2000)), false)).toEqual({
      kind: 'header-too-large',
    });
  });
  it('does not hold for a body without a header', () => {
    expect(createHeaderScanner().scan(Buffer.alloc(MAX_HEADER * 2, 'y'), false)).toMatchObject({
      kind: 'header',
      end: 0,
    });
  });
});

describe('properties', () => {
  const text = fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('A: b', 'Bcc:', ' fold', '\tfold', 'X : y', '') },
        fc.constantFrom(
          'From x',
          '>From y',
          'From: z',
          'text',
          ':',
          `${'n'.repeat(1100)}:`,
          `From ${'n'.repeat(1100)}`,
        ),
        fc.string({ unit: 'binary', maxLength: 12 }).map(line => line.replace(/[\r\n]/g, '')),
      ),
      { maxLength: 8 },
    )
    .map(lines => Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1'));

  it('any growth of the input gives the same result, also at the limit', () => {
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 40 }),
        (octets, step, limit) => {
          const whole = createHeaderScanner(limit).scan(octets, true);
          const scanner = createHeaderScanner(limit);
          let grown = null;
          for (let end = 0; end <= octets.length && !grown; end += step)
            grown = scanner.scan(octets.subarray(0, end), false);
          expect(grown ?? scanner.scan(octets, true)).toEqual(whole);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('fields lie side by side and fill the header', () => {
    fc.assert(
      fc.property(text, octets => {
        const block = scanHeader(octets);
        if (block.kind !== 'header') return;
        let at = block.start;
        for (const field of block.fields) {
          expect(field.start).toBe(at);
          at = field.end;
        }
        expect(at).toBe(block.end);
        // Random text may hold a lone LF, which line-endings.ts would have made CRLF.
        expect(block.separated ? [1, 2] : [0]).toContain(block.bodyStart - block.end);
      }),
    );
  });
});
