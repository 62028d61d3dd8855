// Where the mailboxes of a From or Sender field stand in its octets, so that an address can be changed and all else kept:
// names, comments, encoded words, folding. Lenient: what is no mailbox is given as one without an address, because devices
// send `From: HP Scanner`. Whether a sender is another's is judged by address-list.ts, which takes nothing for granted. Pure.

import { type Path, parsePath } from '../smtp/path.ts';
import { type AddressToken, tokenizeAddresses, type Unreadable } from './address-tokens.ts';

/** Offsets into the value. */
export type Range = Readonly<{ start: number; end: number }>;

export type Mailbox = Readonly<{
  /** With its name and comments, without blanks around. */
  whole: Range;
  /** What stands before the angle brackets, or all of it where there is no address. Null: nothing. */
  name: Range | null;
  /** The address without angle brackets; null where what stands there is none. */
  address: Readonly<{ path: Path; at: Range; isAngled: boolean }> | null;
}>;

export type MailboxList = Readonly<{
  kind: 'list';
  mailboxes: readonly Mailbox[];
  /** The name of the group that the list begins with. */
  groupName: Range | null;
}>;

type Element = Readonly<{ tokens: readonly AddressToken[]; whole: Range }>;

/** `value`: what follows the colon, one character for each octet, folded as it came. */
export function readMailboxes(value: string): MailboxList | Unreadable {
  // Of the same length, so that places in it are places in the field.
  const flat = value.replace(/[\r\n]/g, ' ');
  const tokens = tokenizeAddresses(flat);
  if ('kind' in tokens) return tokens;
  const mailboxes: Mailbox[] = [];
  let groupName: Range | null = null;
  for (const { tokens: own, whole, endsWith } of elementsOf(flat, tokens)) {
    if (endsWith === ':') {
      if (mailboxes.length === 0) groupName ??= rangeOf(own);
    } else if (own.length > 0) mailboxes.push(readMailbox({ tokens: own, whole }));
  }
  return { kind: 'list', mailboxes, groupName };
}

/** What stands between commas, and between the signs of a group; within angle brackets neither separates. */
function elementsOf(
  flat: string,
  tokens: readonly AddressToken[],
): readonly (Element & Readonly<{ endsWith: string }>)[] {
  const elements: (Element & Readonly<{ endsWith: string }>)[] = [];
  let own: AddressToken[] = [];
  let from = 0;
  let inAngles = false;
  const close = (end: number, endsWith: string) => {
    elements.push({ tokens: own, whole: withoutBlanks(flat, { start: from, end }), endsWith });
    own = [];
    from = end + 1;
  };
  for (const token of tokens) {
    const sign = token.kind === 'special' ? token.text : '';
    if (sign === '<') inAngles = true;
    else if (sign === '>') inAngles = false;
    if (!inAngles && (sign === ',' || sign === ';' || sign === ':')) close(token.start, sign);
    else own.push(token);
  }
  close(flat.length, '');
  return elements;
}

function readMailbox({ tokens, whole }: Element): Mailbox {
  const open = tokens.findIndex(token => isSign(token, '<'));
  if (open === -1) {
    const address = readAddress(tokens, false);
    const isName = address === null && !tokens.some(token => token.kind === 'special');
    return { whole, name: isName ? rangeOf(tokens) : null, address };
  }
  const close = tokens.findIndex(token => isSign(token, '>'));
  const inside = tokens.slice(open + 1, close === -1 ? tokens.length : close);
  // What follows the brackets is no part of a mailbox: some reader may take it for another one.
  const isWhole = close === tokens.length - 1;
  return {
    whole,
    name: rangeOf(tokens.slice(0, open)),
    address: isWhole ? readAddress(inside, true) : null,
  };
}

/** `local@domain`, after a route that is left out (RFC 5322 §4.4). */
function readAddress(tokens: readonly AddressToken[], isAngled: boolean): Mailbox['address'] {
  const colon = tokens.findLastIndex(token => isSign(token, ':'));
  const spec = tokens.slice(colon + 1);
  const [local, sign, domain] = spec;
  const at = rangeOf(tokens);
  if (spec.length !== 3 || !local || !domain || !sign || !isSign(sign, '@') || at === null) return null;
  const path = parsePath(Buffer.from(`${local.text}@${domain.text}`, 'latin1').toString('utf8'), '');
  return 'kind' in path ? null : { path, at, isAngled };
}

function isSign(token: AddressToken, sign: string): boolean {
  return token.kind === 'special' && token.text === sign;
}

/** From the first token to the last, with comments between them. */
function rangeOf(tokens: readonly AddressToken[]): Range | null {
  const [first] = tokens;
  const last = tokens.at(-1);
  return first && last ? { start: first.start, end: last.start + last.text.length } : null;
}

/** `trim` would take the last octet of an `à`. */
function withoutBlanks(flat: string, { start, end }: Range): Range {
  const text = flat.slice(start, end);
  const from = /^[ \t]*/.exec(text)?.[0].length ?? 0;
  const blanks = /[ \t]*$/.exec(text.slice(from))?.[0].length ?? 0;
  return { start: start + from, end: end - blanks };
}
