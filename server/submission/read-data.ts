// Reads the data of one message to its end, or until it is refused. Backpressure: while octets are on their way to the
// disk the client waits. A client that vanishes in the middle is told apart from one that finished.

import type { Readable } from 'node:stream';
import type { CompletionStream } from '../message/completion.ts';
import type { SpoolFailure } from '../queue/spool.ts';
import type { Refusal, Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import type { MessageStore } from './message-store.ts';

export type Read = Readonly<{ kind: 'all' } | { kind: 'vanished' } | { kind: 'refused'; reply: Reply }>;

/**
 * Feeds the data through completion into the store. Stops reading at once when the message is refused: the stream is
 * destroyed, so the rest of the message is discarded by the parser while the reply is already on its way.
 */
export function readData(
  data: Readable,
  completion: CompletionStream,
  store: MessageStore,
  limit: number,
): Promise<Read> {
  return new Promise(resolve => {
    let received = 0;
    let ended = false;
    let writing: Promise<SpoolFailure | null> | null = null;

    const finish = (read: Read) => {
      if (ended) return;
      ended = true;
      if (read.kind === 'refused') data.destroy();
      // Nothing may still be writing when the store is finished or abandoned.
      void Promise.resolve(writing).then(() => resolve(read));
    };

    data.on('data', (chunk: Buffer) => {
      if (ended) return;
      received += chunk.length;
      if (received > limit) return finish({ kind: 'refused', reply: say(replies.tooLarge, { limit }) });
      const pending = store.write(completion.push(chunk));
      const refusal = completion.refusal();
      if (refusal) {
        const reply: Refusal =
          refusal.reason === 'loop'
            ? replies.loopDetected
            : { ...replies.messageMalformed, text: refusal.text };
        return finish({ kind: 'refused', reply });
      }
      if (!pending) return;
      data.pause();
      writing = pending;
      void pending.then(failure => {
        writing = null;
        if (failure)
          finish({ kind: 'refused', reply: failure.kind === 'full' ? replies.noSpace : replies.queueFailed });
        else data.resume();
      });
    });
    data.once('end', () => finish({ kind: 'all' }));
    data.once('error', () => finish({ kind: 'vanished' }));
    data.once('close', () => finish({ kind: 'vanished' }));
  });
}
