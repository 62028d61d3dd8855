// Changes in the octets of a header: fields out, others in, and everything between them as it came. Texts are header octets,
// one character each. Pure.

import type { Field, HeaderBlock } from './header-scan.ts';

/** What stands at these offsets becomes `text`. */
export type Edit = Readonly<{ start: number; end: number; text: string }>;

/** RFC 5322 §2.1.1, without CRLF. */
const LONGEST_LINE = 998;

/** The octets up to `end`, with all changes. What is put in before a field that changes too stands before that. */
export function edited(octets: Buffer, end: number, edits: readonly Edit[]): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    pieces.push(octets.subarray(from, edit.start), Buffer.from(edit.text, 'latin1'));
    from = edit.end;
  }
  return Buffer.concat([...pieces, octets.subarray(from, end)]);
}

/** The field as it came under another name, which may be longer and make the first line too long. */
export function folded(name: string, value: string): string {
  const blank = /^[ \t\r]/.test(value) ? '' : ' ';
  const ended = `${blank}${value}${value.endsWith('\r\n') ? '' : '\r\n'}`;
  const [firstLine = ''] = ended.split('\r\n', 1);
  if (name.length + 1 + firstLine.length <= LONGEST_LINE) return `${name}:${ended}`;
  return `${name}:\r\n${ended}`;
}

export function fieldsNamed({ fields }: HeaderBlock, name: string): readonly Field[] {
  return fields.filter(field => field.name === name);
}

/** What follows the colon, folded as it came. */
export function rawValue(octets: Buffer, { valueStart, end }: Field): string {
  return octets.toString('latin1', valueStart, end);
}

export function isBlank(value: string): boolean {
  return /^[ \t\r\n]*$/.test(value);
}

/** `text`: of a field, or a part of it. */
export function hasTooLongLine(text: string): boolean {
  return text.split('\r\n').some(line => line.length > LONGEST_LINE);
}
