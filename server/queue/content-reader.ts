// Opens what was stored for a delivery, with the proof that it must pass: the hash of a body is compared here, that of a
// file while it is sent (reading it twice would cost as much as sending it). Damage is a value: that one message is held,
// all others go on.

import { createHash } from 'node:crypto';
import type { Claim, Damage, OpenedContent } from './message.ts';
import type { Queue } from './queue.ts';
import type { Spool } from './spool.ts';

export type ContentReader = Readonly<{
  open: (claim: Claim) => Promise<OpenedContent>;
  /** Whether a file is what was stored: asked when sending it failed on our side. */
  inspect: (claim: Claim) => Promise<Damage | null>;
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

  const openFile = ({ message: { id, size, hash } }: Claim): OpenedContent => ({
    kind: 'content',
    content: { kind: 'file', size, hash, open: () => spool.open(id) },
  });

  return {
    open: claim => {
      switch (claim.message.content) {
        case 'body':
          return openBody(claim);
        case 'spool':
          return Promise.resolve(openFile(claim));
        case 'gone':
          return Promise.resolve(damaged('Its content was already removed.'));
        default:
          return claim.message.content satisfies never;
      }
    },
    inspect: async ({ message }) => {
      if (message.content !== 'spool') return null;
      const found = await spool.check(message.id);
      const file = `Its file ${message.id}.eml in the spool folder`;
      if (!found) return damaged(`${file} cannot be read.`);
      const same = found.hash === message.hash && found.size === message.size;
      return same ? null : damaged(`${file} is not what was stored.`);
    },
    discard: spool.remove,
  };
}

function damaged(what: string): Damage {
  return {
    kind: 'damaged',
    text: `${what} The message is held and will not be sent; the disk may be failing.`,
  };
}
