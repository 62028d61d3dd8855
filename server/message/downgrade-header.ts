// The fields of a header in ASCII (RFC 6857, as far as sending needs it): each by its own grammar, and what no grammar lets
// be encoded goes into a field `Downgraded-…`, where nothing depends on it. Fields in ASCII stay octet for octet. Pure.

import { asciiAddresses, writeComment } from './downgrade-addresses.ts';
import { parseParameters, writeParameters } from './downgrade-parameters.ts';
import {
  type Charset,
  decodeText,
  encodeText,
  encodeWords,
  foldField,
  guessCharset,
  isPlain,
} from './downgrade-words.ts';
import { type Field, fieldValue } from './header-scan.ts';

export type AsciiField =
  | Readonly<{ kind: 'field'; octets: Buffer }>
  /** An address that has no form in ASCII stands where the sender must. */
  | Readonly<{ kind: 'unsayable'; address: string }>;

/** Without an address of theirs the message has no sender. */
const SENDERS = new Set(['from', 'sender']);

const ADDRESSES = new Set([
  ...SENDERS,
  ...['to', 'cc', 'bcc', 'reply-to', 'errors-to', 'return-receipt-to', 'disposition-notification-to'],
  ...['resent-from', 'resent-sender', 'resent-to', 'resent-cc', 'resent-bcc', 'resent-reply-to'],
  ...['mail-followup-to', 'mail-reply-to', 'delivered-to', 'x-original-to', 'x-original-from', 'list-id'],
]);

const PARAMETERS = new Set(['content-type', 'content-disposition']);

/** Machines read these, and encoded words have no place in them. */
const STRUCTURED =
  /^(?:(?:resent-)?(?:message-id|date)|in-reply-to|references|content-(?:id|transfer-encoding|location)|return-path|mime-version|dkim-signature|domainkey-signature|arc-.*|authentication-results|received-spf|list-(?!id).*|original-recipient)$/;

export type FieldOptions = Readonly<{
  /** It is the header of the message itself: then who sends it must be sayable. */
  isOutermost: boolean;
}>;

/** `head` holds the field, which has octets over 127. */
export function asciiField(head: Buffer, field: Field, { isOutermost }: FieldOptions): AsciiField {
  const charset = guessCharset(head.subarray(field.start, field.end));
  const name = nameAsWritten(head, field);
  const value = fieldValue(head, field);
  if (ADDRESSES.has(field.name)) {
    const isSender = isOutermost && SENDERS.has(field.name);
    const mayHide = !isSender && field.name !== 'list-id';
    const written = asciiAddresses(value, { charset, mayHide });
    if (written.kind === 'written') return fieldOf(name, written.value);
    return isSender ? written : downgraded(name, value, charset);
  }
  if (PARAMETERS.has(field.name)) return fieldOf(name, writeParameters(parseParameters(value), charset));
  if (field.name === 'received') return fieldOf(name, asciiReceived(value, charset));
  if (STRUCTURED.test(field.name)) return downgraded(name, value, charset);
  return fieldOf(name, encodeText(value, charset));
}

/** The field's name in the case in which it came. */
export function nameAsWritten(head: Buffer, field: Field): string {
  return head.toString('latin1', field.start, field.start + field.name.length);
}

function fieldOf(name: string, value: string): AsciiField {
  // Whatever a mistake of ours leaves is better a question mark than a refusal.
  const ascii = isPlain(value) ? value : value.replace(/[^\0-\x7f]/g, '?');
  return { kind: 'field', octets: Buffer.from(foldField(name, ascii), 'latin1') };
}

function downgraded(name: string, value: string, charset: Charset): AsciiField {
  return fieldOf(`Downgraded-${name}`, encodeWords(decodeText(value, charset)));
}

/** Hops count these fields, so it stays one: without the recipient, with comments encoded (RFC 6857 §3.1.9). */
function asciiReceived(value: string, charset: Charset): string {
  return value
    .replace(/\s+for\s+<[^<>]*>/gi, found => (isPlain(found) ? found : ''))
    .replace(/\((?:[^()\\]|\\.)*\)/g, comment => writeComment(comment, charset))
    .replace(/[^\0-\x7f]+/g, '?');
}
