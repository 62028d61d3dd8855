// Reads the data of one message to its end, or until it is refused. Backpressure: while octets are on their way to the
// disk, and while a large message waits for its turn (reading-turns.ts), the client waits. A client that vanishes in the
// middle is told apart from one that finished.

import type { CompletionRefusal, CompletionStream } from '../message/completion.ts';
import type { SpoolFailure } from '../queue/spool.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import type { IncomingData } from './incoming-data.ts';
import type { MessagePlace } from './message-place.ts';
import { BODY_TABLE_LIMIT, type MessageStore } from './message-store.ts';
import { type Limits, tooLarge } from './policy.ts';
import type { ReadingTurn } from './reading-turns.ts';

/** `reason` is for the log; null where the reply says it all. `failed`: the octets could not be kept. */
export type Read = Readonly<
  | { kind: 'all' }
  | { kind: 'vanished' }
  | { kind: 'refused'; reply: Reply; reason: string | null }
  | { kind: 'failed'; failure: SpoolFailure }
>;

export type DataSink = Readonly<{
  completion: CompletionStream;
  store: MessageStore;
  place: MessagePlace;
  turn: ReadingTurn;
  /** The account's. */
  limits: Limits;
}>;

/**
 * Feeds the data through completion into the store. Stops reading at once when the message is refused: what still comes
 * of it is discarded by the parser while the reply is already on its way.
 */
export function readData(
  data: IncomingData,
  { completion, store, place, turn, limits }: DataSink,
): Promise<Read> {
  return new Promise(resolve => {
    let received = 0;
    let ended = false;
    let writing: Promise<SpoolFailure | null> | null = null;

    const finish = (read: Read) => {
      if (ended) return;
      ended = true;
      turn.end();
      if (read.kind === 'refused' || read.kind === 'failed') data.discard();
      // Nothing may still be writing when the store is finished or abandoned.
      if (writing) void writing.then(() => resolve(read));
      else resolve(read);
    };

    const waitFor = (pending: Promise<SpoolFailure | null>, next: Promise<void> | null) => {
      data.pause();
      writing = pending;
      turn.writing(pending);
      void pending.then(async failure => {
        writing = null;
        if (failure) return finish({ kind: 'failed', failure });
        await next;
        if (!ended) data.resume();
      });
    };

    const take = (chunk: Buffer) => {
      if (ended) return;
      received += chunk.length;
      const denied = received > limits.messageSize ? tooLarge(limits) : place.received(received);
      if (denied) return finish({ kind: 'refused', ...denied });
      const pending = store.write(completion.push(chunk));
      const refusal = completion.refusal();
      if (refusal) return finish(refused(refusal));
      const next = received > BODY_TABLE_LIMIT ? turn.read(chunk.length) : null;
      if (next) waitFor(store.setDown(pending), next);
      else if (pending) waitFor(pending, null);
    };

    data.read({
      octets: take,
      ended: () => finish({ kind: 'all' }),
      vanished: () => finish({ kind: 'vanished' }),
    });
  });
}

/** What completion refuses, as it is said to the client. */
export function refused({ reason, text }: CompletionRefusal): Extract<Read, { kind: 'refused' }> {
  switch (reason) {
    case 'loop':
      return { kind: 'refused', reply: replies.loopDetected, reason: null };
    case 'header-too-large':
      return { kind: 'refused', reply: say(replies.messageMalformed, { reason: text }), reason: null };
    case 'foreign-sender':
      return { kind: 'refused', reply: say(replies.fromNotPermitted, { reason: text }), reason: 'senders' };
    default:
      return reason satisfies never;
  }
}
