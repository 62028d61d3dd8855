// The content of a message with another header, for one delivery: what is stored stays. Of a file only the header is read
// here; the driver puts the new one in its place and still checks that the file is what was stored. Never rejects: a file
// that cannot be read is a value.

import { createHeaderScanner, type HeaderBlock } from '../message/header-scan.ts';
import type { HeaderWishes } from '../message/header-wishes.ts';
import { rewriteHeader } from '../message/rewrite.ts';
import type { Signature } from '../message/signature.ts';
import type { Content } from '../queue/delivery.ts';

export type NewContent =
  | Readonly<{ kind: 'unchanged' }>
  /** `size`: octets as they are sent. */
  | Readonly<{ kind: 'changed'; content: Content; size: number }>
  | Readonly<{ kind: 'signed'; by: Signature }>
  /** The header has no end within MAX_REWRITTEN octets. */
  | Readonly<{ kind: 'header-too-large' }>
  | Readonly<{ kind: 'unreadable'; detail: string }>;

/** What submission takes as a header (header-scan.ts) is far smaller, with our own fields before it. */
const MAX_REWRITTEN = 1024 * 1024;

type Header = Readonly<{ kind: 'read'; octets: Buffer; block: HeaderBlock }>;

export async function withSenders(content: Content, wishes: HeaderWishes): Promise<NewContent> {
  const header = content.kind === 'octets' ? scanned(content.octets) : await readHeader(content);
  if (header.kind !== 'read') return header;
  const result = rewriteHeader(header.octets, header.block, wishes);
  return result.kind === 'rewritten' ? changed(content, result.length, result.octets) : result;
}

/** Fields on top of whatever header it has by now. ASCII. */
export function withFieldsOnTop(content: Content, fields: string): Extract<NewContent, { kind: 'changed' }> {
  const top = Buffer.from(fields, 'latin1');
  if (content.kind === 'octets') return changed(content, 0, top);
  const { length, octets } = content.header ?? { length: 0, octets: new Uint8Array() };
  return changed(content, length, Buffer.concat([top, octets]));
}

function changed(
  content: Content,
  length: number,
  octets: Uint8Array,
): Extract<NewContent, { kind: 'changed' }> {
  if (content.kind === 'file') {
    const size = content.size - length + octets.length;
    return { kind: 'changed', content: { ...content, header: { length, octets } }, size };
  }
  const whole = Buffer.concat([octets, content.octets.subarray(length)]);
  return { kind: 'changed', content: { kind: 'octets', octets: whole }, size: whole.length };
}

function scanned(stored: Uint8Array): Header | Readonly<{ kind: 'header-too-large' }> {
  const octets = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const block = createHeaderScanner(MAX_REWRITTEN).scan(octets, true);
  return block?.kind === 'header' ? { kind: 'read', octets, block } : { kind: 'header-too-large' };
}

async function readHeader(
  content: Extract<Content, { kind: 'file' }>,
): Promise<
  Header | Readonly<{ kind: 'header-too-large' }> | Readonly<{ kind: 'unreadable'; detail: string }>
> {
  const scanner = createHeaderScanner(MAX_REWRITTEN);
  const file = content.open();
  let octets = Buffer.alloc(0);
  try {
    for await (const piece of file) {
      if (!(piece instanceof Uint8Array)) continue;
      octets = Buffer.concat([octets, piece]);
      const block = scanner.scan(octets, octets.length >= content.size);
      if (block !== null) return block.kind === 'header' ? { kind: 'read', octets, block } : block;
    }
    return { kind: 'unreadable', detail: `${octets.length} of its ${content.size} octets are there` };
  } catch (error) {
    return { kind: 'unreadable', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    file.destroy();
  }
}
