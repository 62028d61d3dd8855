// Where the octets of one message go while they arrive: memory as long as they are few, a spool file once they are many.
// It guarantees that memory does not grow with the message, and that `abandon` leaves nothing behind.

import type { NewMessage } from '../queue/message.ts';
import type { Spool, SpoolFailure, SpoolWriter } from '../queue/spool.ts';
import type { WriteBuffers } from './write-buffers.ts';

/** Up to this size octets live in the database, beyond it in a file: measured break-even of one sync against three. */
export const BODY_TABLE_LIMIT = 64 * 1024;

export type MessageStore = Readonly<{
  /** Keeps octets. A promise when they must reach the file before more may come. */
  write: (chunks: readonly Uint8Array[]) => Promise<SpoolFailure | null> | null;
  /** Keeps nothing in memory until more comes. `pending` is what `write` returned last. */
  setDown: (pending: Promise<SpoolFailure | null> | null) => Promise<SpoolFailure | null>;
  finish: (tail: readonly Uint8Array[]) => Promise<NewMessage['content'] | SpoolFailure>;
  abandon: () => Promise<void>;
}>;

type Deps = Readonly<{ spool: Spool; buffers: WriteBuffers }>;

/** `id` names the spool file, should there be one. */
export function createMessageStore({ spool, buffers }: Deps, id: string): MessageStore {
  /** Of a message that is still small; of a large one, what the buffer had no room for. */
  let held: Uint8Array[] = [];
  let octets = 0;
  let file: SpoolWriter | null = null;
  /** Gathers the octets of a large message: its chunks may then go at once, instead of growing old in memory. */
  let buffer: Buffer | null = null;
  let filled = 0;

  const flush = async (): Promise<SpoolFailure | null> => {
    const gathered = buffer?.subarray(0, filled);
    const chunks = gathered === undefined ? held : [gathered, ...held];
    held = [];
    octets = 0;
    if (!file) {
      const created = await spool.create(id);
      if ('text' in created) return created;
      file = created;
    }
    const failed = await file.write(chunks);
    filled = 0;
    return failed;
  };

  const keep = (chunks: readonly Uint8Array[]) => {
    if (file) buffer ??= buffers.take();
    for (const chunk of chunks) {
      octets += chunk.length;
      // Once one had no room, what follows must stay behind it.
      if (buffer && held.length === 0 && filled + chunk.length <= buffer.length) {
        buffer.set(chunk, filled);
        filled += chunk.length;
      } else {
        held.push(chunk);
      }
    }
  };

  const letGo = () => {
    held = [];
    if (buffer) buffers.giveBack(buffer);
    buffer = null;
  };

  return {
    write: chunks => {
      keep(chunks);
      const isFull = buffer ? held.length > 0 || filled === buffer.length : octets > BODY_TABLE_LIMIT;
      return isFull ? flush() : null;
    },
    setDown: async pending => {
      const failed = (await pending) ?? (await flush());
      letGo();
      return failed;
    },
    finish: async tail => {
      keep(tail);
      if (!file && octets <= BODY_TABLE_LIMIT) return { kind: 'octets', octets: joined(held, octets) };
      const failed = await flush();
      letGo();
      if (failed) {
        await file?.abandon();
        return failed;
      }
      return (await file?.publish()) ?? { kind: 'spooled' };
    },
    abandon: async () => {
      letGo();
      await file?.abandon();
    },
  };
}

/** In memory of its own: a slice of Buffer's pool would keep alive what lies beside it, as long as the message waits. */
function joined(chunks: readonly Uint8Array[], length: number): Buffer {
  const octets = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const chunk of chunks) {
    octets.set(chunk, at);
    at += chunk.length;
  }
  return octets;
}
