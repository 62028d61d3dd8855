// Octets of messages that were queued a moment ago, kept in memory so that relaying them at once reads nothing back.
// Bounded; losing an entry costs one read. Only the copy in the database counts.

import type { EpochMs } from '../clock.ts';
import { NO_MESSAGE_DSN } from '../smtp/dsn-parameters.ts';
import type { NewMessage, QueuedMessage } from './message.ts';

type Fresh = Readonly<{ message: QueuedMessage; octets: Uint8Array }>;

/** Room for about 250 messages of the largest size that the body table takes. */
const MAX_OCTETS = 16 * 1024 * 1024;

export type FreshContent = Readonly<{
  remember: (message: NewMessage, octets: Uint8Array, queuedAt: EpochMs) => void;
  /** Returns the entry and forgets it: a second attempt reads the database. */
  take: (id: string) => Fresh | null;
}>;

export function createFreshContent(): FreshContent {
  const entries = new Map<string, Fresh>();
  let held = 0;

  const take = (id: string): Fresh | null => {
    const entry = entries.get(id);
    if (!entry) return null;
    entries.delete(id);
    held -= entry.octets.length;
    return entry;
  };

  return {
    remember: (message, octets, queuedAt) => {
      entries.set(message.id, { message: queued(message, queuedAt), octets });
      held += octets.length;
      for (const oldest of entries.keys()) {
        if (held <= MAX_OCTETS) break;
        take(oldest);
      }
    },
    take,
  };
}

/** As it would be read back from its row. */
function queued(message: NewMessage, queuedAt: EpochMs): QueuedMessage {
  const { id, kind, reversePath, bodyType, smtputf8, size, hash, accountId, dsn = NO_MESSAGE_DSN } = message;
  return {
    id,
    kind,
    reversePath,
    bodyType,
    smtputf8,
    size,
    hash,
    content: 'body',
    queuedAt,
    accountId,
    dsn: { envelopeId: dsn.envelopeId, returns: dsn.returns },
    requireTls: message.requireTls ?? false,
  };
}
