// Facts of reports, as a reporter would gather them; and strict readers of a report's parts and fields.

import { readOriginal } from '../../server/notification/original-text.ts';
import type { OriginalText, ReportedRecipient, ReportFacts } from '../../server/notification/report-facts.ts';
import { HOUR, NOW } from '../audit/support.ts';

export const SCAN = [
  'Received: from scanner (scanner.lan [192.0.2.17]) by nas.lan with ESMTPSA id 01HF7YAT5QZ3K8M2X',
  ' for <anna@example.net>; Fri, 20 Nov 2026 08:00:00 +0000',
  'Date: Fri, 20 Nov 2026 08:59:59 +0100',
  'From: Scanner <scanner@example.com>',
  'To: anna@example.net',
  'Subject: Scan of the contract',
  'Message-ID: <scan-4711@scanner.lan>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: 8bit',
  '',
  'The contract, for your eyes only.',
  '',
].join('\r\n');

export function original(text: string | Buffer, isWhole = false): OriginalText {
  const read = readOriginal(typeof text === 'string' ? Buffer.from(text, 'utf8') : text, isWhole);
  if (read === null) throw new Error('this sample has no header');
  return read;
}

export const REFUSED: ReportedRecipient = {
  forwardPath: 'anna@example.net',
  originalRecipient: null,
  end: 'refused',
  why: 'mailgun refused this recipient for good.',
  reply: '550 5.1.1 <anna@example.net>: Recipient address rejected: User unknown in virtual mailbox table',
  status: null,
  upstream: 'mailgun',
  host: 'smtp.eu.mailgun.org',
  lastAttemptAt: NOW - 1_000,
  triedUntil: null,
};

export const LATE: ReportedRecipient = {
  ...REFUSED,
  end: 'late',
  why: 'mailgun refused this recipient for now; it will be tried again.',
  reply: '451 4.2.1 Mailbox busy',
  triedUntil: NOW + 92 * HOUR,
};

export const RELAYED: ReportedRecipient = {
  ...REFUSED,
  end: 'relayed',
  why: null,
  reply: '250 Ok: queued as 17',
};

/** A failure of one recipient; `changes` replaces what a test is about. */
export function factsOf(changes: Partial<ReportFacts> = {}): ReportFacts {
  return {
    id: '01HF7YBDSNZ3K8M2X',
    host: 'nas.lan',
    to: 'owner@example.com',
    kind: 'failure',
    date: NOW,
    about: {
      id: '01HF7YAT5QZ3K8M2X',
      queuedAt: NOW - HOUR,
      account: 'scanner',
      reversePath: 'scanner@example.com',
      envelopeId: null,
    },
    recipients: [REFUSED],
    original: original(SCAN),
    ...changes,
  };
}

export type Fields = ReadonlyMap<string, string>;

/** The groups of fields of a message/delivery-status, unfolded; throws where a line is no field. */
export function readStatus(text: string): readonly Fields[] {
  return text
    .replace(/\r\n[ \t]+/g, ' ')
    .split(/\r\n\r\n/)
    .map(group => {
      const fields = group
        .split('\r\n')
        .filter(line => line !== '')
        .map(line => {
          const [, name, value] = /^([A-Za-z-]+): ?(.*)$/s.exec(line) ?? [];
          if (name === undefined || value === undefined) throw new Error(`no field: ${line}`);
          return [name, value] as const;
        });
      return new Map(fields);
    })
    .filter(fields => fields.size > 0);
}

/** The contents of the parts of a multipart, decoded; one character an octet of the text given, or of its UTF-8. */
export function readParts(message: string): readonly string[] {
  const boundary = /boundary="([^"]+)"/.exec(message)?.[1];
  const [, ...parts] = message.split(`\r\n--${boundary}`);
  if (boundary === undefined || parts.pop() !== '--\r\n') throw new Error('no whole multipart');
  return parts.map(part => {
    const end = part.indexOf('\r\n\r\n');
    const encoding = /^Content-Transfer-Encoding: (.*)$/m.exec(part.slice(0, end))?.[1]?.trim();
    const content = part.slice(end + 4);
    const octets = encoding === 'quoted-printable' ? unquoted(content) : content;
    return Buffer.from(octets, 'latin1').toString('utf8');
  });
}

function unquoted(text: string): string {
  return text
    .replaceAll('=\r\n', '')
    .replace(/=([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
