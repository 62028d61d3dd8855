// The header of a message on its way to an upstream that permits only certain senders: From and Sender get addresses that
// it permits, and what they were stays in Reply-To, X-Original-From and X-Original-Sender. Every other octet of the header
// stays as it is, and none of the body is looked at. A signed message is left alone, and it is said so. Pure.

import { type Edit, edited, fieldsNamed, folded, hasTooLongLine, isBlank, rawValue } from './header-edit.ts';
import type { Field, HeaderBlock } from './header-scan.ts';
import type { HeaderWishes } from './header-wishes.ts';
import { type MailboxList, readMailboxes } from './mailboxes.ts';
import { mailboxText, namedSender } from './rewrite-name.ts';
import { type Signature, signatureOf } from './signature.ts';

export type RewrittenHeader =
  | Readonly<{ kind: 'unchanged' }>
  /** `octets` stand for the first `length` octets of the message. */
  | Readonly<{ kind: 'rewritten'; length: number; octets: Buffer }>
  /** It would have been rewritten, but for its signature. */
  | Readonly<{ kind: 'signed'; by: Signature }>;

type FromEdits = Readonly<{
  edits: readonly Edit[];
  /** Mailboxes in From afterwards. */
  authors: number;
}>;

export function rewriteHeader(octets: Buffer, block: HeaderBlock, wishes: HeaderWishes): RewrittenHeader {
  const from = rewriteFrom(octets, block, wishes);
  const edits = [...from.edits, ...rewriteSender(octets, block, wishes, from.authors)];
  if (edits.length === 0) return { kind: 'unchanged' };
  const by = signatureOf(octets, block);
  if (by !== null) return { kind: 'signed', by };
  return { kind: 'rewritten', length: block.end, octets: edited(octets, block.end, edits) };
}

function rewriteFrom(octets: Buffer, block: HeaderBlock, wishes: HeaderWishes): FromEdits {
  const fields = fieldsNamed(block, 'from');
  const [first] = fields;
  if (first === undefined) return { edits: addedFrom(block, wishes), authors: 1 };
  const value = rawValue(octets, first);
  const list = readMailboxes(value);
  const isPermitted = fields.length === 1 && list.kind === 'list' && permitsAll(list, wishes);
  if (wishes.sender === null || isPermitted) {
    const authors = list.kind === 'list' ? list.mailboxes.length : 1;
    return { edits: list.kind === 'list' ? namesWithoutAt(value, first, list, wishes) : [], authors };
  }
  const text = newFrom(value, list, wishes.sender, wishes.withoutAt);
  const replyTo = fields.length === 1 ? replyToEdits(octets, block, value, list, wishes) : NO_REPLY_TO;
  const edits = fields.map((field, i) => ({
    start: field.start,
    end: field.end,
    text: (i === 0 ? `${text}${replyTo.field}` : '') + original('X-Original-From', octets, field, wishes),
  }));
  return { edits: [...edits, ...replyTo.edits], authors: 1 };
}

function addedFrom({ start, fields, separated }: HeaderBlock, { sender }: HeaderWishes): readonly Edit[] {
  if (sender === null) return [];
  // Without any field, what would follow is the body.
  const end = fields.length === 0 && !separated ? '\r\n' : '';
  return [{ start, end: start, text: `From: ${sender}\r\n${end}` }];
}

function permitsAll({ mailboxes }: MailboxList, { permits }: HeaderWishes): boolean {
  return mailboxes.length > 0 && mailboxes.every(({ address }) => address !== null && permits(address.path));
}

/** Always one mailbox: many upstreams refuse several, and all of them would be the same. It is named as the first one was. */
function newFrom(
  value: string,
  list: ReturnType<typeof readMailboxes>,
  sender: string,
  withoutAt: boolean,
): string {
  const [first] = list.kind === 'list' ? list.mailboxes : [];
  const groupName = list.kind === 'list' ? list.groupName : null;
  const text =
    groupName !== null || first === undefined
      ? namedSender(value, groupName, sender, withoutAt)
      : mailboxText(value, first, { sender, withoutAt });
  const field = `From: ${text}\r\n`;
  return hasTooLongLine(field) ? `From: ${sender}\r\n` : field;
}

/** The addresses stay; only names that the upstream refuses are changed. */
function namesWithoutAt(
  value: string,
  field: Field,
  { mailboxes }: MailboxList,
  wishes: HeaderWishes,
): readonly Edit[] {
  if (!wishes.withoutAt) return [];
  let text = '';
  let from = 0;
  for (const mailbox of mailboxes) {
    text += value.slice(from, mailbox.whole.start);
    text += mailboxText(value, mailbox, { sender: null, withoutAt: true });
    from = mailbox.whole.end;
  }
  text += value.slice(from);
  if (text === value) return [];
  const kept = wishes.keepsOriginal ? folded('X-Original-From', value) : '';
  return [{ start: field.start, end: field.end, text: `${folded('From', text)}${kept}` }];
}

type ReplyTo = Readonly<{ field: string; edits: readonly Edit[] }>;

const NO_REPLY_TO: ReplyTo = { field: '', edits: [] };

/** Answers go to whom the message was from, unless it says itself where they go. Empty ones say nothing, and make room. */
function replyToEdits(
  octets: Buffer,
  block: HeaderBlock,
  value: string,
  list: ReturnType<typeof readMailboxes>,
  { keepsOriginal }: HeaderWishes,
): ReplyTo {
  const present = fieldsNamed(block, 'reply-to');
  const isReadable =
    list.kind === 'list' &&
    list.mailboxes.length > 0 &&
    list.mailboxes.every(({ address }) => address !== null);
  if (!keepsOriginal || !isReadable || present.some(field => !isBlank(rawValue(octets, field))))
    return NO_REPLY_TO;
  return {
    field: folded('Reply-To', value),
    edits: present.map(({ start, end }) => ({ start, end, text: '' })),
  };
}

/** One author is the sender himself, so a Sender beside him goes; several need one (RFC 5322 §3.6.2). */
function rewriteSender(
  octets: Buffer,
  block: HeaderBlock,
  wishes: HeaderWishes,
  authors: number,
): readonly Edit[] {
  const { sender } = wishes;
  if (sender === null) return [];
  const refused = fieldsNamed(block, 'sender').filter(field => {
    const list = readMailboxes(rawValue(octets, field));
    return list.kind !== 'list' || list.mailboxes.length !== 1 || !permitsAll(list, wishes);
  });
  return refused.map((field, i) => ({
    start: field.start,
    end: field.end,
    text:
      (authors > 1 && i === 0 ? `Sender: ${sender}\r\n` : '') +
      original('X-Original-Sender', octets, field, wishes),
  }));
}

/** The field as it came under another name; nothing where it was empty, or is not worth keeping. */
function original(name: string, octets: Buffer, field: Field, { keepsOriginal }: HeaderWishes): string {
  const value = rawValue(octets, field);
  return keepsOriginal && !isBlank(value) ? folded(name, value) : '';
}
