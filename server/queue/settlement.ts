// What an outcome means for a recipient: settled, or tried again, and when, and by whom. Pure.
// An upstream's own trouble costs a recipient nothing: no deferral, no age, never an expiry. An explicit refusal sends it to
// the next upstream of its route that works at once; only where there is none, a deferral is counted. What may have been
// delivered stays with its upstream and waits.

import type { EpochMs } from '../clock.ts';
import { isReported } from '../smtp/dsn-parameters.ts';
import type { MessageKind } from './delivery.ts';
import type { ClaimedRecipient, RecipientState } from './message.ts';
import type { Outcome, ReportKind } from './outcome.ts';
import { nextAttempt, type RetryPolicy } from './schedule.ts';
import {
  afterRefusal,
  boundTo,
  hasRefusals,
  openTo,
  parseWay,
  type Routes,
  UNROUTED,
  withoutRefusals,
} from './way.ts';

export type Settlement = Readonly<{
  state: RecipientState;
  /** Which upstreams may take it from now on (way.ts). */
  way: string;
  deferrals: number;
  /** Null once settled. */
  nextAttemptAt: EpochMs | null;
  /** For the attempt's record and the log; `expired` is a deferral that came too late. */
  outcome: 'relayed' | 'deferred' | 'failed' | 'expired';
  /** The remote reply, or our own words where there was none. */
  reply: string;
  /** The plain words beside the reply; null where it was relayed. */
  text: string | null;
  /** The enhanced status code where it is ours and not the upstream's. */
  status: string | null;
  /** Since when it may have been delivered although no reply said so; null: it was not. */
  ambiguousSince: EpochMs | null;
  /** What must be said to a person. */
  report: Exclude<ReportKind, 'delay'> | null;
}>;

export type Circumstances = Readonly<{
  now: EpochMs;
  /** An untrusted clock never expires anything. */
  clockTrusted: boolean;
  policy: RetryPolicy;
  /** In [0, 1). */
  random: () => number;
  /** A report or an alert begets no other. */
  kind: MessageKind;
  /** When the message was queued. */
  queuedAt: EpochMs;
  /** The upstream that was tried. */
  upstreamId: string;
  routes: Routes;
  /** Whether mail should go to an upstream now (delivery.ts). */
  isOpen: (upstreamId: string) => boolean;
  /** It went a way that is no longer: routes or upstreams have changed since it was claimed. */
  isOutdated: boolean;
  /** The upstream was told who wants to know of success: it will say so. */
  dsnPassedOn: boolean;
}>;

type Refusal = Exclude<Outcome, { kind: 'relayed' }>;

export function settlement(
  outcome: Outcome,
  recipient: ClaimedRecipient,
  circumstances: Circumstances,
): Settlement {
  switch (outcome.kind) {
    case 'relayed':
      return settled('relayed', outcome, recipient, circumstances);
    case 'failed':
      return outcome.reason === 'not-supported-upstream'
        ? elsewhere(outcome, 'unfit', recipient, circumstances)
        : settled('failed', outcome, recipient, circumstances);
    case 'deferred':
      return deferred(outcome, recipient, circumstances);
    default:
      return outcome satisfies never;
  }
}

function deferred(
  outcome: Extract<Outcome, { kind: 'deferred' }>,
  recipient: ClaimedRecipient,
  circumstances: Circumstances,
): Settlement {
  const isBound = recipient.way.startsWith('=');
  switch (outcome.reason) {
    case 'upstream': {
      // Due at once: what it waits for is a free place, of this upstream or the next, not a time of its own. It keeps its
      // place among what waits: the oldest goes first.
      const nextAttemptAt = Math.min(circumstances.queuedAt, circumstances.now);
      const way = circumstances.isOutdated && !isBound ? UNROUTED : recipient.way;
      return waiting(outcome, recipient, { way, nextAttemptAt });
    }
    case 'ambiguous':
      return inDoubt(outcome, recipient, circumstances);
    case 'connection-lost':
    case 'refused-for-now':
    case 'sender-identity':
      // It says nothing about the attempt before, which may have delivered it: another upstream would deliver it twice.
      return isBound
        ? later(outcome, recipient.way, recipient, circumstances)
        : elsewhere(outcome, 'refused', recipient, circumstances);
    default:
      return outcome.reason satisfies never;
  }
}

/** The next upstream of the route that works may take it at once; where there is none, it waits for another round. */
function elsewhere(
  outcome: Refusal,
  how: 'refused' | 'unfit',
  recipient: ClaimedRecipient,
  circumstances: Circumstances,
): Settlement {
  const { upstreamId, routes, now, policy, isOutdated, isOpen } = circumstances;
  const known = { ...recipient, ambiguousSince: null };
  // What was corrected while it was under way counts for it too; after a pause, lest it go round and round.
  if (isOutdated) return waiting(outcome, known, { way: UNROUTED, nextAttemptAt: now + policy.retryMin });
  const way = parseWay(recipient.way);
  const next = afterRefusal(way, upstreamId, how, routes);
  switch (next.kind) {
    case 'next': {
      const to = parseWay(next.way);
      // Who has refused it for now may be the only one that works when it is tried again.
      const isStuck = hasRefusals(to) && !openTo(to, routes).some(isOpen);
      return isStuck
        ? later(outcome, withoutRefusals(next.way), known, circumstances)
        : waiting(outcome, known, { way: next.way, nextAttemptAt: now });
    }
    case 'round-over':
      return later(outcome, next.way, known, circumstances);
    case 'nowhere': {
      // A route that has lost its upstreams says nothing about the message: it is routed anew.
      const hasUpstreams = way.kind === 'routed' && (routes.get(way.routeId)?.length ?? 0) > 0;
      if (how === 'unfit' && hasUpstreams) return settled('failed', outcome, known, circumstances);
      return later(outcome, UNROUTED, known, circumstances);
    }
    default:
      return next satisfies never;
  }
}

/** Better twice than lost, but not at once, and for a while only there: the upstream may have it and know that. */
function inDoubt(outcome: Refusal, recipient: ClaimedRecipient, circumstances: Circumstances): Settlement {
  const { now, policy, upstreamId } = circumstances;
  const since = { ...recipient, ambiguousSince: recipient.ambiguousSince ?? now };
  const end = later(outcome, boundTo(upstreamId), since, circumstances);
  if (end.nextAttemptAt === null) return end;
  return { ...end, nextAttemptAt: Math.max(end.nextAttemptAt, now + policy.ambiguousWait) };
}

/** One more deferral, or the end where it was tried for long enough. */
function later(
  outcome: Refusal,
  way: string,
  recipient: ClaimedRecipient,
  circumstances: Circumstances,
): Settlement {
  const { now, clockTrusted, policy, random } = circumstances;
  if (clockTrusted && recipient.age >= policy.expiry) {
    return settled('expired', outcome, recipient, circumstances);
  }
  const deferrals = recipient.deferrals + 1;
  const nextAttemptAt = nextAttempt(deferrals, now, policy, random);
  return waiting(outcome, recipient, { way, deferrals, nextAttemptAt });
}

function waiting(
  outcome: Refusal,
  { way, deferrals, ambiguousSince }: ClaimedRecipient,
  change: Partial<Pick<Settlement, 'way' | 'deferrals'>> & Pick<Settlement, 'nextAttemptAt'>,
): Settlement {
  return {
    ...recordOf(outcome),
    state: 'deferred',
    outcome: 'deferred',
    way,
    deferrals,
    ambiguousSince,
    report: null,
    ...change,
  };
}

function settled(
  state: 'relayed' | 'failed' | 'expired',
  outcome: Outcome,
  { way, deferrals, dsn }: ClaimedRecipient,
  { kind, dsnPassedOn }: Circumstances,
): Settlement {
  // Where a report fails, only the operator is told (notification/report-round.ts).
  const isTold =
    kind === 'mail'
      ? isReported(dsn.notify, state === 'relayed' ? 'success' : 'failure')
      : kind === 'dsn' && state !== 'relayed';
  const report = state === 'relayed' ? 'relayed' : 'failure';
  return {
    ...recordOf(outcome),
    state,
    outcome: state,
    way,
    deferrals,
    nextAttemptAt: null,
    ambiguousSince: null,
    report: isTold && !(state === 'relayed' && dsnPassedOn) ? report : null,
  };
}

function recordOf(outcome: Outcome): Pick<Settlement, 'reply' | 'text' | 'status'> {
  if (outcome.kind === 'relayed') return { reply: outcome.reply, text: null, status: null };
  const { reply, text, status = null } = outcome;
  return { reply: reply ?? text, text, status };
}
