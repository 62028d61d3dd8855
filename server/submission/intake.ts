// Message data on its way in: from 354 to the reply after the final dot. Octets go through completion into memory while
// they are few, into a spool file once they are many; then one durable commit, and only then 250.
// A client that vanishes, an oversized message or a refusal leaves nothing behind. Memory does not grow with the message.

import type { Principal } from '../accounts/principal.ts';
import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { NewId } from '../ids.ts';
import { type CompletedMessage, openCompletion } from '../message/completion.ts';
import { chooseFrom } from '../message/sender.ts';
import type { NewMessage } from '../queue/message.ts';
import type { Enqueued } from '../queue/queue.ts';
import type { Spool, SpoolFailure } from '../queue/spool.ts';
import type { ClientAddress } from '../smtp/address.ts';
import { NO_RECIPIENT_DSN } from '../smtp/dsn-parameters.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import type { Statement } from '../storage/database.ts';
import type { IncomingData } from './incoming-data.ts';
import { type MessagePlace, SHARE_FULL, type TakePlace } from './message-place.ts';
import { createMessageStore } from './message-store.ts';
import { type Limits, limitsOf, permittedSenders } from './policy.ts';
import { readData, refused } from './read-data.ts';
import { createReadingTurns } from './reading-turns.ts';
import type { TlsFacts } from './tls-facts.ts';
import type { Transaction } from './transaction.ts';
import { createWriteBuffers } from './write-buffers.ts';

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
  /** Asked before 354. The place is for `receive`; where it is not called, the place must be ended. */
  takePlace: TakePlace;
  /** Takes the data that follows 354. Null when the client vanished before the end: nothing was kept. */
  receive: (data: IncomingData, origin: Origin, place: MessagePlace) => Promise<Reply | null>;
  /** Whether a message is arriving, or did a moment ago: then relaying lets clients go first. */
  busy: () => boolean;
}>;

type Deps = Readonly<{
  hostname: string;
  traceId: string;
  limits: () => Limits;
  maxReceived: number;
  showClientAddress: boolean;
  spool: Spool;
  enqueue: (message: NewMessage, queuedAt: EpochMs, further: readonly Statement[]) => Promise<Enqueued>;
  takePlace: TakePlace;
  /** Whether the account may send still: it may have been disabled, or given a new password, since MAIL. */
  maySend: (principal: Principal, address: ClientAddress) => boolean;
  clockTrusted: () => boolean;
  clock: Clock;
  newId: NewId;
  log: Log;
  /** The data folder could not be written, although it is not full: what was to be written, and why not. */
  onStorageFailing: (text: string) => void;
  /** A sync failed: nothing that this process wrote can be trusted any more. */
  onFatal: (text: string) => void;
}>;

/** A message that has come whole, and all that its commit needs. */
type Ready = Readonly<{
  id: string;
  origin: Origin;
  place: MessagePlace;
  begun: DurationMs;
  completed: CompletedMessage;
  content: NewMessage['content'];
}>;

/** A client in the middle of a series sends its next message within this time, in milliseconds. */
const A_MOMENT = 20;

export function createIntake(deps: Deps): Intake {
  const { clock, log } = deps;
  const buffers = createWriteBuffers();
  const turns = createReadingTurns(clock);
  let arriving = 0;
  let lastArrival = Number.NEGATIVE_INFINITY;

  const receive = async (data: IncomingData, origin: Origin, place: MessagePlace): Promise<Reply | null> => {
    const begun = clock.monotonic();
    const id = deps.newId();
    const completion = openCompletion(completionFacts(id, origin));
    const store = createMessageStore({ spool: deps.spool, buffers }, id);
    const limits = limitsOf(origin.transaction.policy, deps.limits());
    const read = await readData(data, { completion, store, place, turn: turns.forMessage(), limits });
    const completed = read.kind === 'all' ? completion.end() : read;
    if (completed.kind !== 'complete') {
      await store.abandon();
      if (completed.kind === 'vanished') return null;
      if (completed.kind === 'failed') return fail(origin, completed.failure);
      const { reply, reason } = 'text' in completed ? refused(completed) : completed;
      return refuse(origin, reply, reason);
    }
    // Data may take hours to arrive: who was locked out meanwhile sends nothing more.
    if (!deps.maySend(origin.principal, origin.address)) {
      await store.abandon();
      return refuse(origin, replies.accountEnded);
    }
    const stored = await store.finish(completed.tail);
    if ('text' in stored) return fail(origin, stored);
    return commit({ id, origin, place, begun, completed, content: stored });
  };

  const completionFacts = (id: string, origin: Origin) => {
    const now = clock.now();
    const { principal, transaction, hello, extended, address, tls } = origin;
    const permitted = permittedSenders(transaction.policy);
    const { hostname, traceId, maxReceived, showClientAddress } = deps;
    return {
      id,
      hostname,
      traceId,
      maxReceived,
      receivedAt: now,
      date: deps.clockTrusted() ? now : null,
      from: chooseFrom({
        accountSender: transaction.policy.sender,
        accountName: principal.name,
        reversePath: transaction.reversePath,
        hostname,
        permitted,
      }),
      permittedSenders: permitted,
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

  const commit = async ({ id, origin, place, begun, completed, content }: Ready): Promise<Reply> => {
    const { principal, transaction } = origin;
    const { reversePath, forwardPaths } = transaction;
    const { size, hash, eightBitBody, eightBitHeader } = completed;
    const message: NewMessage = {
      id,
      kind: 'mail',
      accountId: principal.accountId,
      reversePath: reversePath.text,
      forwardPaths: forwardPaths.list().map(path => path.text),
      // What the octets are counts, not what the client said: devices send 8-bit text without BODY=8BITMIME.
      bodyType: eightBitBody || eightBitHeader ? '8bitmime' : '7bit',
      // A recipient's own need shows in its address; this is what the message needs for every recipient.
      smtputf8: reversePath.smtputf8 || (transaction.smtputf8 && eightBitHeader),
      size,
      hash,
      content,
      clientAddress: origin.address.text,
      requireTls: transaction.requireTls,
      ...askedDsn(transaction),
    };
    const enqueued = await deps.enqueue(message, clock.now(), place.statements(size));
    if (enqueued.kind !== 'queued') {
      // After an I/O error nobody knows whether it was committed: the restart sweeps the file if it was not.
      if (content.kind === 'spooled' && enqueued.kind !== 'io') await deps.spool.remove(id);
      // Mail of other sessions was queued meanwhile: the account's share of the queue has no room for this one.
      if (enqueued.kind === 'requirement') return refuse(origin, SHARE_FULL.reply, SHARE_FULL.reason);
      const isFailing = enqueued.kind === 'io';
      const why = isFailing ? enqueued.text : enqueued.kind;
      unavailable(`A message could not be stored: ${why}`, { isFailing });
      return refuse(origin, storageReply(enqueued.kind));
    }
    place.accepted();
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

  const storageReply = (kind: Exclude<Enqueued, { kind: 'queued' }>['kind']): Reply => {
    if (kind === 'full') return replies.noSpace;
    return kind === 'io' ? say(replies.failing, { hostname: deps.hostname }) : replies.queueFailed;
  };

  const unavailable = (text: string, { isFailing }: Readonly<{ isFailing: boolean }>): void => {
    log('storage.unavailable', { text });
    if (isFailing) deps.onStorageFailing(text);
  };

  const refuse = (origin: Origin, reply: Reply, reason: string | null = null): Reply => {
    log('message.refused', {
      ...who(origin),
      reply: formatReply(reply).trimEnd(),
      reason: reason ?? reply.text,
    });
    return reply;
  };

  const fail = (origin: Origin, failure: SpoolFailure): Reply => {
    if (failure.kind === 'full') return refuse(origin, replies.noSpace);
    if (failure.kind === 'io') {
      unavailable(`A message file could not be written: ${failure.text}`, { isFailing: true });
      return refuse(origin, replies.queueFailed);
    }
    deps.onFatal(`A message file could not be synced: ${failure.text}. The disk may be failing.`);
    return refuse(origin, say(replies.failing, { hostname: deps.hostname }));
  };

  return {
    takePlace: deps.takePlace,
    receive: async (data, origin, place) => {
      arriving++;
      try {
        return await receive(data, origin, place);
      } finally {
        place.end();
        arriving--;
        lastArrival = clock.monotonic();
      }
    },
    busy: () => arriving > 0 || clock.monotonic() - lastArrival < A_MOMENT,
  };
}

/** Nothing where nothing was asked: most messages. */
function askedDsn({ dsn, forwardPaths }: Transaction): Pick<NewMessage, 'dsn'> {
  const recipients = forwardPaths.dsn();
  if (recipients === null && dsn.envelopeId === null && dsn.returns === null) return {};
  return { dsn: { ...dsn, recipients: recipients ?? forwardPaths.list().map(() => NO_RECIPIENT_DSN) } };
}

function who({
  session,
  principal,
  address,
}: Origin): Readonly<{ session: string; account: string; address: string }> {
  return { session, account: principal.name, address: address.text };
}
