// The header for an API that sends to whom To, Cc and Bcc name, and knows no envelope: it comes to name exactly the recipients
// of one attempt. Who is in no field stands in Bcc; who is not of this attempt leaves To and Cc, for he must not get what was
// not addressed to him, or not get it twice. Fields that change stay to be read as X-Original-. Every other octet of the
// header stays, also under a signature: an API that sends to the wrong people is no choice. Pure.
// A recipient that an API overlooks is lost without a word. So a field stays octet for octet only where no two readers can
// disagree about it: one field, plain addresses between commas. Groups, source routes, semicolons, comments within an address,
// doubled fields are written anew. Where nobody is left there is no To at all, which RFC 5322 §3.6 allows: Graph and Gmail
// take it and name "undisclosed recipients" themselves, while they may refuse a group without members as an invalid address.

import { parsePath } from '../smtp/path.ts';
import { findAddresses } from './address-list.ts';
import { tokenizeAddresses } from './address-tokens.ts';
import { asciiPath } from './downgrade-path.ts';
import { type Edit, edited, fieldsNamed, folded, hasTooLongLine, isBlank, rawValue } from './header-edit.ts';
import type { Field, HeaderBlock } from './header-scan.ts';
import { type Mailbox, readMailboxes } from './mailboxes.ts';
import { mailboxText } from './rewrite-name.ts';

export type RecipientHeader =
  | Readonly<{ kind: 'unchanged' }>
  /** `octets` stand for the first `length` octets of the message. */
  | Readonly<{ kind: 'rewritten'; length: number; octets: Buffer }>;

/** By `keyOf`, as they are written. */
type Recipients = ReadonlyMap<string, string>;

const SHOWN = [
  ['to', 'To'],
  ['cc', 'Cc'],
] as const;

/** Some readers send to these instead, or besides (RFC 5322 §3.6.6). */
const RESENT = [
  ['resent-to', 'X-Original-Resent-To'],
  ['resent-cc', 'X-Original-Resent-Cc'],
] as const;

/** Nobody else may read them. */
const HIDDEN = ['bcc', 'resent-bcc'] as const;

/** `recipients`: forward-paths in ASCII, without angle brackets; not empty. */
export function writeRecipients(
  octets: Buffer,
  block: HeaderBlock,
  recipients: readonly string[],
): RecipientHeader {
  const wanted: Recipients = new Map(recipients.map(path => [keyOf(path), path]));
  const shown = SHOWN.map(([name, title]) => rewriteShown(octets, fieldsNamed(block, name), title, wanted));
  const named = new Set(shown.flatMap(one => one.named));
  const missing = [...wanted].flatMap(([key, path]) => (named.has(key) ? [] : [path]));
  const edits = [
    ...shown.flatMap(one => one.edits),
    ...RESENT.flatMap(([name, title]) =>
      fieldsNamed(block, name).map(field => replaced(field, kept(title, octets, field))),
    ),
    ...HIDDEN.flatMap(name => fieldsNamed(block, name).map(field => replaced(field, ''))),
    ...addedBcc(octets, block, missing),
  ];
  if (edits.length === 0) return { kind: 'unchanged' };
  return { kind: 'rewritten', length: block.end, octets: edited(octets, block.end, edits) };
}

type Shown = Readonly<{
  edits: readonly Edit[];
  /** Keys of those whom the fields name afterwards. */
  named: readonly string[];
}>;

/** Several fields of a name become one: readers look at the first or the last. */
function rewriteShown(octets: Buffer, fields: readonly Field[], title: string, wanted: Recipients): Shown {
  const readings = fields.map(field => readDestinations(octets, field, wanted));
  const mailboxes = readings.flatMap(reading => reading.mailboxes);
  const named = mailboxes.map(({ key }) => key);
  if (readings.length === 1 && readings[0]?.stays === true) return { edits: [], named };
  const text = mailboxes.length === 0 ? '' : `${title}: ${mailboxes.map(one => one.text).join(',\r\n ')}\r\n`;
  const edits = fields.map((field, i) => {
    const original = readings[i]?.stays === true ? '' : kept(`X-Original-${title}`, octets, field);
    return replaced(field, (i === 0 ? text : '') + original);
  });
  return { edits, named };
}

type Destinations = Readonly<{
  mailboxes: readonly Readonly<{ key: string; text: string }>[];
  /** The field may be sent as it is. */
  stays: boolean;
}>;

function readDestinations(octets: Buffer, field: Field, wanted: Recipients): Destinations {
  const value = rawValue(octets, field);
  const list = readMailboxes(value);
  if (list.kind !== 'list') return { mailboxes: [], stays: false };
  let stays = isPlainList(value, list.mailboxes.length) && hasPlainName(field);
  const mailboxes = list.mailboxes.flatMap(mailbox => {
    const key = mailbox.address === null ? null : keyOf(mailbox.address.path.text);
    const path = key === null ? undefined : wanted.get(key);
    const text = path === undefined ? null : writtenMailbox(value, mailbox, path, wanted);
    stays &&= text === value.slice(mailbox.whole.start, mailbox.whole.end);
    return key === null || text === null ? [] : [{ key, text }];
  });
  return { mailboxes, stays };
}

/** With its name and comments where no reader can find another address in them, or else the address alone. */
function writtenMailbox(value: string, mailbox: Mailbox, path: string, wanted: Recipients): string {
  const at = mailbox.address?.at ?? mailbox.whole;
  const written = value.slice(at.start, at.end);
  const spec = written.toLowerCase() === path.toLowerCase() ? written : path;
  const text = mailboxText(value, mailbox, { sender: spec, withoutAt: false });
  const found = findAddresses(text.replace(/\r\n/g, ''));
  const isClear =
    found.kind === 'found' && found.paths.length > 0 && found.paths.every(one => wanted.has(keyOf(one.text)));
  return isClear && !hasTooLongLine(`To: ${text},`) ? text : path;
}

/** Mailboxes with a comma between any two, and nothing else: no group, no empty place, no semicolon. */
function isPlainList(value: string, mailboxes: number): boolean {
  const tokens = tokenizeAddresses(value.replace(/[\r\n]/g, ' '));
  if ('kind' in tokens) return false;
  const signs = tokens.filter(token => token.kind === 'special').map(token => token.text);
  return (
    !signs.includes(':') &&
    !signs.includes(';') &&
    signs.filter(sign => sign === ',').length === mailboxes - 1
  );
}

/** `To : x` is obsolete syntax (RFC 5322 §4.5) that not everybody takes for a field. */
function hasPlainName({ name, start, valueStart }: Field): boolean {
  return valueStart === start + name.length + 1;
}

function kept(title: string, octets: Buffer, field: Field): string {
  const value = rawValue(octets, field);
  return isBlank(value) ? '' : folded(title, value);
}

function replaced({ start, end }: Field, text: string): Edit {
  return { start, end, text };
}

/** Behind the last of the fields that it belongs to, or at the header's end. */
function addedBcc(octets: Buffer, block: HeaderBlock, missing: readonly string[]): readonly Edit[] {
  if (missing.length === 0) return [];
  const { fields, separated, end } = block;
  const at = fields.findLast(({ name }) => name === 'to' || name === 'cc')?.end ?? end;
  const isCut = at > 0 && octets[at - 1] !== LF;
  // Without any field, what would follow is the body.
  const separator = fields.length === 0 && !separated ? '\r\n' : '';
  const text = `${isCut ? '\r\n' : ''}Bcc: ${missing.join(',\r\n ')}\r\n${separator}`;
  return [{ start: at, end: at, text }];
}

const LF = 0x0a;

/** Providers know no case in local parts: who is named in another case gets the mail anyway. */
function keyOf(path: string): string {
  const ascii = asciiPath(path) ?? path;
  const parsed = parsePath(ascii, '');
  return ('kind' in parsed ? ascii : `${parsed.local}@${parsed.domain}`).toLowerCase();
}
