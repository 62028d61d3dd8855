// Where the octets of one message go while they arrive: memory as long as they are few, a spool file once they are many.
// It guarantees that memory does not grow with the message, and that `abandon` leaves nothing behind.

import type { NewMessage } from '../queue/message.ts';
import type { Spool, SpoolFailure, SpoolWriter } from '../queue/spool.ts';

/** Up to this size octets live in the database, beyond it in a file: measured break-even of one sync against three. */
export const BODY_TABLE_LIMIT = 64 * 1024;
/** Spool writes are gathered to this size. */
const WRITE_SIZE = 256 * 1024;

export type MessageStore = Readonly<{
  /** Keeps octets. A promise when they must reach the file before more may come. */
  write: (chunks: readonly Uint8Array[]) => Promise<SpoolFailure | null> | null;
  finish: (tail: readonly Uint8Array[]) => Promise<NewMessage['content'] | SpoolFailure>;
  abandon: () => Promise<void>;
}>;

/** `id` names the spool file, should there be one. */
export function createMessageStore(spool: Spool, id: string): MessageStore {
  let held: Uint8Array[] = [];
  let octets = 0;
  let file: SpoolWriter | null = null;

  const flush = async (): Promise<SpoolFailure | null> => {
    const chunks = held;
    held = [];
    octets = 0;
    if (!file) {
      const created = await spool.create(id);
      if ('text' in created) return created;
      file = created;
    }
    return file.write(chunks);
  };

  const keep = (chunks: readonly Uint8Array[]) => {
    for (const chunk of chunks) {
      held.push(chunk);
      octets += chunk.length;
    }
  };

  return {
    write: chunks => {
      keep(chunks);
      return octets > (file ? WRITE_SIZE : BODY_TABLE_LIMIT) ? flush() : null;
    },
    finish: async tail => {
      keep(tail);
      if (!file && octets <= BODY_TABLE_LIMIT) return { kind: 'octets', octets: Buffer.concat(held, octets) };
      const failed = await flush();
      if (failed) {
        await file?.abandon();
        return failed;
      }
      return (await file?.publish()) ?? { kind: 'spooled' };
    },
    abandon: async () => {
      held = [];
      await file?.abandon();
    },
  };
}
