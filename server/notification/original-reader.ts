// Reads of a stored message what a report returns: its header, or all of it. Never more than a bounded part; what is gone,
// unreadable or not what was stored is a value, and the report goes without it.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { MOST_HEADER, readOriginal } from './original-text.ts';
import type { OriginalText } from './report-facts.ts';
import type { ReportSource } from './report-statements.ts';

export type ReadOriginal = (source: ReportSource) => Promise<OriginalText | 'unreadable' | 'confidential'>;

type Deps = Readonly<{
  /** The octets of the body table, or null. */
  body: (id: string) => Promise<Uint8Array | null>;
  /** The spool file; reading it may fail. */
  open: (id: string) => Readable;
}>;

/** The largest message that is returned whole (RET=FULL). */
const MOST_WHOLE = 1024 * 1024;
/** Enough to find the field with which a long header is cut. */
const BEGINNING = 2 * MOST_HEADER;

/** Never rejects. */
export function createOriginalReader({ body, open }: Deps): ReadOriginal {
  const stored = async ({ content, about }: ReportSource, most: number): Promise<Buffer | null> => {
    const whole = content.size <= most;
    const octets =
      content.kind === 'body'
        ? Buffer.from((await body(about.id)) ?? [])
        : await beginning(open(about.id), whole ? content.size : most);
    const isProven = content.kind === 'body' || whole;
    return isProven && hashOf(octets) !== content.hash ? null : octets;
  };

  return async source => {
    if (source.isConfidential) return 'confidential';
    if (source.content.kind === 'gone') return 'unreadable';
    const returnsAll = source.returnsAll && source.content.size <= MOST_WHOLE;
    const octets = await stored(source, returnsAll ? MOST_WHOLE : BEGINNING).catch(() => null);
    return (octets === null ? null : readOriginal(octets, returnsAll)) ?? 'unreadable';
  };
}

async function beginning(file: Readable, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of file) {
    const octets = Buffer.from(chunk);
    chunks.push(octets);
    size += octets.length;
    if (size >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most);
}

function hashOf(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}
