// Messages for upstreams without 8BITMIME or SMTPUTF8: golden ones, for a person to read, and what holds for every message:
// only ASCII, no line too long, and every reader sees the same.

import { isAscii } from 'node:buffer';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type ParsedMail, simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { createConversion, downgrade } from '../../server/message/downgrade.ts';
import { createAnalysis } from '../../server/message/seven-bit-plan.ts';
import { ROOT } from '../support/postern.ts';
import { cut as cutAt } from './chunks.ts';

const FOLDER = join(ROOT, 'test/golden/downgrade');
const BODIES = { bodies: true };
const HEADERS = { bodies: false };

const lines = (...all: readonly string[]) => Buffer.from(`${all.join('\r\n')}\r\n`);
const latin1 = (...all: readonly string[]) => Buffer.from(`${all.join('\r\n')}\r\n`, 'latin1');

function converted(octets: Buffer, wish = BODIES): string {
  const result = downgrade(octets, wish);
  if (result?.kind !== 'converted') throw new Error(`not converted: ${JSON.stringify(result)}`);
  expectSendable(result.octets);
  return result.octets.toString();
}

function expectSendable(octets: Buffer): void {
  expect(isAscii(octets)).toBe(true);
  const longest = Math.max(
    ...octets
      .toString()
      .split('\r\n')
      .map(line => line.length),
  );
  expect(longest).toBeLessThanOrEqual(998);
}

describe('the golden messages', () => {
  const names = readdirSync(FOLDER).filter(name => name.endsWith('.8bit.eml'));

  it.each(names)('%s', name => {
    const octets = readFileSync(join(FOLDER, name));
    const golden = join(FOLDER, name.replace('.8bit.', '.7bit.'));
    const is = converted(octets);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, is);
    expect(is).toBe(readFileSync(golden, 'utf8'));
  });

  it('are there', () => {
    expect(names.length).toBeGreaterThan(4);
  });
});

describe('a message that needs no change', () => {
  it.each([
    ['is ASCII', lines('Subject: x', '', 'Hello.')],
    ['says 8bit and is not', lines('Content-Transfer-Encoding: 8bit', '', 'Hello.')],
    ['has long lines alone', lines('Subject: x', '', 'x'.repeat(2000))],
  ])('%s', (_what, octets) => {
    expect(downgrade(octets, BODIES)).toBeNull();
    expect(downgrade(octets, HEADERS)).toBeNull();
  });

  it('for a missing SMTPUTF8 has an 8-bit body alone', () => {
    expect(downgrade(lines('Subject: x', '', 'Grüße'), HEADERS)).toBeNull();
  });
});

describe('a body', () => {
  it('of text becomes quoted-printable, with the character set that its octets are', () => {
    expect(converted(lines('Subject: x', '', 'Grüße = schön \t'))).toBe(
      'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        'Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D sch=C3=B6n =09\r\n',
    );
    expect(converted(latin1('Content-Type: text/plain; charset=US-ASCII', '', 'Gr\xfc\xdfe'))).toContain(
      'Content-Type: text/plain; charset=windows-1252\r\n',
    );
  });

  it('keeps the character set that it names, and HTML what it names within', () => {
    const named = latin1('Content-Type: text/plain; charset="ISO-8859-15"', '', 'Gr\xfc\xdfe');
    expect(converted(named)).toContain('charset="ISO-8859-15"\r\n');
    const html = latin1('Content-Type: text/html', '', '<meta charset=iso-8859-2>\xb3');
    expect(converted(html)).not.toContain('charset=windows');
  });

  it('of anything else becomes base64, in lines of 76', () => {
    const octets = Buffer.concat([
      lines('MIME-Version: 1.0', 'Content-Type: image/png', 'Content-Transfer-Encoding: binary', ''),
      Buffer.alloc(200, 0xe4),
    ]);
    const body = converted(octets).split('\r\n\r\n')[1] ?? '';
    expect(body.split('\r\n')[0]).toHaveLength(76);
    expect(Buffer.from(body, 'base64').equals(Buffer.alloc(200, 0xe4))).toBe(true);
  });

  it('that is encoded already is mended where it has octets that do not belong there', () => {
    const qp = lines(
      'Content-Type: text/plain',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Gr=C3=BCü=',
    );
    expect(converted(qp)).toContain('\r\n\r\nGr=C3=BC=C3=BC=\r\n');
    const b64 = latin1(
      'Content-Type: image/png',
      'Content-Transfer-Encoding: base64',
      '',
      'AAAA\xff\xffAAAA',
    );
    expect(converted(b64)).toContain('\r\n\r\nAAAAAAAA\r\n');
  });

  it('in a multipart leaves the parts beside it octet for octet', () => {
    const plain = ['Content-Type: text/plain', 'X-Odd : value ', '', 'plain  ', '-- ', 'trailing'];
    const octets = lines(
      ...['Content-Type: multipart/mixed; boundary="b 1"', 'Content-Transfer-Encoding: 8bit', ''],
      ...['preämble', '--b 1', ...plain, '--b 1', '', 'Grüße', '--b 1--', 'epilögue'],
    );
    const text = converted(octets);
    expect(text).toContain(`--b 1\r\n${plain.join('\r\n')}\r\n--b 1\r\n`);
    expect(text).toContain('Content-Transfer-Encoding: 7bit\r\n');
    expect(text).toContain('\r\npre??mble\r\n');
    expect(text).toContain('\r\n--b 1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer');
  });

  it('of a message within a message is converted there', () => {
    const octets = lines(
      ...['Content-Type: multipart/digest; boundary=b', '', '--b', ''],
      ...['Subject: Grüße', 'Content-Transfer-Encoding: 8bit', '', 'schön', '--b--'],
    );
    const text = converted(octets);
    expect(text).toContain('--b\r\n\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n');
    expect(text).toContain('Content-Type: text/plain; charset=utf-8\r\n\r\nsch=C3=B6n\r\n--b--');
  });

  it('of DKIM-signed mail is converted: a signature that does not fit is as good as none', () => {
    expect(converted(lines('DKIM-Signature: v=1; b=x', '', 'Grüße'))).toContain(
      'DKIM-Signature: v=1; b=x\r\n',
    );
  });
});

describe('a message that cannot be converted', () => {
  const signed = (inner: readonly string[]) =>
    lines(
      ...['Content-Type: multipart/signed; boundary=s; protocol="application/pkcs7-signature"', ''],
      ...['--s', ...inner, '--s', 'Content-Type: application/pkcs7-signature', '', 'MIIx', '--s--'],
    );

  it.each([
    ['is signed', signed(['Content-Type: text/plain; charset=utf-8', '', 'Grüße']), /signed.*break/],
    ['has a signed header', signed(['Content-Type: text/plain; name=ü', '', 'x']), /signed/],
    [
      'is signed deep inside',
      signed(['Content-Type: multipart/mixed; boundary=i', '', '--i', '', 'ü', '--i--']),
      /signed/,
    ],
    ['is a fragment', lines('Content-Type: message/partial; id=x; number=1', '', 'Grüße'), /fragment/],
    [
      'is encoded in a way of its own',
      lines('Content-Transfer-Encoding: x-uuencode', '', 'Grüße'),
      /x-uuencode/,
    ],
    [
      'has a boundary in 8 bits',
      lines('Content-Type: multipart/mixed; boundary=ü', '', '--ü', '', 'x', '--ü--'),
      /boundary/,
    ],
    ['has thousands of parts', manyParts(1500), /too many parts/],
    ['is nested without end', nested(30), /too deep/],
  ])('%s', (_what, octets, why) => {
    const result = downgrade(octets, BODIES);
    expect(result).toMatchObject({ kind: 'unconvertible', status: '5.6.3' });
    expect(result).toHaveProperty('why', expect.stringMatching(why));
  });

  it('has a sender that is not ASCII before the @', () => {
    const result = downgrade(lines('From: Jürgen <jürgen@example.com>', '', 'x'), HEADERS);
    expect(result).toMatchObject({ kind: 'unconvertible', status: '5.6.7' });
  });

  it('but a signed one whose own octets are ASCII is converted around them', () => {
    const inner = ['Content-Type: text/plain', 'Content-Transfer-Encoding: 8bit', '', 'plain'];
    const octets = Buffer.concat([lines('Subject: Grüße'), signed(inner)]);
    const text = converted(octets);
    expect(text).toContain('Subject: =?utf-8?b?');
    expect(text).toContain(`--s\r\n${inner.join('\r\n')}\r\n--s\r\n`);
  });

  it('but for a missing SMTPUTF8 a signed body stays, since 8-bit bodies are taken', () => {
    const octets = Buffer.concat([
      lines('Subject: Grüße'),
      signed(['Content-Type: text/plain; name=ü', '', 'ü']),
    ]);
    const result = downgrade(octets, HEADERS);
    expect(result).toMatchObject({ kind: 'converted' });
    if (result?.kind === 'converted')
      expect(result.octets.toString()).toContain('--s\r\nContent-Type: text/plain; name=ü\r\n\r\nü\r\n');
  });
});

describe('any message', () => {
  const word = fc.constantFrom(
    'Grüße',
    'plain',
    '日本語',
    'a=b',
    '.',
    'From',
    '-- ',
    '=?x?=',
    '\t',
    'é'.repeat(70),
  );
  const text = fc.array(
    fc.array(word, { maxLength: 12 }).map(words => words.join(' ')),
    { maxLength: 8 },
  );
  const name = fc
    .array(fc.constantFrom('Müller', 'plain', '"', '\\', 'Ω', ' ', '(x)', ';', "'"), { maxLength: 8 })
    .map(all => all.join(''));
  const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`;
  const leaf = fc.oneof(
    text.map(all => [
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      ...all,
    ]),
    text.map(all => ['Content-Type: text/html; charset=utf-8', '', `<p>${all.join('<br>')}</p>`]),
    fc
      .tuple(name, fc.string({ unit: 'binary', maxLength: 300 }))
      .map(([file, octets]) => [
        ...['Content-Type: application/octet-stream', 'Content-Transfer-Encoding: binary'],
        ...[`Content-Disposition: attachment; filename=${quoted(file)}`, '', octets.replace(/[\r\n]/g, '')],
      ]),
  );
  const multipart = (parts: readonly (readonly string[])[], boundary: string) => [
    ...[`Content-Type: multipart/mixed; boundary="${boundary}"`, ''],
    ...parts.flatMap(part => [`--${boundary}`, ...part]),
    `--${boundary}--`,
  ];
  const tree = fc.oneof(
    leaf,
    fc.array(leaf, { minLength: 1, maxLength: 4 }).map(parts => multipart(parts, 'outer=_1')),
    fc
      .tuple(fc.array(leaf, { minLength: 1, maxLength: 3 }), leaf)
      .map(([inner, last]) => multipart([multipart(inner, 'outer'), last], 'outer2')),
  );
  const message = fc
    .tuple(fc.array(word, { minLength: 1, maxLength: 12 }), name, tree)
    .map(([subject, from, body]) =>
      lines(
        ...[
          'MIME-Version: 1.0',
          `Subject: ${subject.join(' ')}`,
          `From: ${quoted(`ü${from}`)} <a@example.com>`,
        ],
        ...[`To: ${quoted(from)} <b@example.net>, c@example.net (Kommentär)`, ...body],
      ),
    );

  it('says the same to its readers', async () => {
    await fc.assert(
      fc.asyncProperty(message, async octets => {
        const seven = Buffer.from(converted(octets));
        expect(await shown(seven)).toEqual(await shown(octets));
      }),
      { numRuns: 150 },
    );
  });

  it('becomes the same however it is cut, and that needs no further change', async () => {
    fc.assert(
      fc.property(message, fc.array(fc.nat(2000), { maxLength: 30 }), (octets, places) => {
        const whole = converted(octets);
        const analysis = createAnalysis(BODIES);
        for (const chunk of cutAt(octets, places)) analysis.push(chunk);
        const found = analysis.end();
        if (found?.kind !== 'plan') throw new Error('no plan');
        const conversion = createConversion(found.plan);
        const pieces = cutAt(octets, places).flatMap(chunk => [...conversion.push(chunk)]);
        expect(Buffer.concat([...pieces, ...conversion.end()]).toString()).toBe(whole);
        expect(downgrade(Buffer.from(whole), BODIES)).toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  it('even of garbage becomes ASCII or is refused, and no octet of ASCII is made up', () => {
    const garbage = fc.array(
      fc.oneof(
        fc.constantFrom(
          'Content-Type: ',
          'multipart/mixed; boundary=b',
          'message/rfc822',
          '\r\n',
          '\r\n\r\n',
          '--b',
          '--',
        ),
        fc.constantFrom(
          'ü',
          '\xff',
          ' ',
          '"',
          '(',
          'From: ',
          '<',
          '@',
          'Content-Transfer-Encoding: ',
          'base64',
          '8bit',
        ),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(garbage, all => {
        const octets = Buffer.from(all.join(''), 'latin1');
        const result = downgrade(octets, BODIES);
        if (result?.kind === 'converted') expect(isAscii(result.octets)).toBe(true);
        if (result === null) expect(isAscii(octets)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });
});

/** What a reader shows. */
async function shown(octets: Buffer): Promise<object> {
  const mail: ParsedMail = await simpleParser(octets, { skipTextToHtml: true });
  const { subject, from, to, text, html, attachments } = mail;
  const names = [to]
    .flat()
    .flatMap(one => one?.value.map(({ name, address }) => ({ name: oneLine(name), address })) ?? []);
  return {
    ...{ subject: oneLine(subject ?? ''), names, text, html },
    from: from?.value.map(({ name, address }) => ({ name: oneLine(name), address })),
    attachments: attachments.map(one => ({
      name: one.filename,
      type: one.contentType,
      octets: one.content.toString('hex'),
    })),
  };
}

/** Blanks at the ends of what was quoted are shown by some readers and not by others. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function manyParts(count: number): Buffer {
  const part = ['--b', '', 'Grüße'];
  return lines(
    'Content-Type: multipart/mixed; boundary=b',
    '',
    ...Array.from({ length: count }, () => part).flat(),
    '--b--',
  );
}

function nested(depth: number): Buffer {
  const heads = Array.from({ length: depth }, (_, i) => [
    ...(i === 0 ? [] : [`--b${i - 1}.`]),
    ...[`Content-Type: multipart/mixed; boundary=b${i}.`, ''],
  ]);
  return lines(...heads.flat(), `--b${depth - 1}.`, '', 'Grüße');
}
