// Message data on its way in: from 354 to the reply after the final dot. Octets go through completion into memory while
// they are few, into a spool file once they are many; then one durable commit, and only then 250.
// A client that vanishes, an oversized message or a refusal leaves nothing behind. Memory does not grow with the message.

import type { Readable } from 'node:stream';
import type { Principal } from '../accounts/principal.ts';
import type { Clock, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { NewId } from '../ids.ts';
import { type CompletedMessage, openCompletion } from '../message/completion.ts';
import { chooseFrom } from '../message/sender.ts';
import type { NewMessage } from '../queue/message.ts';
import type { Enqueued } from '../queue/queue.ts';
import type { Spool, SpoolFailure } from '../queue/spool.ts';
import type { ClientAddress } from '../smtp/address.ts';
import { formatReply, isRefusal, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { createMessageStore } from './message-store.ts';
import { readData } from './read-data.ts';
import type { TlsFacts } from './tls-facts.ts';
import type { Transaction } from './transaction.ts';

/** Where a message comes from. */
export type Origin = Readonly<{
  session: string;
  principal: Principal;
  transaction: Transaction;
  /** What the client called itself; empty when it said nothing. */
  hello: string;
  /** It said EHLO, not HELO. */
  extended: boolean;
  address: ClientAddress;
  tls: TlsFacts | null;
}>;

export type Intake = Readonly<{
  /** Asked before 354: the reply that says that there is no room, or null. */
  checkRoom: (transaction: Transaction) => Promise<Reply | null>;
  /** Takes the data that follows 354. Null when the client vanished before the end: nothing was kept. */
  receive: (data: Readable, origin: Origin) => Promise<Reply | null>;
  /** Whether a message is arriving, or did a moment ago: then relaying lets clients go first. */
  busy: () => boolean;
}>;

type Deps = Readonly<{
  hostname: string;
  traceId: string;
  messageSize: number;
  maxReceived: number;
  showClientAddress: boolean;
  spool: Spool;
  enqueue: (message: NewMessage, queuedAt: EpochMs) => Promise<Enqueued>;
  hasRoom: (size: number) => Promise<boolean>;
  clockTrusted: () => boolean;
  clock: Clock;
  newId: NewId;
  log: Log;
  /** A sync failed: nothing that this process wrote can be trusted any more. */
  onFatal: (text: string) => void;
}>;

/** A client in the middle of a series sends its next message within this time, in milliseconds. */
const A_MOMENT = 20;

export function createIntake(deps: Deps): Intake {
  const { clock, log } = deps;
  let arriving = 0;
  let lastArrival = Number.NEGATIVE_INFINITY;

  const receive = async (data: Readable, origin: Origin): Promise<Reply | null> => {
    const begun = clock.monotonic();
    const id = deps.newId();
    const completion = openCompletion(completionFacts(id, origin));
    const store = createMessageStore(deps.spool, id);
    const read = await readData(data, completion, store, deps.messageSize);
    if (read.kind === 'vanished') {
      await store.abandon();
      return null;
    }
    const refused = read.kind === 'refused' ? read.reply : null;
    if (refused) {
      await store.abandon();
      return refuse(origin, refused);
    }
    const completed = completion.end();
    if (completed.kind === 'refused') {
      await store.abandon();
      const reply =
        completed.reason === 'loop'
          ? replies.loopDetected
          : say(replies.messageMalformed, { reason: completed.text });
      return refuse(origin, reply);
    }
    const stored = await store.finish(completed.tail);
    if ('text' in stored) return fail(origin, stored);
    return commit(id, origin, completed, stored, begun);
  };

  const completionFacts = (id: string, origin: Origin) => {
    const now = clock.now();
    const { principal, transaction, hello, extended, address, tls } = origin;
    const { hostname, traceId, maxReceived, showClientAddress } = deps;
    return {
      id,
      hostname,
      traceId,
      maxReceived,
      receivedAt: now,
      date: deps.clockTrusted() ? now : null,
      from: chooseFrom({
        accountSender: principal.sender,
        accountName: principal.name,
        reversePath: transaction.reversePath,
        hostname,
      }),
      handover: {
        helloName: hello,
        address,
        showAddress: showClientAddress,
        tls,
        authenticated: true,
        extended,
        smtputf8: transaction.smtputf8,
      },
    };
  };

  const commit = async (
    id: string,
    origin: Origin,
    completed: CompletedMessage,
    content: NewMessage['content'],
    begun: number,
  ): Promise<Reply> => {
    const { principal, transaction } = origin;
    const { reversePath, forwardPaths } = transaction;
    const { size, hash, eightBitBody, eightBitHeader } = completed;
    const message: NewMessage = {
      id,
      kind: 'mail',
      accountId: principal.accountId,
      reversePath: reversePath.text,
      forwardPaths: forwardPaths.map(path => path.text),
      // What the octets are counts, not what the client said: devices send 8-bit text without BODY=8BITMIME.
      bodyType: eightBitBody || eightBitHeader ? '8bitmime' : '7bit',
      // A recipient's own need shows in its address; this is what the message needs for every recipient.
      smtputf8: reversePath.smtputf8 || (transaction.smtputf8 && eightBitHeader),
      size,
      hash,
      content,
      clientAddress: origin.address.text,
    };
    const enqueued = await deps.enqueue(message, clock.now());
    if (enqueued.kind !== 'queued') {
      if (content.kind === 'spooled') await deps.spool.remove(id);
      log('storage.unavailable', { text: `A message could not be stored: ${enqueued.kind}` });
      return refuse(
        origin,
        enqueued.kind === 'full'
          ? replies.noSpace
          : enqueued.kind === 'io'
            ? say(replies.failing, { hostname: deps.hostname })
            : replies.queueFailed,
      );
    }
    log('message.queued', {
      ...who(origin),
      id,
      size,
      recipients: forwardPaths.length,
      reverse_path: reversePath.text,
      duration: Math.round(clock.monotonic() - begun),
    });
    return say(replies.queued, { id });
  };

  const refuse = (origin: Origin, reply: Reply): Reply => {
    log('message.refused', {
      ...who(origin),
      reply: formatReply(reply).trimEnd(),
      reason: isRefusal(reply) ? reply.text : '',
    });
    return reply;
  };

  const fail = (origin: Origin, failure: SpoolFailure): Reply => {
    if (failure.kind === 'full') return refuse(origin, replies.noSpace);
    if (failure.kind === 'io') return refuse(origin, replies.queueFailed);
    deps.onFatal(`A message file could not be synced: ${failure.text}. The disk may be failing.`);
    return refuse(origin, say(replies.failing, { hostname: deps.hostname }));
  };

  return {
    checkRoom: async transaction =>
      (await deps.hasRoom(transaction.declaredSize ?? 0)) ? null : replies.noSpace,
    receive: async (data, origin) => {
      arriving++;
      try {
        return await receive(data, origin);
      } finally {
        arriving--;
        lastArrival = clock.monotonic();
      }
    },
    busy: () => arriving > 0 || clock.monotonic() - lastArrival < A_MOMENT,
  };
}

function who({
  session,
  principal,
  address,
}: Origin): Readonly<{ session: string; account: string; address: string }> {
  return { session, account: principal.name, address: address.text };
}
