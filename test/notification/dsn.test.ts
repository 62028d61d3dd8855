// Reports, octet for octet (test/golden/dsn; UPDATE_GOLDEN=1 writes them anew), and read again by a parser that is not ours:
// whatever names, replies and headers say, the report is a whole multipart/report with the fields of RFC 3464.

import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { buildDigest } from '../../server/notification/digest.ts';
import { buildReport } from '../../server/notification/dsn.ts';
import type { MadeReport, ReportFacts } from '../../server/notification/report-facts.ts';
import { HOUR, NOW } from '../audit/support.ts';
import { factsOf, LATE, original, REFUSED, RELAYED, readParts, readStatus, SCAN } from './report-samples.ts';

const UMLAUTS = SCAN.replace('Scan of the contract', 'Büro: Verträge – 契約').replace(
  'The contract',
  'Verträge, Ü',
);

const golden: Readonly<Record<string, ReportFacts>> = {
  failure: factsOf(),
  'failure-several-recipients': factsOf({
    recipients: [
      REFUSED,
      {
        ...REFUSED,
        forwardPath: 'bob@example.org',
        originalRecipient: 'rfc822;bob@old.example.org',
        why: 'The message is larger than mailgun takes. Send it smaller (lower scan resolution, fewer pages), or use another upstream.',
        reply: '552 5.3.4 Message size exceeds fixed limit',
      },
      {
        ...REFUSED,
        forwardPath: 'carla@example.org',
        end: 'given-up',
        why: null,
        reply: '451 4.7.1 Greylisted, come back later',
        host: '2001:db8::25',
      },
      {
        ...REFUSED,
        forwardPath: 'dora@example.org',
        why: 'No upstream of its route can take it: it needs SMTPUTF8.',
        reply: null,
        status: '5.6.7',
        host: null,
        lastAttemptAt: null,
      },
    ],
  }),
  'failure-with-envelope-id': factsOf({
    about: { ...factsOf().about, envelopeId: 'QQ314159 + 1' },
    recipients: [{ ...REFUSED, originalRecipient: 'rfc822;Anna.Old@example.net' }],
  }),
  'failure-returns-all': factsOf({ original: original(SCAN, true) }),
  'failure-8-bit-returns-all': factsOf({
    original: original(SCAN.replace('The contract', 'Der Vertrag für Ü'), true),
  }),
  'failure-8-bit-header': factsOf({ original: original(UMLAUTS) }),
  'failure-8-bit-reply': factsOf({
    recipients: [{ ...REFUSED, reply: '550 5.7.1 Das Postfach „Büro“ nimmt keine Nachricht an' }],
  }),
  'failure-long-lines': factsOf({
    original: original(SCAN.replace('Scan of the contract', `Scan ${'of the contract '.repeat(100)}`)),
    recipients: [{ ...REFUSED, reply: `554 5.6.0 ${'x'.repeat(1_200)} ${'no thanks '.repeat(30)}` }],
  }),
  'failure-without-content': factsOf({ original: 'unreadable', recipients: [REFUSED, REFUSED] }),
  'failure-confidential': factsOf({ original: 'confidential' }),
  'failure-untrusted-clock': factsOf({ date: null }),
  expired: factsOf({
    recipients: [{ ...REFUSED, end: 'expired', why: LATE.why, reply: '451 4.2.1 Mailbox busy' }],
  }),
  delay: factsOf({ kind: 'delay', recipients: [LATE] }),
  relayed: factsOf({ kind: 'relayed', recipients: [RELAYED] }),
  international: factsOf({
    original: original(UMLAUTS),
    recipients: [
      {
        ...REFUSED,
        forwardPath: 'büro@grün.example',
        originalRecipient: 'utf-8;büro@grün.example',
        reply: '550 5.1.1 <büro@grün.example>: unbekannt',
      },
    ],
  }),
  'international-addressee': factsOf({
    to: 'büro@grün.example',
    original: original(UMLAUTS, true),
    recipients: [{ ...REFUSED, forwardPath: 'büro@grün.example' }],
  }),
};

function expectGolden(name: string, { octets }: MadeReport): void {
  const file = new URL(`../golden/dsn/${name}.eml`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, octets);
  expect(Buffer.from(octets).toString('latin1')).toBe(readFileSync(file, 'latin1'));
}

/** What an independent reader sees, and the fields of the second part. */
async function read({ octets }: MadeReport) {
  const mail = await simpleParser(Buffer.from(octets));
  const [, status] = readParts(Buffer.from(octets).toString('latin1'));
  return { mail, status: readStatus(status ?? '') };
}

describe('the reports', () => {
  for (const [name, facts] of Object.entries(golden)) {
    it(`${name}: as the golden file says`, () => expectGolden(name, buildReport(facts)));
  }

  it('several as a digest: as the golden file says', () => {
    const perHour = 10;
    const late = factsOf({ kind: 'delay', recipients: [LATE], original: original(UMLAUTS) });
    const reports = [factsOf(), golden['failure-several-recipients'] ?? factsOf(), late];
    const { id, host, to, date } = factsOf();
    expectGolden('digest', buildDigest({ id, host, to, date, perHour, reports }));
  });
});

describe('a report', () => {
  it('has words for people first, then the fields, then the header', async () => {
    const { mail, status } = await read(buildReport(factsOf()));
    expect(mail.headers.get('content-type')).toMatchObject({
      value: 'multipart/report',
      params: { 'report-type': 'delivery-status' },
    });
    expect(mail.headers.get('auto-submitted')).toBe('auto-replied');
    expect(mail.inReplyTo).toBe('<scan-4711@scanner.lan>');
    expect(mail.text).toContain('The provider (mailgun) refused this recipient for good.');
    expect(mail.text).toContain('What to do: Check the address for typing errors');
    expect(status[0]?.get('Reporting-MTA')).toBe('dns; nas.lan');
    expect(Object.fromEntries(status[1] ?? [])).toEqual({
      'Final-Recipient': 'rfc822; anna@example.net',
      Action: 'failed',
      Status: '5.1.1',
      'Remote-MTA': 'dns; smtp.eu.mailgun.org',
      'Diagnostic-Code':
        'smtp; 550 5.1.1 <anna@example.net>: Recipient address rejected: User unknown in virtual mailbox table',
      'Last-Attempt-Date': 'Fri, 20 Nov 2026 08:59:59 +0000',
    });
  });

  it('does not call the answer of a sending API one of SMTP', async () => {
    const reply = 'HTTP 400 MessageRejected: no';
    const { status } = await read(buildReport(factsOf({ recipients: [{ ...REFUSED, reply }] })));
    expect(status[1]?.get('Diagnostic-Code')).toBe(`X-HTTP; ${reply}`);
    expect(status[1]?.get('Status')).toBe('5.0.0');
  });

  it('returns the header and never the content unless all was asked for', () => {
    const text = Buffer.from(buildReport(factsOf()).octets).toString('latin1');
    expect(text).toContain('Message-ID: <scan-4711@scanner.lan>');
    expect(text).not.toContain('for your eyes only');
    expect(Buffer.from(buildReport(factsOf({ original: original(SCAN, true) })).octets).toString()).toContain(
      '\r\n\r\nThe contract, for your eyes only.\r\n',
    );
  });

  it('of a confidential message shows nothing that stands in it', () => {
    const text = Buffer.from(buildReport(factsOf({ original: 'confidential' })).octets).toString('latin1');
    expect(text).not.toMatch(/contract|scan-4711/);
  });

  it('names no time while the clock cannot be trusted', () => {
    const { octets } = buildReport(factsOf({ date: null, original: 'unreadable' }));
    expect(Buffer.from(octets).toString()).not.toMatch(/2026/);
  });

  it('needs SMTPUTF8 only where its own addressee does', () => {
    expect(buildReport(golden['international'] ?? factsOf())).toMatchObject({
      smtputf8: false,
      bodyType: '7bit',
    });
    expect(buildReport(golden['international-addressee'] ?? factsOf())).toMatchObject({
      smtputf8: true,
      bodyType: '8bitmime',
    });
  });

  it('sends nobody to the recipient for a sender that is not allowed', async () => {
    const why = 'provider does not let us send as this sender.';
    const expired = { ...REFUSED, end: 'expired', why, status: '4.1.8' } as const;
    const { mail } = await read(buildReport(factsOf({ recipients: [expired] })));
    expect(mail.text).toMatch(/another\s+sender\s+address/);
    expect(mail.text).not.toMatch(/Ask the\s+recipient/);
  });

  it.each([
    ['u1 refused the message for now.', 'u1', 'The provider (u1) refused the message for now.'],
    ['The connection to a.b+c broke.', 'a.b+c', 'The connection to the provider (a.b+c) broke.'],
    ['The message is larger than u1 takes.', 'u1', 'The message is larger than the provider (u1) takes.'],
    ['The stored message could not be read.', 'message', 'The stored message could not be read.'],
    ['axb refused it.', 'a.b', 'axb refused it.'],
  ])('tells people whose name it is: %s', async (why, upstream, expected) => {
    const { mail } = await read(buildReport(factsOf({ recipients: [{ ...REFUSED, why, upstream }] })));
    expect(mail.text?.replaceAll(/\s+/g, ' ')).toContain(`Why: ${expected} What to do`);
  });

  it('says the class of the end, whatever the upstream said last', async () => {
    const ends = [
      [{ ...REFUSED, status: '5.6.7' }, '5.6.7'],
      [{ ...REFUSED, reply: '550 no' }, '5.0.0'],
      [{ ...REFUSED, reply: '550 4.7.1 mixed' }, '5.7.1'],
      [{ ...LATE, reply: '550 5.7.60 SendAsDenied' }, '4.7.60'],
      [{ ...LATE, reply: null }, '4.0.0'],
      [{ ...REFUSED, end: 'expired', reply: '451 4.2.1 busy' }, '4.4.7'],
      [{ ...REFUSED, end: 'given-up', reply: '451 4.2.1 busy' }, '5.0.0'],
      [RELAYED, '2.0.0'],
      [{ ...RELAYED, reply: '250 2.6.0 queued' }, '2.6.0'],
    ] as const;
    for (const [recipient, expected] of ends) {
      const { status } = await read(buildReport(factsOf({ recipients: [recipient] })));
      expect(status[1]?.get('Status')).toBe(expected);
    }
  });
});

describe('whatever is in it', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom('a\r\nBcc: x@example.net\r\n\r\n--=_01HF7YBDSNZ3K8M2X--\r\n', '.', 'From me', '=?x?', ''),
  );
  const address = fc.constantFrom(
    'a@example.net',
    '"a b"@example.net',
    'ü@grün.example',
    `${'x'.repeat(64)}@e.org`,
  );
  const recipient = fc.record({
    forwardPath: address,
    originalRecipient: fc.option(address.map(one => `utf-8;${one}`)),
    end: fc.constantFrom('refused', 'expired', 'given-up', 'late', 'relayed'),
    why: fc.option(hostile),
    reply: fc.option(hostile),
    status: fc.constantFrom(null, '5.6.7', '4.2.1'),
    upstream: fc.option(hostile),
    host: fc.constantFrom(null, REFUSED.host),
    lastAttemptAt: fc.constantFrom(null, NOW),
    triedUntil: fc.constantFrom(null, NOW + HOUR),
  });
  const header = fc
    .tuple(hostile, hostile, fc.uint8Array({ maxLength: 200 }))
    .map(([subject, id, body]) =>
      readable(Buffer.concat([Buffer.from(`Subject: ${subject}\r\nMessage-ID: ${id}\r\n\r\n`), body])),
    );
  const reported = fc.record({
    to: address,
    recipients: fc.array(recipient, { minLength: 1, maxLength: 4 }),
    original: fc.oneof(header, fc.constantFrom('unreadable', 'confidential')),
  });

  it('the report is whole, and all its lines are in order', async () => {
    await fc.assert(
      fc.asyncProperty(reported, async changes => {
        const report = buildReport(factsOf(changes));
        const text = Buffer.from(report.octets).toString('latin1');
        const lines = text.split('\r\n');
        expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(998);
        expect(text.includes('\0')).toBe(false);
        if (report.bodyType === '7bit' && !report.smtputf8) expect(text).toMatch(/^\p{ASCII}*$/u);
        const { mail, status } = await read(report);
        expect(mail.bcc).toBeUndefined();
        expect(mail.headers.get('auto-submitted')).toBe('auto-replied');
        expect(mail.text).toContain('This is the mail server nas.lan.');
        expect(status).toHaveLength(changes.recipients.length + 1);
        changes.recipients.forEach((one, i) => {
          const fields = status[i + 1];
          expect(fields?.get('Final-Recipient')).toMatch(/^(rfc822|utf-8); /);
          expect(fields?.get('Final-Recipient')?.endsWith(one.forwardPath)).toBe(true);
          expect(fields?.get('Action')).toMatch(/^(failed|delayed|relayed)$/);
          expect(fields?.get('Status')).toMatch(/^[245]\.\d{1,3}\.\d{1,3}$/);
        });
      }),
      { numRuns: 300 },
    );
  });

  function readable(octets: Buffer) {
    try {
      return original(octets, octets.length % 2 === 0);
    } catch {
      return 'unreadable' as const;
    }
  }
});
