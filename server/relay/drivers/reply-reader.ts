// Replies of an upstream out of its octets (RFC 5321 §4.2.1), however they are split. A reply may have several lines; it
// ends with the first line that does not go on. Bounded: what never ends is an overflow. Pure.

import { isUtf8 } from 'node:buffer';

export type ReplyReader = Readonly<{
  /** The replies that are whole now, with their line breaks; null: the upstream floods us. */
  push: (chunk: Buffer) => readonly string[] | null;
  /** Octets of a reply that is not whole. */
  pending: () => number;
}>;

/** A reply larger than this is no SMTP reply: RFC 5321 §4.5.3.1.5 has lines of 512. */
export const MAX_REPLY = 64 * 1024;

const LF = 0x0a;

export function createReplyReader(): ReplyReader {
  /** The octets of the reply so far, and where its last line begins. */
  let held: Buffer = Buffer.alloc(0);
  let lineStart = 0;
  /** No LF before this. */
  let searched = 0;

  return {
    push: chunk => {
      const octets = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const replies: string[] = [];
      let replyStart = 0;
      for (let lf = octets.indexOf(LF, searched); lf !== -1; lf = octets.indexOf(LF, lineStart)) {
        const goesOn = isContinued(octets, lineStart);
        lineStart = lf + 1;
        if (goesOn) continue;
        const reply = textOf(octets.subarray(replyStart, lf));
        // Some servers send empty lines between their replies.
        if (reply.trim() !== '') replies.push(reply);
        replyStart = lineStart;
      }
      held = octets.subarray(replyStart);
      lineStart -= replyStart;
      searched = held.length;
      return held.length > MAX_REPLY || replies.some(reply => reply.length > MAX_REPLY) ? null : replies;
    },
    pending: () => held.length,
  };
}

/** `250-`: more lines follow. */
function isContinued(octets: Buffer, start: number): boolean {
  return /^\d\d\d-/.test(octets.toString('latin1', start, start + 4));
}

/** RFC 6531 §3.7.4.2 lets replies be UTF-8; others are shown as Latin-1. */
function textOf(octets: Buffer): string {
  return octets.toString(isUtf8(octets) ? 'utf8' : 'latin1').replace(/\r$/, '');
}
