// Whether the header of a message names only senders that its account may use. Judged are the fields in which a person or
// a provider looks for the sender: From, and where they are present Sender (who submits it) and the Resent- fields (who
// sends it on). Every address in each of them counts, however many fields there are; what cannot be read for certain
// counts as another's. Asked only for accounts whose senders are restricted.

import { parsePath } from '../smtp/path.ts';
import { findAddresses } from './address-list.ts';
import type { Field } from './header-scan.ts';
import { isPermitted } from './permitted-addresses.ts';

/** By the name in lower case; the other one is for the reply. */
const JUDGED = new Map([
  ['from', 'From'],
  ['sender', 'Sender'],
  ['resent-from', 'Resent-From'],
  ['resent-sender', 'Resent-Sender'],
]);

export type SenderFields = Readonly<{
  octets: Buffer;
  /** Those that stay in the message. */
  fields: readonly Field[];
  /** The address of the From that is added where none of them is one. */
  added: string;
}>;

/** Why the message is refused: a sentence for the reply. Null where every sender is permitted. */
export function foreignSender(
  { octets, fields, added }: SenderFields,
  permitted: readonly string[],
): string | null {
  for (const field of fields) {
    const name = JUDGED.get(field.name);
    const problem = name === undefined ? null : problemOf(name, textOf(octets, field), permitted);
    if (problem !== null) return problem;
  }
  return fields.some(field => field.name === 'from') || isOwn(added, permitted) ? null : NO_FROM;
}

const NO_FROM = 'The message has no From header, and this account has no address of its own to put there';

function problemOf(name: string, value: string, permitted: readonly string[]): string | null {
  const isEmpty = value.trim() === '';
  if (isEmpty) return name === 'From' ? 'The From header is empty' : null;
  const found = findAddresses(value);
  if (found.kind === 'unreadable') return `The ${name} header ${found.why}; write it as "Name" <address>`;
  if (found.paths.length === 0) return `The ${name} header has no address`;
  const other = found.paths.find(path => !isPermitted(permitted, path));
  return other === undefined
    ? null
    : `This account may not send as <${other.text}>, named in the ${name} header`;
}

function isOwn(address: string, permitted: readonly string[]): boolean {
  const path = parsePath(address, '');
  return !('kind' in path) && isPermitted(permitted, path);
}

/** Unfolded; as UTF-8, or where it is not, with each octet as a character of its own. */
function textOf(octets: Buffer, field: Field): string {
  const value = octets.subarray(field.valueStart, field.end);
  return decode(value).replace(/\r\n(?=[ \t]|$)/g, '');
}

function decode(octets: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return octets.toString('latin1');
  }
}
