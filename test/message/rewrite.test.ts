// Headers with other senders. Whole messages stand beside what they become in test/golden/rewrite, with LF for CRLF.

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanHeader } from '../../server/message/header-scan.ts';
import type { HeaderWishes } from '../../server/message/header-wishes.ts';
import { isPermitted } from '../../server/message/permitted-addresses.ts';
import { rewriteHeader } from '../../server/message/rewrite.ts';

const FOLDER = new URL('../golden/rewrite/', import.meta.url);

const wishes: HeaderWishes = {
  sender: 'scans@example.com',
  permits: path => isPermitted(['scans@example.com', '@office.example.com'], path),
  withoutAt: false,
  keepsOriginal: true,
};
const onlyNames: HeaderWishes = { ...wishes, sender: null, permits: () => true, withoutAt: true };

/** The whole message after the rewrite, one character an octet; or the kind of what came instead. */
function rewritten(message: string, changes: Partial<HeaderWishes> = {}): string {
  const octets = Buffer.from(message, 'latin1');
  const block = scanHeader(octets);
  if (block.kind !== 'header') return block.kind;
  const result = rewriteHeader(octets, block, { ...wishes, ...changes });
  if (result.kind === 'unchanged') return message;
  if (result.kind === 'signed') return `signed: ${result.by}`;
  return Buffer.concat([result.octets, octets.subarray(result.length)]).toString('latin1');
}

/** The header's lines alone. */
const header = (lines: string, changes?: Partial<HeaderWishes>) =>
  rewritten(`${lines.replaceAll('\n', '\r\n')}\r\n\r\nbody`, changes)
    .replace('\r\n\r\nbody', '')
    .replaceAll('\r\n', '\n');

describe('whole messages', () => {
  const names = readdirSync(FOLDER).flatMap(file => /^(.*)\.before\.eml$/.exec(file)?.[1] ?? []);

  it.each(names)('%s', async name => {
    const before = readFileSync(new URL(`${name}.before.eml`, FOLDER), 'latin1').replaceAll('\n', '\r\n');
    const after = rewritten(before);
    expect(after).not.toMatch(/[^\r]\n|\r(?!\n)/);
    expect(after.split('\r\n').every(line => line.length <= 998)).toBe(true);
    const text = Buffer.from(after.replaceAll('\r\n', '\n'), 'latin1').toString('utf8');
    await expect(text).toMatchFileSnapshot(new URL(`${name}.after.eml`, FOLDER).pathname);
  });
});

describe('what is permitted stays', () => {
  it.each([
    'From: Scans <Scans@Example.com>',
    'From: anybody@office.example.com',
    'From: a@office.example.com, "B" <b@office.example.com>\nSender: scans@example.com',
    'From: Scans <scans@example.com>\nSender: Desk <desk@office.example.com>',
    'Resent-From: x@lan.example\nFrom: scans@example.com',
  ])('%j', lines => {
    expect(header(lines)).toBe(lines);
  });

  it('where several authors stay, a sender beside them becomes a permitted one', () => {
    const lines = 'From: a@office.example.com, b@office.example.com\nSender: printer@d';
    expect(header(lines)).toBe(
      'From: a@office.example.com, b@office.example.com\nSender: scans@example.com\nX-Original-Sender: printer@d',
    );
  });

  it('one of several authors that is not permitted makes all of them one', () => {
    expect(header('From: a@office.example.com, B <b@lan.example>')).toMatch(/^From: scans@example.com\n/);
  });
});

describe('our own mail', () => {
  it('keeps its name and nothing else', () => {
    expect(header('From: Postern <postern@gate>\nSender: x@gate', { keepsOriginal: false })).toBe(
      'From: Postern <scans@example.com>',
    );
  });
});

describe('octets that are no UTF-8', () => {
  it('stay what they are', () => {
    expect(header('From: B\xfcro \xe0 <a@lan.example>')).toBe(
      'From: B\xfcro \xe0 <scans@example.com>\nReply-To: B\xfcro \xe0 <a@lan.example>\nX-Original-From: B\xfcro \xe0 <a@lan.example>',
    );
  });
});

describe('a name that contains an @, where the upstream takes none', () => {
  it.each([
    ['printer@d <scans@example.com>', 'scans@example.com'],
    ['"printer@d" <scans@example.com>', 'scans@example.com'],
    ['Scanner printer@d <scans@example.com>', 'Scanner <scans@example.com>'],
    ['"Scanner @ 2nd floor" <scans@example.com>', 'Scanner 2nd floor <scans@example.com>'],
    ['"Dr. Scan (scan@d)" <scans@example.com>', '"Dr. Scan" <scans@example.com>'],
    ['=?utf-8?Q?printer=40d?= <scans@example.com>', 'scans@example.com'],
    ['=?utf-8?Q?B=C3=BCro_a=40d?= <scans@example.com>', '=?utf-8?b?QsO8cm8=?= <scans@example.com>'],
    ['scans@example.com (printer@d)', 'scans@example.com'],
    ['A <scans@example.com>, b@d <scans@example.com>', 'A <scans@example.com>, scans@example.com'],
  ])('%s becomes %s', (value, expected) => {
    expect(header(`From: ${value}\nTo: x@y`, onlyNames)).toBe(
      `From: ${expected}\nX-Original-From: ${value}\nTo: x@y`,
    );
    expect(header(`From: ${value}`, { withoutAt: true })).toContain(`From: ${expected}\n`);
  });

  it('is written as a quoted string where it may have one and was none', () => {
    expect(header('From: printer@d <printer@d>')).toMatch(/^From: "printer@d" <scans@example.com>\n/);
    expect(header('From: [Jira] <jira@d>')).toMatch(/^From: "\[Jira\]" <scans@example.com>\n/);
  });

  it.each([
    'Scanner <printer@d>',
    '=?x-unknown?Q?a=40b?= <printer@d>',
    '"unended <printer@d>',
    'name only',
  ])('and any other stays: %s', value => {
    expect(header(`From: ${value}`, onlyNames)).toBe(`From: ${value}`);
  });
});

describe('a signed message', () => {
  it.each([
    ['DKIM-Signature: v=1; d=lan.example; s=x; h=from; bh=; b=', 'DKIM'],
    ['Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b', 'S/MIME'],
    ['Content-Type: Multipart/Signed;\n protocol="application/pgp-signature"; boundary=b', 'PGP'],
    ['Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m', 'S/MIME'],
    ['Content-type: application/x-pkcs7-mime; name=smime.p7m', 'S/MIME'],
  ])('is left alone: %s', (field, by) => {
    expect(header(`From: a@lan.example\n${field}`)).toBe(`signed: ${by}`);
    expect(header(`From: scans@example.com\n${field}`)).toBe(`From: scans@example.com\n${field}`);
  });

  it.each([
    'ARC-Message-Signature: i=1; d=lan.example; h=from; bh=; b=',
    'Content-Type: text/plain; name="multipart/signed"',
  ])('is not this: %s', field => {
    expect(header(`From: a@lan.example\n${field}`)).toContain(`From: scans@example.com\n`);
  });
});

describe('whatever the header', () => {
  const name = fc.constantFrom(
    'From',
    'from',
    'Sender',
    'Reply-To',
    'To',
    'Resent-From',
    'X-A',
    'Content-Type',
  );
  const piece = fc.constantFrom(
    'a@lan.example',
    '<b@lan.example>',
    'scans@example.com',
    '"q, @"',
    '(c)',
    ',',
    ';',
    'g:',
    ' ',
    '\r\n ',
    '\r\n\t',
    '=?utf-8?Q?=40?=',
    '<',
    '>',
    '"',
    '(',
    '\\',
    '@',
    '\xfc',
    '\xc3\xa0',
    '[1.2.3.4]',
    'x'.repeat(400),
  );
  const field = fc
    .tuple(name, fc.array(piece, { maxLength: 12 }))
    .map(([n, v]) => `${n}: x${v.join('')}\r\n`);
  const body = fc.string({ unit: fc.constantFrom('\r\n', '.', 'From: ', 'a@b', ' ', '\x80', '\0') });
  const message = fc
    .tuple(fc.array(field, { maxLength: 8 }), body)
    .map(([fields, text]) => `${fields.join('')}\r\n${text}`);

  it('only senders change: all other fields and the body stay, octet for octet and in order', () => {
    fc.assert(
      fc.property(message, fc.boolean(), fc.boolean(), (text, withoutAt, keepsOriginal) => {
        const after = rewritten(text, { withoutAt, keepsOriginal });
        if (after.startsWith('signed')) return;
        expect(bodyOf(after)).toBe(bodyOf(text));
        expect(othersOf(after)).toEqual(othersOf(text));
      }),
    );
  });

  it('the result is stable, names only permitted senders, and has one From', () => {
    fc.assert(
      fc.property(message, text => {
        const after = rewritten(text);
        expect(rewritten(after)).toBe(after);
        expect(fieldsOf(after).filter(one => one.name === 'from')).toHaveLength(1);
      }),
    );
  });

  it('what is kept everywhere changes nothing', () => {
    fc.assert(
      fc.property(message, text => {
        expect(rewritten(text, { sender: null, permits: () => true })).toBe(text);
      }),
    );
  });
});

function fieldsOf(message: string): readonly { name: string; text: string }[] {
  const block = scanHeader(Buffer.from(message, 'latin1'));
  if (block.kind !== 'header') throw new Error('no header');
  return block.fields.map(({ name, start, end }) => ({ name, text: message.slice(start, end) }));
}

const TOUCHED = ['from', 'sender', 'reply-to', 'x-original-from', 'x-original-sender'];

function othersOf(message: string): readonly string[] {
  return fieldsOf(message).flatMap(({ name, text }) => (TOUCHED.includes(name) ? [] : text));
}

function bodyOf(message: string): string {
  const block = scanHeader(Buffer.from(message, 'latin1'));
  return block.kind === 'header' ? message.slice(block.bodyStart) : '';
}
