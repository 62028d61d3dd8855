// The content of a message with other senders, other recipients or more fields in its header, for one delivery. Never
// rejects: a file that cannot be read is a value.

import type { HeaderWishes } from '../message/header-wishes.ts';
import { writeRecipients } from '../message/recipient-header.ts';
import { rewriteHeader } from '../message/rewrite.ts';
import type { Signature } from '../message/signature.ts';
import type { Content } from '../queue/delivery.ts';
import { type ChangedContent, headerOf, type NoHeader, withHeader } from './content-header.ts';

export type NewContent =
  | Readonly<{ kind: 'unchanged' }>
  | ChangedContent
  | Readonly<{ kind: 'signed'; by: Signature }>
  | NoHeader;

export async function withSenders(content: Content, wishes: HeaderWishes): Promise<NewContent> {
  const header = await headerOf(content);
  if (header.kind !== 'read') return header;
  const result = rewriteHeader(header.octets, header.block, wishes);
  return result.kind === 'rewritten' ? withHeader(content, result.length, result.octets) : result;
}

/** The header names exactly these: forward-paths in ASCII, at least one. */
export async function withRecipients(
  content: Content,
  recipients: readonly string[],
): Promise<Exclude<NewContent, { kind: 'signed' }>> {
  const header = await headerOf(content);
  if (header.kind !== 'read') return header;
  const result = writeRecipients(header.octets, header.block, recipients);
  return result.kind === 'rewritten' ? withHeader(content, result.length, result.octets) : result;
}

/** Fields on top of whatever header it has by now. ASCII. */
export function withFieldsOnTop(content: Content, fields: string): ChangedContent {
  return withHeader(content, 0, Buffer.from(fields, 'latin1'));
}
