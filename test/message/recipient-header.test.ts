// Headers that name exactly the recipients of one attempt. What must hold for every header and every envelope is checked with
// a reader that is not ours (nodemailer's); what becomes of single fields stands in tables.

import fc from 'fast-check';
import addressparser from 'nodemailer/lib/addressparser';
import { describe, expect, it } from 'vitest';
import { scanHeader } from '../../server/message/header-scan.ts';
import { writeRecipients } from '../../server/message/recipient-header.ts';

/** The whole message afterwards, one character an octet. */
function written(message: string, recipients: readonly string[]): string {
  const octets = Buffer.from(message, 'latin1');
  const block = scanHeader(octets);
  if (block.kind !== 'header') return block.kind;
  const result = writeRecipients(octets, block, recipients);
  if (result.kind === 'unchanged') return message;
  return Buffer.concat([result.octets, octets.subarray(result.length)]).toString('latin1');
}

/** The header's lines alone, with LF; what stands around them must stay. */
function header(lines: string, ...recipients: readonly string[]): string {
  const [before, after] = ['Received: x\r\nSubject: s\r\n', 'X-Last: 1\r\n\r\nTo: body@example.net\r\n'];
  const result = written(`${before}${lines.replaceAll('\n', '\r\n')}\r\n${after}`, recipients);
  expect(result.startsWith(before), result).toBe(true);
  expect(result.endsWith(after), result).toBe(true);
  return result.slice(before.length, -after.length).replaceAll('\r\n', '\n').trimEnd();
}

const [A, B, C] = ['a@example.org', 'b@example.org', 'c@example.org'];

describe('a header that names exactly the envelope stays as it is', () => {
  it.each([
    [`To: ${A}`, [A]],
    [`To: "A. B." <${A}>, ${B} (Bob),\n =?utf-8?Q?C=C3=A4?= <${C}>`, [A, B, C]],
    [`To: ${A}\nCc: ${B}`, [B, A]],
    ['To: A@Example.ORG', [A]],
    [`To: ${A}, ${A}`, [A]],
    ['To: B\xfcro <a@example.org>', [A]],
  ])('%j', (lines, recipients) => {
    expect(header(lines, ...recipients)).toBe(lines);
  });
});

describe('who is in no field stands in Bcc', () => {
  it('behind the last of its fields', () => {
    expect(header(`To: ${A}\nCc: ${B}\nX-Other: 1`, A, B, C)).toBe(
      `To: ${A}\nCc: ${B}\nBcc: ${C}\nX-Other: 1`,
    );
  });

  it('alone, where there is neither To nor Cc', () => {
    expect(written(`Subject: x\r\n\r\nbody`, [A, B])).toBe(`Subject: x\r\nBcc: ${A},\r\n ${B}\r\n\r\nbody`);
  });

  it('where the message is nothing but a header, or nothing but a body', () => {
    expect(written('Subject: x\r\n', [A])).toBe(`Subject: x\r\nBcc: ${A}\r\n`);
    expect(written('Subject: x', [A])).toBe(`Subject: x\r\nBcc: ${A}\r\n`);
    expect(written('only text', [A])).toBe(`Bcc: ${A}\r\n\r\nonly text`);
    expect(written('\r\nonly text', [A])).toBe(`Bcc: ${A}\r\n\r\nonly text`);
  });

  it('and whoever stood there before does not', () => {
    expect(header(`To: ${A}\nBcc: ${C}\nResent-Bcc: ${C}`, A)).toBe(`To: ${A}`);
    expect(header(`Bcc: ${C}\nTo: ${A}\nBcc: ${C}`, A, B)).toBe(`To: ${A}\nBcc: ${B}`);
  });
});

describe('who is not of this attempt leaves the fields, and can be read in another', () => {
  it.each([
    [`To: ${A}, B <${B}>`, [A], `To: ${A}\nX-Original-To: ${A}, B <${B}>`],
    [`To: "A, B" <${A}>,\n\tB <${B}>`, [A], `To: "A, B" <${A}>\nX-Original-To: "A, B" <${A}>,\n\tB <${B}>`],
    [`To: ${A}\nCc: ${B}`, [B], `X-Original-To: ${A}\nCc: ${B}`],
    [`To: list@example.net`, [A], `X-Original-To: list@example.net\nBcc: ${A}`],
    [`To: a@example.net`, [A], `X-Original-To: a@example.net\nBcc: ${A}`],
    [
      `To: ${A}\nResent-To: ${B}\nResent-Cc: ${C}`,
      [A],
      `To: ${A}\nX-Original-Resent-To: ${B}\nX-Original-Resent-Cc: ${C}`,
    ],
  ])('%j', (lines, recipients, expected) => {
    expect(header(lines, ...recipients)).toBe(expected);
  });
});

describe('what readers may disagree about is written anew', () => {
  it.each([
    ['a group', `To: Team: A <${A}>, ${B};`, `To: A <${A}>,\n ${B}`],
    ['a group and others', `To: Team: ${A};, ${B}`, `To: ${A},\n ${B}`],
    ['semicolons', `To: ${A}; ${B}`, `To: ${A},\n ${B}`],
    ['empty places', `To: ${A},, ${B},`, `To: ${A},\n ${B}`],
    ['a source route', `To: <@relay.example,@other.example:${A}>, ${B}`, `To: <${A}>,\n ${B}`],
    ['comments in an address', `To: a(x) @ (y)example.org, ${B}`, `To: ${A},\n ${B}`],
    ['a folded address', `To: A <a\n @example.org>, ${B}`, `To: A <${A}>,\n ${B}`],
    ['a name that is none', `To: [A] <${A}>, ${B}`, `To: "[A]" <${A}>,\n ${B}`],
    ['a name without an address', `To: HP Scanner, ${A}, ${B}`, `To: ${A},\n ${B}`],
    ['an address as the name', `To: c@example.org <${A}>, ${B}`, `To: "c@example.org" <${A}>,\n ${B}`],
    ['an address in the name', `To: =?utf-8?Q?c=40example.org?= <${A}>, ${B}`, `To: ${A},\n ${B}`],
    ['an address in a comment', `To: ${A} (c@example.org), ${B}`, `To: ${A},\n ${B}`],
    ['a name of its own address', `To: "${A}" <${A}>; ${B}`, `To: "${A}" <${A}>,\n ${B}`],
    ['a name with a comma', `To: Meier, Anna <${A}>, ${B}`, `To: Anna <${A}>,\n ${B}`],
  ])('%s', (_what, lines, expected) => {
    const value = lines.slice('To: '.length);
    expect(header(lines, A, B)).toBe(`${expected}\nX-Original-To: ${value}`);
  });

  it('a recipient with a U-label is found by its A-label', () => {
    const [path, lines] = ['x@xn--bcher-kva.example', 'To: X <x@b\xc3\xbccher.example>'];
    expect(header(lines, path)).toBe(`To: X <${path}>\nX-Original-To: X <x@b\xc3\xbccher.example>`);
  });

  it('a field that cannot be read at all', () => {
    expect(header(`To: "A <${A}>\nCc: ${B}`, A, B)).toBe(`X-Original-To: "A <${A}>\nCc: ${B}\nBcc: ${A}`);
  });

  it('a field that is there twice', () => {
    expect(header(`To: ${A}\nCc: ${C}\nTo: ${B}`, A, B, C)).toBe(`To: ${A},\n ${B}\nCc: ${C}`);
    expect(header(`To: \nTo: ${B}`, B)).toBe(`To: ${B}`);
  });

  it('a blank before the colon, and a field of blanks', () => {
    expect(header(`To : ${A}`, A)).toBe(`To: ${A}\nX-Original-To: ${A}`);
    expect(header(`To: \n\t\nCc: ${A}`, A)).toBe(`Cc: ${A}`);
  });

  it('what would make a line too long', () => {
    const value = `${'n'.repeat(985)} <${A}>`;
    expect(header(`To: ${value};`, A)).toBe(`To: ${A}\nX-Original-To:\n ${value};`);
  });
});

it('where nobody is left there is no To', () => {
  expect(header('To: undisclosed-recipients:;', A)).toBe(
    `X-Original-To: undisclosed-recipients:;\nBcc: ${A}`,
  );
});

describe('whatever the header and the envelope', () => {
  const address = fc.constantFrom(
    A,
    B,
    C,
    'd@sub.example.org',
    '"e f"@example.org',
    'G.H@example.org',
    'i@[192.0.2.1]',
  );
  const name = fc.constantFrom(
    '',
    'Plain ',
    '"Q, uoted" ',
    '=?utf-8?b?w7w=?= ',
    'B\xfc ',
    '(c) ',
    'x@y ',
    '[odd] ',
    '"\\"" ',
  );
  const mailbox = fc.oneof(
    fc.tuple(name, address).map(([n, a]) => `${n}<${a}>`),
    address,
    fc.tuple(address, fc.constantFrom(' (note)', ' (z@example.org)', '\r\n (folded)')).map(([a, c]) => a + c),
    fc.constantFrom(
      'HP Scanner',
      '',
      '<>',
      'nobody@',
      'undisclosed-recipients:;',
      `Team: ${A}, ${C};`,
      `<@r:${B}>`,
      '"',
      '(',
    ),
  );
  const list = fc
    .array(mailbox, { maxLength: 4 })
    .chain(all => fc.constantFrom(', ', ',', ',\r\n\t', '; ').map(sign => all.join(sign)));
  const field = fc
    .tuple(
      fc.constantFrom('To', 'Cc', 'to', 'Bcc', 'Resent-To', 'Resent-Bcc', 'X-A', 'Subject'),
      fc.constantFrom(': ', ':', ' :'),
      list,
    )
    .map(([title, colon, value]) => `${title}${colon}${value}\r\n`);
  const message = fc
    .tuple(fc.array(field, { maxLength: 6 }), fc.constantFrom('\r\nbody To: z@example.org\r\n', '\r\n', ''))
    .map(([fields, rest]) => `Received: x\r\n${fields.join('')}${rest}`);
  const envelope = fc.uniqueArray(address, { minLength: 1, maxLength: 5 });

  const split = (text: string): readonly string[] => {
    const end = text.indexOf('\r\n\r\n');
    return (end === -1 ? text : text.slice(0, end + 2)).split(/(?<=\r\n)(?![ \t])/);
  };
  const isOurs = (line: string) => /^(x-original-|to|cc|bcc|resent-)[^:]*:/i.test(line);

  it('a reader finds the recipients and nobody else, and all other octets stay', () => {
    fc.assert(
      fc.property(message, envelope, (before, recipients) => {
        const after = written(before, recipients);
        const named = split(after)
          .filter(line => /^(to|cc|bcc)\s*:/i.test(line))
          .flatMap(line =>
            addressparser(line.slice(line.indexOf(':') + 1).replaceAll('\r\n', ''), { flatten: true }),
          )
          .map(one => one.address.toLowerCase().replaceAll('"', ''));
        const expected = recipients.map(path => path.toLowerCase().replaceAll('"', ''));
        expect([...new Set(named)].sort()).toEqual(expected.sort());
        expect(split(after).filter(line => !isOurs(line))).toEqual(
          split(before).filter(line => !isOurs(line)),
        );
        expect(after.slice(split(after).join('').length)).toBe(before.slice(split(before).join('').length));
        expect(after).not.toMatch(/[^\r]\n|\r(?!\n)/);
      }),
      { numRuns: 3000 },
    );
  });

  it('a second time changes nothing', () => {
    fc.assert(
      fc.property(message, envelope, (before, recipients) => {
        const once = written(before, recipients);
        // But for the place of Bcc.
        expect(split(written(once, recipients)).toSorted()).toEqual(split(once).toSorted());
      }),
    );
  });
});
