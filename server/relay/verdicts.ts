// Turns what was answered to one message into one outcome for each recipient, and into what the upstream's breaker
// must learn. A fault of the upstream keeps its recipients waiting at no cost, unless the same upstream took the message
// for somebody: then it works, and the others back off by themselves. Pure.

import type { DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome, Stage, UpstreamFault } from '../queue/outcome.ts';
import type { Evidence } from './breaker.ts';
import type { Verdict } from './classify.ts';
import {
  blamedOnMessage,
  classifyLost,
  classifyReply,
  nextTransaction,
  waitsForUpstream,
} from './classify.ts';
import type { Sent } from './drivers/session.ts';
import type { RemoteReply } from './remote-reply.ts';
import { replyMeaning } from './reply-meaning.ts';

/** One outcome per forward-path, and what the upstream's state must learn from them. */
export type Attempt = Readonly<{
  outcomes: readonly Outcome[];
  evidence: Evidence;
  /** Set where the upstream has shown how many recipients it takes in one transaction. */
  recipientLimit?: number;
  /** The upstream was told what the sender wants to be told (RFC 3461). */
  dsnPassedOn?: boolean;
}>;

type Request = Pick<DeliveryRequest, 'forwardPaths' | 'reversePath'>;
export type Judged = Sent | Readonly<{ kind: 'not-supported'; outcome: Outcome }>;

/** `upstream` is its name. */
export function judgeSent(request: Request, sent: Judged, upstream: string): Attempt {
  switch (sent.kind) {
    case 'accepted': {
      const relayed: Outcome = { kind: 'relayed', reply: sent.reply.line };
      return fromVerdicts(request, sent.refusals, { outcome: relayed, fault: null }, upstream);
    }
    case 'no-recipients': {
      const missing: Outcome = classifyLost('rcpt', 'a recipient was not answered', false, upstream);
      return fromVerdicts(request, sent.refusals, { outcome: missing, fault: null }, upstream);
    }
    case 'refused':
      return refusedTogether(request, sent, upstream);
    case 'lost': {
      const outcome = classifyLost(sent.stage, sent.detail, sent.bodyConsumed, upstream);
      return sameForAll(request, outcome, { kind: 'lost', fault: keepsBreaking(outcome, upstream) });
    }
    case 'unreadable': {
      const text = `The stored message could not be read (${sent.detail}); nothing of it was delivered.`;
      const outcome = {
        kind: 'deferred',
        reason: 'refused-for-now',
        stage: 'content',
        reply: null,
        text,
      } as const;
      return sameForAll(request, outcome, { kind: 'nothing' });
    }
    case 'handed-over': {
      const relayed: Outcome = { kind: 'relayed', reply: sent.reply };
      return sameForAll(request, relayed, { kind: 'answered' });
    }
    case 'judged':
      return sent.apart === true && request.forwardPaths.length > 1
        ? oneAtATime(request, sent.verdict, upstream)
        : fromVerdicts(request, new Map(), sent.verdict, upstream);
    case 'not-supported':
      return sameForAll(request, sent.outcome, { kind: 'answered' });
    default:
      return sent satisfies never;
  }
}

export function sameForAll({ forwardPaths }: Request, outcome: Outcome, evidence: Evidence): Attempt {
  return { outcomes: forwardPaths.map(() => outcome), evidence };
}

/** The attempt did not come to MAIL, or must not. */
export function faulty(request: Request, fault: UpstreamFault): Attempt {
  return sameForAll(request, waitsForUpstream(fault), { kind: 'fault', fault });
}

/** The fault was found to follow this message around: it backs off alone. */
export function blamed({ outcomes }: Attempt, fault: UpstreamFault): readonly Outcome[] {
  return outcomes.map(outcome => (isWaiting(outcome) ? blamedOnMessage(fault) : outcome));
}

export function isWaiting(outcome: Outcome): boolean {
  return outcome.kind === 'deferred' && outcome.reason === 'upstream';
}

/** One of several recipients is to blame, or their number: alone, each shows. */
function oneAtATime(request: Request, { outcome }: Verdict, upstream: string): Attempt {
  const text = `${upstream} refused these recipients together. They are tried one at a time.`;
  const apart: Outcome = { kind: 'deferred', reason: 'upstream', stage: 'rcpt', reply: outcome.reply, text };
  return { ...sameForAll(request, apart, { kind: 'answered' }), recipientLimit: 1 };
}

function refusedTogether(
  request: Request,
  sent: Extract<Sent, { kind: 'refused' }>,
  upstream: string,
): Attempt {
  const { stage, reply, refusals } = sent;
  const verdict = classifyReply(stage, reply, { upstream, reversePath: request.reversePath });
  const attempt = fromVerdicts(request, refusals, verdict, upstream);
  const taken = request.forwardPaths.length - refusals.size;
  // Said only at the end, it does not say how many it takes.
  const isLess = stage !== 'rcpt' && taken > 1 && isTooMany(stage, reply);
  return isLess ? { ...attempt, recipientLimit: Math.floor(taken / 2) } : attempt;
}

function isTooMany(stage: Stage, reply: RemoteReply): boolean {
  return replyMeaning(stage, reply) === 'too-many-recipients';
}

function fromVerdicts(
  { forwardPaths, reversePath }: Request,
  refusals: ReadonlyMap<number, RemoteReply>,
  forTheRest: Verdict,
  upstream: string,
): Attempt {
  const taken = forwardPaths.length - refusals.size;
  const isForNext = (refusal: RemoteReply) => taken > 0 && isTooMany('rcpt', refusal);
  const verdicts = forwardPaths.map((_, position): Verdict => {
    const refusal = refusals.get(position);
    if (refusal === undefined) return forTheRest;
    return isForNext(refusal)
      ? { outcome: nextTransaction(refusal, upstream), fault: null }
      : classifyReply('rcpt', refusal, { upstream, reversePath });
  });
  const limit = [...refusals.values()].some(isForNext) ? { recipientLimit: taken } : {};
  const outcomes = verdicts.map(verdict => verdict.outcome);
  const fault = verdicts.find(verdict => verdict.fault !== null)?.fault ?? null;
  const broken = outcomes.find(
    outcome => outcome.kind === 'deferred' && outcome.reason === 'connection-lost',
  );
  const works = outcomes.some(outcome => outcome.kind === 'relayed');

  if (fault === null && broken !== undefined && !works) {
    return { ...limit, outcomes, evidence: { kind: 'lost', fault: keepsBreaking(broken, upstream) } };
  }
  const perhaps = verdicts.find(verdict => verdict.fault !== null && !isWaiting(verdict.outcome))?.fault;
  if (perhaps && !works) return { ...limit, outcomes, evidence: { kind: 'lost', fault: perhaps } };
  if (fault === null) return { ...limit, outcomes, evidence: { kind: 'answered' } };
  if (!works) return { ...limit, outcomes, evidence: { kind: 'fault', fault } };
  const told = verdicts.map(one => (one.fault === null ? one.outcome : blamedOnMessage(one.fault)));
  return { ...limit, outcomes: told, evidence: { kind: 'answered' } };
}

/** What is wrong with the upstream should this happen with several messages in a row. */
function keepsBreaking(outcome: Outcome, upstream: string): UpstreamFault {
  const stage = outcome.kind === 'relayed' ? 'body' : outcome.stage;
  return {
    kind: 'unreachable',
    stage,
    reply: outcome.reply,
    text: `${upstream} breaks the connection in the middle of one message after the other. The network, a firewall that looks into mail, or the upstream itself is at fault.`,
  };
}
