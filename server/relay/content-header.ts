// The header of a message's content, read and replaced for one delivery: what is stored stays. Of a file only the header is
// read; the driver puts the new one in its place and still checks that the file is what was stored. Never rejects: a file
// that cannot be read is a value.

import { createHeaderScanner, type HeaderBlock } from '../message/header-scan.ts';
import type { Content } from '../queue/delivery.ts';

export type Header = Readonly<{ kind: 'read'; octets: Buffer; block: HeaderBlock }>;

export type NoHeader =
  /** It has no end within MAX_REWRITTEN octets. */
  Readonly<{ kind: 'header-too-large' }> | Readonly<{ kind: 'unreadable'; detail: string }>;

/** `size`: octets as they are sent. */
export type ChangedContent = Readonly<{ kind: 'changed'; content: Content; size: number }>;

/** What submission takes as a header (header-scan.ts) is far smaller, with our own fields before it. */
const MAX_REWRITTEN = 1024 * 1024;

/** The first octets as they would be sent, with the whole header among them. */
export async function headerOf(content: Content): Promise<Header | NoHeader> {
  return content.kind === 'octets' ? scanned(content.octets) : readHeader(content);
}

/** `octets` stand for the first `length` octets of the content as it would be sent. */
export function withHeader(content: Content, length: number, octets: Uint8Array): ChangedContent {
  if (content.kind === 'octets') {
    const whole = Buffer.concat([octets, content.octets.subarray(length)]);
    return { kind: 'changed', content: { kind: 'octets', octets: whole }, size: whole.length };
  }
  const before = content.header ?? { length: 0, octets: new Uint8Array() };
  const header = {
    length: before.length + Math.max(0, length - before.octets.length),
    octets: Buffer.concat([octets, before.octets.subarray(length)]),
  };
  const size = content.size - header.length + header.octets.length;
  return { kind: 'changed', content: { ...content, header }, size };
}

function scanned(stored: Uint8Array): Header | NoHeader {
  const octets = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const block = createHeaderScanner(MAX_REWRITTEN).scan(octets, true);
  return block?.kind === 'header' ? { kind: 'read', octets, block } : { kind: 'header-too-large' };
}

async function readHeader(content: Extract<Content, { kind: 'file' }>): Promise<Header | NoHeader> {
  const scanner = createHeaderScanner(MAX_REWRITTEN);
  const { length: dropped, octets: begin } = content.header ?? { length: 0, octets: new Uint8Array() };
  const file = content.open();
  let octets = Buffer.from(begin);
  let seen = 0;
  try {
    for await (const piece of file) {
      if (!(piece instanceof Uint8Array)) continue;
      octets = Buffer.concat([octets, piece.subarray(Math.max(0, dropped - seen))]);
      seen += piece.length;
      const block = scanner.scan(octets, seen >= content.size);
      if (block !== null) return block.kind === 'header' ? { kind: 'read', octets, block } : block;
    }
    return { kind: 'unreadable', detail: `${seen} of its ${content.size} octets are there` };
  } catch (error) {
    return { kind: 'unreadable', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    file.destroy();
  }
}
