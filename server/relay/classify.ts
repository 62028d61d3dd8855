// Judges what an upstream answered after MAIL, and what it means that a connection broke. One place says who is to
// blame: the message, one recipient, our sender identity, or the upstream (then nothing is lost and nothing ages).
// Unknown is deferred, never failed. The texts say what happened and what to do, not what happens next: they are kept, and
// quoted when nothing is tried any more. Before MAIL nothing is ever the message's fault: see setup-fault.ts. Pure.

import type { Outcome, Stage, UpstreamFault } from '../queue/outcome.ts';
import { knownRefusal } from './known-refusals.ts';
import type { RemoteReply } from './remote-reply.ts';
import type { Meaning } from './reply-meaning.ts';
import { replyMeaning } from './reply-meaning.ts';

/**
 * What one reply came to: an outcome for those whom it concerns, and a fault where it speaks of the upstream. Where the
 * outcome does not wait for the upstream all the same, nothing says yet who is to blame: the fault is what it comes to
 * should this happen with several messages in a row.
 */
export type Verdict = Readonly<{ outcome: Outcome; fault: UpstreamFault | null }>;

type TransactionStage = Extract<Stage, 'mail' | 'rcpt' | 'data' | 'body'>;

/** What was said to the upstream: its name, and the sender (empty: the null reverse-path). */
export type Said = Readonly<{ upstream: string; reversePath: string }>;

/** A refusal (or nonsense) in answer to MAIL, RCPT, DATA or the body. Where its words are known, so is what to do. */
export function classifyReply(stage: TransactionStage, reply: RemoteReply, said: Said): Verdict {
  const verdict = byClass(stage, reply, said);
  const text = knownRefusal(stage, reply, said.upstream);
  const { outcome, fault } = verdict;
  if (text === null || outcome.kind === 'relayed') return verdict;
  return { outcome: { ...outcome, text }, fault: fault === null ? null : { ...fault, text } };
}

function byClass(stage: TransactionStage, reply: RemoteReply, said: Said): Verdict {
  const { upstream, reversePath } = said;
  const meaning = replyMeaning(stage, reply);
  const isNullSender = stage === 'mail' && reversePath === '' && reply.code !== null && reply.code >= 500;
  // Nothing can be wrong with how `<>` is written: it is not wanted there, and which sender is sent is our setting.
  if (isNullSender && (meaning === null || NOT_WANTED.includes(meaning)))
    return { outcome: nullSenderRefused(reply, upstream), fault: null };
  if (meaning !== null) return byMeaning(meaning, stage, reply, upstream);
  if (reply.code === 421) return { outcome: closedByUpstream(stage, reply, upstream), fault: null };
  if (isPermanent(reply.code)) return { outcome: refusedForGood(stage, reply, upstream), fault: null };
  const text = isTransient(reply.code)
    ? `${upstream} refused ${concerned(stage)} for now.`
    : `${upstream} answered something unexpected.`;
  return { outcome: deferred('refused-for-now', stage, reply, text), fault: null };
}

/**
 * The connection broke after MAIL. `bodyConsumed`: every octet, the final dot included, had been handed to the
 * connection, so the upstream may have taken the message.
 */
export function classifyLost(stage: Stage, detail: string, bodyConsumed: boolean, upstream: string): Outcome {
  if (bodyConsumed) {
    return {
      kind: 'deferred',
      reason: 'ambiguous',
      stage: 'body',
      reply: null,
      text: `The connection to ${upstream} broke after the whole message was sent and before the answer came (${detail}). It may have been delivered.`,
    };
  }
  return {
    kind: 'deferred',
    reason: 'connection-lost',
    stage,
    reply: null,
    text: `The connection to ${upstream} broke in the middle of this message (${detail}).`,
  };
}

/**
 * RFC 5321 §4.5.3.1.10: it took others in this transaction and takes these in the next. No refusal: the way stays, and
 * nothing is counted.
 */
export function nextTransaction(reply: RemoteReply, upstream: string): Outcome {
  return deferred('upstream', 'rcpt', reply, `${upstream} took no more recipients in this transaction.`);
}

/** The outcome of everything that an upstream's fault keeps waiting. */
export function waitsForUpstream(fault: UpstreamFault): Outcome {
  return { kind: 'deferred', reason: 'upstream', stage: fault.stage, reply: fault.reply, text: fault.text };
}

/** The same fault followed one message around: it backs off alone, so that others can go. */
export function blamedOnMessage(fault: UpstreamFault): Outcome {
  return {
    kind: 'deferred',
    reason: 'refused-for-now',
    stage: fault.stage,
    reply: fault.reply,
    text: fault.text,
  };
}

function byMeaning(meaning: Meaning, stage: TransactionStage, reply: RemoteReply, upstream: string): Verdict {
  switch (meaning) {
    case 'sender-identity': {
      const text = `${upstream} does not let us send as this sender. Allow the address there (verify it, or grant "send as"), or give the account another sender.`;
      return { outcome: senderRefused(stage, reply, text), fault: null };
    }
    case 'too-many-recipients': {
      const text = `${upstream} took no more recipients at once.`;
      return { outcome: deferred('refused-for-now', stage, reply, text), fault: null };
    }
    case 'too-large': {
      // Another upstream of its route may take it.
      const text = `The message is larger than ${upstream} takes. Send it smaller (lower scan resolution, fewer pages), or use another upstream.`;
      return { outcome: failed('not-supported-upstream', stage, reply, text), fault: null };
    }
    case 'address-syntax': {
      const [reason, whose] =
        stage === 'rcpt'
          ? (['recipient-refused', 'recipient'] as const)
          : (['message-refused', 'sender'] as const);
      const text = `${upstream} does not accept how the ${whose}'s address is written.`;
      return { outcome: failed(reason, stage, reply, text), fault: null };
    }
    case 'credentials':
    case 'quota':
    case 'throttled':
    case 'address-blocked': {
      const fault = faultOf(meaning, stage, reply, upstream);
      return { outcome: waitsForUpstream(fault), fault };
    }
    default:
      return meaning satisfies never;
  }
}

type FaultMeaning = Extract<Meaning, 'credentials' | 'quota' | 'throttled' | 'address-blocked'>;

function faultOf(meaning: FaultMeaning, stage: Stage, reply: RemoteReply, upstream: string): UpstreamFault {
  const kind = meaning === 'address-blocked' ? 'unreachable' : meaning;
  return { kind, stage, reply: reply.line, text: faultText(meaning, upstream) };
}

/** One or two sentences: what happened and what to do. Also used for refusals before MAIL. */
export function faultText(meaning: FaultMeaning, upstream: string): string {
  switch (meaning) {
    case 'credentials':
      return `${upstream} does not accept our login. Check user name and password there (many providers want an app password) and set it with \`postern upstream set ${upstream} --password-stdin\`.`;
    case 'quota':
      return `A sending limit of our account at ${upstream} is used up. A larger plan or a second account there raises it.`;
    case 'throttled':
      return `${upstream} wants us to slow down. If this comes often, lower the upstream's number of connections.`;
    case 'address-blocked':
      return `${upstream} does not take mail from this machine's Internet address. Allow the address in the provider's settings.`;
    default:
      return meaning satisfies never;
  }
}

/** What may be said of a sender that is no address. */
const NOT_WANTED: readonly Meaning[] = ['address-syntax', 'sender-identity'];

function nullSenderRefused(reply: RemoteReply, upstream: string): Outcome {
  const text = `${upstream} does not take mail without a sender address (<>). \`--null-sender replace\` puts one in its place.`;
  return senderRefused('mail', reply, text);
}

/** RFC 3463 X.1.8, bad sender: the replies themselves have all kinds of codes. It says what to do where the message expires. */
function senderRefused(stage: TransactionStage, reply: RemoteReply, text: string): Outcome {
  return { ...deferred('sender-identity', stage, reply, text), status: '4.1.8' };
}

function refusedForGood(stage: TransactionStage, reply: RemoteReply, upstream: string): Outcome {
  if (stage === 'rcpt') {
    return failed('recipient-refused', stage, reply, `${upstream} refused this recipient for good.`);
  }
  return failed('message-refused', stage, reply, `${upstream} refused the message for good.`);
}

function closedByUpstream(stage: TransactionStage, reply: RemoteReply, upstream: string): Outcome {
  const text = `${upstream} ended the connection in the middle of this message.`;
  return deferred('connection-lost', stage, reply, text);
}

/** 500, 502, 503, 504 and 555 speak of the dialogue, not of the message: unknown, so deferred. */
function isPermanent(code: number | null): boolean {
  return code !== null && code >= 500 && ![500, 502, 503, 504, 555].includes(code);
}

function isTransient(code: number | null): boolean {
  return code !== null && code >= 400 && code < 500;
}

function concerned(stage: TransactionStage): string {
  return stage === 'rcpt' ? 'this recipient' : 'the message';
}

function deferred(
  reason: Extract<Outcome, { kind: 'deferred' }>['reason'],
  stage: Stage,
  reply: RemoteReply,
  text: string,
): Extract<Outcome, { kind: 'deferred' }> {
  return { kind: 'deferred', reason, stage, reply: reply.line === '' ? null : reply.line, text };
}

function failed(
  reason: Extract<Outcome, { kind: 'failed' }>['reason'],
  stage: Stage,
  reply: RemoteReply,
  text: string,
): Outcome {
  return { kind: 'failed', reason, stage, reply: reply.line === '' ? null : reply.line, text };
}
