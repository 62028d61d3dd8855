// What a stored message says of itself, for a report about it: subject, date, Message-ID and header. Takes the octets as
// they are, whatever a device wrote: what cannot be read is left out. Pure.

import { decodeWords } from '../message/encoded-words.ts';
import { type Field, fieldValue, type HeaderBlock, scanHeader } from '../message/header-scan.ts';
import { oneLine, shortened } from './mail-text.ts';
import type { OriginalText } from './report-facts.ts';

/** More than any header that a person reads; what is longer is cut after a field. */
export const MOST_HEADER = 64 * 1024;
const LONGEST_SUBJECT = 500;

/** `octets`: the beginning of the message, or all of it; `isWhole` where all of it is to be returned. */
export function readOriginal(octets: Buffer, isWhole: boolean): OriginalText | null {
  const header = scanHeader(octets);
  if (header.kind !== 'header') return null;
  const first = (name: string) => header.fields.find(field => field.name === name);
  const subject = first('subject');
  const date = first('date');
  const messageId = first('message-id');
  return {
    subject: subject === undefined ? null : subjectOf(octets, subject),
    date: date === undefined ? null : asciiOrNull(fieldValue(octets, date)),
    messageId: messageId === undefined ? null : messageIdOf(fieldValue(octets, messageId)),
    header: octets.subarray(header.start, endWithin(header)),
    whole: isWhole ? octets : null,
  };
}

/** What a line about the message needs. Holds none of its octets, so that many of them fit in memory. */
export function withoutOctets({ subject, date }: OriginalText): OriginalText {
  return { subject, date, messageId: null, header: new Uint8Array(), whole: null };
}

function endWithin({ fields, start, end }: HeaderBlock): number {
  if (end - start <= MOST_HEADER) return end;
  return fields.findLast(field => field.end - start <= MOST_HEADER)?.end ?? start;
}

function subjectOf(octets: Buffer, field: Field): string | null {
  const raw = octets.subarray(field.valueStart, field.end);
  const text = oneLine(decoded(raw).replace(/\r?\n/g, ''));
  const readable = oneLine(decodeWords(text)?.text ?? text);
  return readable === '' ? null : shortened(readable, LONGEST_SUBJECT);
}

/** Many devices write their own alphabet; without a word of which, it is most often this one. */
function decoded(octets: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    return new TextDecoder('windows-1252').decode(octets);
  }
}

function asciiOrNull(value: string): string | null {
  return /^[\x20-\x7e]{1,100}$/.test(value) ? value : null;
}

/** RFC 5322 §3.6.4, short enough for a line of its own. */
function messageIdOf(value: string): string | null {
  return /^<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>$/.test(value) ? value : null;
}
