// The message of an alert, octet for octet, and read again by a parser that is not ours.

import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { type AlertMessageFacts, alertMessage } from '../../server/notification/alert-message.ts';
import { NOW } from '../audit/support.ts';

const facts: AlertMessageFacts = {
  id: '01HF7YAT5QZ3K8M2X',
  host: 'nas.lan',
  from: 'postern@example.net',
  to: 'anna@example.net',
  notice: {
    kind: 'banned',
    subject: '192.0.2.7',
    text: 'The address 192.0.2.7 was banned after 20 failed logins as "scanner". "postern ban list" shows and lifts it.',
    account: 'scanner',
    address: '192.0.2.7',
    at: NOW,
    count: 3,
    since: NOW - 7_200_000,
  },
  detail: 'full',
  date: NOW,
};

describe('the message', () => {
  it('is plain text where it can be', () => {
    expect(alertMessage(facts).split('\r\n')).toEqual([
      'Date: Fri, 20 Nov 2026 09:00:00 +0000',
      'From: Postern <postern@example.net>',
      'To: <anna@example.net>',
      'Subject: Postern on nas.lan: An address was banned after many failed logins.',
      'Message-ID: <01HF7YAT5QZ3K8M2X@nas.lan>',
      'Auto-Submitted: auto-generated',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 7bit',
      '',
      'The address 192.0.2.7 was banned after 20 failed logins as "scanner".',
      '"postern ban list" shows and lifts it. (3 times since 2026-11-20 07:00 UTC.)',
      '',
      'Kind: banned',
      'Time: 2026-11-20 09:00 UTC',
      'Account: scanner',
      'Address: 192.0.2.7',
      'Server: nas.lan',
      '',
      '"postern alert list" on the server shows all alerts.',
      '',
    ]);
  });

  it('shows no name and no address where it is minimal', () => {
    const text = alertMessage({ ...facts, detail: 'minimal' });
    expect(text).not.toMatch(/192\.0\.2\.7|scanner|Server/);
    expect(text).toContain('\r\nSubject: Postern: An address was banned after many failed logins.\r\n');
  });

  it('has no Date while the clock cannot be trusted', () => {
    expect(alertMessage({ ...facts, date: null })).toMatch(/^From: /);
  });

  it('is encoded where the text is not ASCII, and every line stays short', async () => {
    const text = `Der Zugang „Büro-Scanner“ – 打印机 🖨️ ${'äöü'.repeat(600)} scheitert.`;
    const octets = alertMessage({ ...facts, notice: { ...facts.notice, text, count: 1 } });
    expect(octets).toMatch(/^[\r\n\x20-\x7e]*$/);
    expect(Math.max(...octets.split('\r\n').map(line => line.length))).toBeLessThanOrEqual(100);
    const read = await simpleParser(octets);
    expect(read.text?.replaceAll('\n', '')).toContain('„Büro-Scanner“ – 打印机 🖨️'.replaceAll(' ', ' '));
    expect(read.text?.match(/äöü/g)).toHaveLength(600);
  });

  it('lets no text add a header or a line', async () => {
    const text = 'one\r\nBcc: mallory@example.net\r\n\r\n.\r\ntwo\u2028three';
    const octets = alertMessage({ ...facts, notice: { ...facts.notice, text, account: 'x\r\ny', count: 1 } });
    expect(octets).toContain('\r\none Bcc: mallory@example.net . two three\r\n');
    expect(octets).toContain('\r\nAccount: x y\r\n');
    expect((await simpleParser(octets)).bcc).toBeUndefined();
  });

  it('encodes a subject in words of at most 75 characters (RFC 2047)', async () => {
    const octets = alertMessage({ ...facts, host: `${'ü'.repeat(80)}.example` });
    const subject = /Subject: (.*?)\r\n(?! )/s.exec(octets)?.[1] ?? '';
    for (const word of subject.split('\r\n ')) expect(word).toMatch(/^=\?utf-8\?[bq]\?\S+\?=$/);
    expect(Math.max(...subject.split('\r\n ').map(word => word.length))).toBeLessThanOrEqual(75);
    expect((await simpleParser(octets)).subject).toContain(
      `Postern on ${'ü'.repeat(80)}.example: An address`,
    );
  });
});
