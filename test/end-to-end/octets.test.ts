// What arrives is what was sent: octets compared at the far end, behind a real Postfix.
// Only header lines may come before them; nothing behind or in between may change.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type Gate, openGate, submit } from './gate.ts';

const skip = mustSkip('end-to-end octets', suiteNeeds['end-to-end']);
let gate: Gate;

beforeAll(async () => {
  if (!skip) gate = await openGate();
});

afterAll(async () => gate?.close());

/** A complete header, so that nothing has to be added. */
function message(marker: string, body: Buffer | string, more: readonly string[] = []): Buffer {
  const header = [
    'From: Scanner <scanner@sender.test>',
    'To: someone@destination.test',
    `Subject: ${marker}`,
    'Date: Fri, 20 Nov 2026 10:00:00 +0000',
    `Message-ID: <${marker}@sender.test>`,
    'MIME-Version: 1.0',
    ...more,
  ];
  return Buffer.concat([Buffer.from(`${header.join('\r\n')}\r\n\r\n`, 'utf8'), Buffer.from(body)]);
}

/** A maildir holds LF line ends. */
function withLf(octets: Buffer): Buffer {
  return Buffer.from(octets.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/** Sends it and compares; returns the header lines that were put before it. */
async function arrivesAsSent(marker: string, sent: Buffer, expected = sent): Promise<string> {
  expect(await submit(gate, { message: sent, parameters: ' BODY=8BITMIME' })).toMatch(
    /^250 2\.0\.0 Ok: queued as /,
  );
  const arrived = await gate.arrival(`Subject: ${marker}\n`, 60_000);
  const tail = withLf(expected);
  // Buffer.equals, because a diff of 30 MB helps nobody.
  expect(arrived.subarray(arrived.length - tail.length).equals(tail), `octets of ${marker} changed`).toBe(
    true,
  );
  return arrived.subarray(0, arrived.length - tail.length).toString('latin1');
}

const OUR_PREFIX =
  /^(?:(?:Return-Path|X-Original-To|Delivered-To|Received|X-Postern-Trace): .*\n(?:[ \t].*\n)*)+$/;

describe.skipIf(skip)('octets', () => {
  const utf8 = 'Grüße, ñandú, 日本語, 👩‍👩‍👧\r\n';
  const everyHighOctet = Buffer.from(Array.from({ length: 128 }, (_, i) => 128 + i));
  const cases: readonly (readonly [string, Buffer | string])[] = [
    ['eight-bit', Buffer.concat([Buffer.from(utf8), everyHighOctet, Buffer.from('\r\n')])],
    ['dot-lines', '.\r\n..\r\n...\r\n.leading\r\nmiddle . dot\r\n.\r\n'],
    ['line-of-998', `${'a'.repeat(998)}\r\nb\r\n`],
    ['lines-over-998', `${'b'.repeat(999)}\r\n${'c'.repeat(2500)}\r\n${'d'.repeat(100_000)}\r\n`],
    ['spaces-and-tabs', 'trailing space \r\n\ttab\t\r\n   \r\n\r\n\r\nFrom the start\r\n\r\n'],
    ['empty-body', ''],
    ['no-trace-of-smuggling', 'one\r\n\r\n.MAIL FROM:<x@y>\r\nQUIT\r\n'],
  ];
  it.each(cases)('%s', async (marker, body) => {
    const prefix = await arrivesAsSent(marker, message(marker, body));
    expect(prefix).toMatch(OUR_PREFIX);
  });

  it('a 30 MB attachment', { timeout: 180_000 }, async () => {
    const lines = randomBytes(22_500_000).toString('base64').replace(/.{76}/g, '$&\r\n');
    const sent = message('thirty-megabytes', `${lines}\r\n`, ['Content-Transfer-Encoding: base64']);
    expect(sent.length).toBeGreaterThan(30_000_000);
    const prefix = await arrivesAsSent('thirty-megabytes', sent);
    expect(prefix).toMatch(OUR_PREFIX);
  });

  it('a body between the table and a spool file', async () => {
    for (const size of [65_000, 66_500]) {
      const line = `${'x'.repeat(70)}\r\n`;
      const marker = `size-${size}`;
      await arrivesAsSent(marker, message(marker, line.repeat(size / line.length)));
    }
  });

  it('only Bcc and Return-Path are cut out', async () => {
    const sent = message('with-bcc', 'body\r\n', ['X-Odd:  kept   as it is ']);
    const given = Buffer.concat([
      Buffer.from(
        'Return-Path: <somebody@else.test>\r\nBcc: hidden@destination.test,\r\n more@destination.test\r\n',
      ),
      sent,
    ]);
    const prefix = await arrivesAsSent('with-bcc', given, sent);
    expect(prefix).not.toContain('hidden@');
    expect(prefix).not.toContain('somebody@else.test');
  });

  it('bare LF and bare CR become line ends', async () => {
    const sent = message('bare-ends', 'one\ntwo\rthree\r\n');
    await arrivesAsSent('bare-ends', sent, message('bare-ends', 'one\r\ntwo\r\nthree\r\n'));
  });
});
