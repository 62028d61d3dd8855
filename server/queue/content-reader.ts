// Opens what was stored for a delivery and proves that it is what was stored: length and SHA-256 are compared on reading.
// Damage is a value: that one message is held, all others go on.

import { createHash } from 'node:crypto';
import type { Claim, OpenedContent } from './message.ts';
import type { Queue } from './queue.ts';
import type { Spool } from './spool.ts';

export type ContentReader = Readonly<{
  open: (claim: Claim) => Promise<OpenedContent>;
  /** Removes the file of a message whose row already says that its content is gone. */
  discard: (id: string) => Promise<void>;
}>;

export function createContentReader({
  queue,
  spool,
}: Readonly<{ queue: Pick<Queue, 'body'>; spool: Spool }>): ContentReader {
  const openBody = async (claim: Claim): Promise<OpenedContent> => {
    if (claim.octets) return { kind: 'content', content: { kind: 'octets', octets: claim.octets } };
    const octets = await queue.body(claim.message.id);
    if (!octets) return damaged('Its content is missing from the database.');
    const hash = createHash('sha256').update(octets).digest('hex');
    if (hash !== claim.message.hash) return damaged('Its content in the database is not what was stored.');
    return { kind: 'content', content: { kind: 'octets', octets } };
  };

  const openFile = async ({ message }: Claim): Promise<OpenedContent> => {
    const found = await spool.check(message.id);
    if (!found) return damaged(`Its file ${message.id}.eml in the spool folder cannot be read.`);
    if (found.hash !== message.hash || found.size !== message.size) {
      return damaged(`Its file ${message.id}.eml in the spool folder is not what was stored.`);
    }
    return {
      kind: 'content',
      content: { kind: 'file', size: message.size, open: () => spool.open(message.id) },
    };
  };

  return {
    open: claim => {
      switch (claim.message.content) {
        case 'body':
          return openBody(claim);
        case 'spool':
          return openFile(claim);
        case 'gone':
          return Promise.resolve(damaged('Its content was already removed.'));
        default:
          return claim.message.content satisfies never;
      }
    },
    discard: spool.remove,
  };
}

function damaged(what: string): OpenedContent {
  return {
    kind: 'damaged',
    text: `${what} The message is held and will not be sent; the disk may be failing.`,
  };
}
