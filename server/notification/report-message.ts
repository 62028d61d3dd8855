// What all mail about mail has in common: its header, and parts that every relay passes on as they are. Guarantees lines
// within RFC 5322's limits, ASCII unless an address itself is not, and `Auto-Submitted` (RFC 3834 §5) so that no machine
// answers it. Pure.

import type { EpochMs } from '../clock.ts';
import { formatDate } from '../message/date.ts';
import { encodeWords, foldField } from '../message/downgrade-words.ts';
import { quotedPrintable } from '../message/seven-bit-encoders.ts';
import { isAscii, oneLine } from './mail-text.ts';

export type ReportHeader = Readonly<{
  id: string;
  host: string;
  to: string;
  subject: string;
  /** Null: the upstream gives the message its date. */
  date: EpochMs | null;
  /** Message-ID of the message that it answers, with angle brackets. */
  answers: string | null;
  contentType: string;
}>;

export type Part = Readonly<{
  type: string;
  octets: Uint8Array;
  /** `8bit` where 8-bit octets may stay as they are; else they become quoted-printable. */
  keep?: '8bit';
}>;

/** Each with its CRLF; without the empty line. */
export function reportHeader(header: ReportHeader): string {
  const { id, host, to, subject, date, answers, contentType } = header;
  const lines = [
    ...(date === null ? [] : [`Date: ${formatDate(date)}`]),
    `From: Postern <postmaster@${host}>`,
    `To: <${to}>`,
    subjectField(subject),
    `Message-ID: <${id}@${host}>`,
    ...(answers === null ? [] : [`In-Reply-To: ${answers}`, `References: ${answers}`]),
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: ${contentType}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** Header and content of a part, as it stands between boundaries; ends with CRLF. */
export function encodedPart({ type, octets, keep }: Part): Buffer {
  const encoding = encodingOf(octets, keep);
  const content = encoding === 'quoted-printable' ? encoded(octets) : octets;
  const head = `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  const end = endsWithLine(content) ? '' : '\r\n';
  return Buffer.concat([Buffer.from(head, 'latin1'), content, Buffer.from(end, 'latin1')]);
}

/** The text for people; `text` has LF line ends. */
export function textPart(text: string): Part {
  const octets = Buffer.from(`${text.replaceAll('\n', '\r\n')}\r\n`, 'utf8');
  return { type: 'text/plain; charset=utf-8', octets };
}

/** Whether the octets may go over SMTP with 8BITMIME as they are: RFC 2045 §2.8, RFC 5322 §2.1.1. */
export function isEightBit(octets: Uint8Array): boolean {
  let start = 0;
  return octets.every((octet, at) => {
    if (octet === CR) return octets[at + 1] === LF;
    if (octet !== LF) return octet !== 0 && at - start < LONGEST_LINE;
    start = at + 1;
    return octets[at - 1] === CR;
  });
}

export function isAsciiOnly(octets: Uint8Array): boolean {
  return octets.every(octet => octet < 0x80);
}

const CR = 0x0d;
const LF = 0x0a;
/** Without CRLF. */
const LONGEST_LINE = 998;

function encodingOf(octets: Uint8Array, keep: '8bit' | undefined): '7bit' | '8bit' | 'quoted-printable' {
  if (!isEightBit(octets)) return 'quoted-printable';
  return isAsciiOnly(octets) ? '7bit' : (keep ?? 'quoted-printable');
}

function encoded(octets: Uint8Array): Buffer {
  const encoder = quotedPrintable();
  return Buffer.concat([encoder.push(Buffer.from(octets)), encoder.end()]);
}

function endsWithLine(octets: Uint8Array): boolean {
  return octets.at(-1) === LF && octets.at(-2) === CR;
}

/** Folded, and encoded words (RFC 2047) where it is not ASCII; without the CRLF at its end. */
export function subjectField(subject: string): string {
  const line = oneLine(subject);
  const value = isAscii(line) && !line.includes('=?') ? line : encodeWords(line);
  return foldField('Subject', value).trimEnd();
}
