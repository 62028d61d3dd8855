// The mailbox of a sender with another address: its display name and its comments stay as they came, octet for octet, so
// long as they may stand there. A name that may not (an unquoted sign, or an @ where the upstream takes no such name) is
// written anew. Texts are header octets, one character each; only what is written anew is ASCII for certain. Pure.

import { tokenizeAddresses } from './address-tokens.ts';
import { decodeText, encodeWords, guessCharset } from './downgrade-words.ts';
import { decodeWords } from './encoded-words.ts';
import type { Mailbox, Range } from './mailboxes.ts';

type NewMailbox = Readonly<{
  /** The address that takes the place of its own; null: its own stays. */
  sender: string | null;
  /** Words of the name that contain an @ go. */
  withoutAt: boolean;
}>;

/** `value`: the field as it came. What is no address stays what it is where no `sender` is given. */
export function mailboxText(value: string, mailbox: Mailbox, { sender, withoutAt }: NewMailbox): string {
  const { whole, name, address } = mailbox;
  if (address === null)
    return sender === null ? textAt(value, whole) : namedSender(value, name, sender, withoutAt);
  const before = value.slice(whole.start, address.at.start);
  const after = value.slice(address.at.end, whole.end);
  const isOffending = withoutAt && shownText(before + after).includes('@');
  const isFit = sender === null || name === null || isPhrase(textAt(value, name));
  const spec = sender ?? textAt(value, address.at);
  return isOffending || !isFit ? namedSender(value, name, spec, withoutAt) : `${before}${spec}${after}`;
}

/** `name <sender>`, or the sender alone where no name is left. */
export function namedSender(value: string, name: Range | null, sender: string, withoutAt: boolean): string {
  const shown = name === null ? '' : nameText(textAt(value, name), withoutAt);
  return shown === '' ? sender : `${shown} <${sender}>`;
}

function nameText(written: string, withoutAt: boolean): string {
  const plain = shownText(written);
  const isOffending = withoutAt && plain.includes('@');
  if (!isOffending && isPhrase(written)) return written;
  const words = plain
    .replace(/\\(.)/g, '$1')
    .replaceAll('"', ' ')
    .split(/[\s\p{Cc}]+/u)
    .filter(word => /[\p{L}\p{N}\p{S}]/u.test(word) && !(isOffending && word.includes('@')));
  return quoted(words.join(' '));
}

/** What a person sees: encoded words decoded. */
function shownText(written: string): string {
  const charset = guessCharset(Buffer.from(written, 'latin1'));
  const unfolded = decodeText(written, charset).replace(/\r\n/g, '');
  return decodeWords(unfolded)?.text ?? unfolded;
}

/** Atoms and quoted strings, with comments (RFC 5322 §3.2.5; the dots of §4.1 are sent by everybody). */
function isPhrase(written: string): boolean {
  const tokens = tokenizeAddresses(written.replace(/[\r\n]/g, ' '));
  return !('kind' in tokens) && tokens.every(token => token.kind === 'text' || token.kind === 'quoted');
}

function quoted(name: string): string {
  if (/\P{ASCII}/u.test(name) || name.includes('=?')) return encodeWords(name);
  return /^[\w!#$%&'*+/=?^`{|}~ -]*$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;
}

function textAt(value: string, { start, end }: Range): string {
  return value.slice(start, end);
}
