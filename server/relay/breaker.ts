// The state of one upstream as a whole: closed (it works), or open with a fault. While it is open nothing is sent
// except one probe at a time, at doubling distances, until one succeeds. One message that makes the upstream drop the
// connection does not open it; three different ones in a row do. Pure: times are handed in, on the monotonic clock.

import type { DurationMs } from '../clock.ts';
import type { UpstreamFault } from '../queue/outcome.ts';
import { statedWait } from './stated-wait.ts';

export type ProbePolicy = Readonly<{
  /** Before the first probe. */
  min: DurationMs;
  /** Between two probes at most. */
  max: DurationMs;
  /** The same for an upstream that cannot be reached: a connection attempt is cheap, and the Internet comes back. */
  maxUnreachable: DurationMs;
  /** Before the first probe of an upstream whose quota is used up: it renews after hours or a day. */
  minQuota: DurationMs;
}>;

export type Breaker =
  | Readonly<{
      kind: 'closed';
      /** Messages in a row with which the connection was lost, and nothing good between them. */
      lost: readonly string[];
    }>
  | Readonly<{
      kind: 'open';
      fault: UpstreamFault;
      /** Probes that failed so far. */
      probes: number;
      probeAt: DurationMs;
      /** A probe is under way. */
      probing: boolean;
      /** The message with which the fault was seen last, if it was seen after MAIL. */
      culprit: string | null;
    }>;

/** What a delivery came to, as far as the upstream is concerned. */
export type Evidence =
  /** It answered, well or badly, about a message. */
  | Readonly<{ kind: 'answered' }>
  | Readonly<{ kind: 'fault'; fault: UpstreamFault }>
  /** The connection broke after MAIL. */
  | Readonly<{ kind: 'lost'; fault: UpstreamFault }>
  /** The attempt ended for reasons of our own. */
  | Readonly<{ kind: 'nothing' }>;

export type Judgement = Readonly<{
  breaker: Breaker;
  /** The fault follows one message around: it is that message's, whatever the reply says. */
  blame: 'upstream' | 'message';
}>;

export const DEFAULT_PROBE_POLICY: ProbePolicy = {
  min: 30_000,
  max: 3_600_000,
  maxUnreachable: 300_000,
  minQuota: 600_000,
};

/** Distinct messages in a row that must lose their connection before the upstream is at fault. */
const LOST_LIMIT = 3;
/** The first probe after that, and the soonest of all. */
const SOON: DurationMs = 1_000;

export const CLOSED: Breaker = { kind: 'closed', lost: [] };

/** After a start or a change by the operator, with a fault known from before: one probe at once. */
export function suspicious(fault: UpstreamFault, now: DurationMs): Breaker {
  return { kind: 'open', fault, probes: 0, probeAt: now, probing: false, culprit: null };
}

/** How many deliveries may run at the same time now. */
export function allowance(breaker: Breaker, connections: number, now: DurationMs): number {
  if (breaker.kind === 'closed') return connections;
  return breaker.probing || now < breaker.probeAt ? 0 : 1;
}

/** A delivery starts: in the open state it is the probe. */
export function started(breaker: Breaker): Breaker {
  return breaker.kind === 'open' ? { ...breaker, probing: true } : breaker;
}

/**
 * A delivery ended. `probe`: it began as the probe; what others report while the breaker is open, having begun
 * before, changes nothing (a late success would only let a herd through).
 */
export function judge(
  breaker: Breaker,
  ended: Readonly<{ evidence: Evidence; messageId: string; probe: boolean; now: DurationMs }>,
  policy: ProbePolicy,
): Judgement {
  if (breaker.kind === 'closed') return judgeClosed(breaker.lost, ended, policy);
  return ended.probe ? judgeProbe(breaker, ended, policy) : { breaker, blame: 'upstream' };
}

type Ended = Parameters<typeof judge>[1];
type Open = Extract<Breaker, { kind: 'open' }>;

function judgeClosed(lost: readonly string[], ended: Ended, policy: ProbePolicy): Judgement {
  const { evidence, messageId, now } = ended;
  switch (evidence.kind) {
    case 'answered':
      return { breaker: lost.length === 0 ? { kind: 'closed', lost } : CLOSED, blame: 'upstream' };
    case 'nothing':
      return { breaker: { kind: 'closed', lost }, blame: 'upstream' };
    case 'fault':
      return { breaker: open(evidence.fault, messageId, now, policy), blame: 'upstream' };
    case 'lost': {
      const now_lost = lost.includes(messageId) ? lost : [...lost, messageId];
      if (now_lost.length < LOST_LIMIT)
        return { breaker: { kind: 'closed', lost: now_lost }, blame: 'message' };
      // Perhaps it is the messages after all: another one is tried soon.
      const soon = { ...policy, min: Math.min(policy.min, SOON) };
      return { breaker: open(evidence.fault, messageId, now, soon), blame: 'message' };
    }
    default:
      return evidence satisfies never;
  }
}

function judgeProbe(breaker: Open, ended: Ended, policy: ProbePolicy): Judgement {
  const { evidence, messageId, now } = ended;
  switch (evidence.kind) {
    case 'answered':
      return { breaker: CLOSED, blame: 'upstream' };
    case 'nothing':
      return { breaker: { ...breaker, probing: false, probeAt: now }, blame: 'upstream' };
    case 'fault':
      if (isAboutMessage(evidence.fault) && breaker.culprit === messageId) {
        // The same message twice: another one must be the next probe, or a single one could block all the others.
        const again = { ...breaker, probing: false, probeAt: now + policy.min, culprit: null };
        return { breaker: again, blame: 'message' };
      }
      return { breaker: reopened(breaker, evidence.fault, messageId, now, policy), blame: 'upstream' };
    case 'lost':
      return { breaker: reopened(breaker, evidence.fault, messageId, now, policy), blame: 'message' };
    default:
      return evidence satisfies never;
  }
}

function open(fault: UpstreamFault, messageId: string, now: DurationMs, policy: ProbePolicy): Open {
  const probeAt = now + probeDelay(fault, 0, policy);
  const culprit = isAboutMessage(fault) ? messageId : null;
  return { kind: 'open', fault, probes: 0, probeAt, probing: false, culprit };
}

function reopened(
  breaker: Open,
  fault: UpstreamFault,
  messageId: string,
  now: DurationMs,
  policy: ProbePolicy,
): Open {
  const probes = breaker.probes + 1;
  return {
    ...open(fault, messageId, now, policy),
    probes,
    probeAt: now + probeDelay(fault, probes, policy),
  };
}

/** Doubles, unless the upstream said itself when to come back; and a consent does not come back by itself. */
function probeDelay(fault: UpstreamFault, probes: number, policy: ProbePolicy): DurationMs {
  if (fault.kind === 'consent') return policy.max;
  const isQuota = fault.kind === 'quota';
  const max = fault.kind === 'unreachable' ? Math.min(policy.max, policy.maxUnreachable) : policy.max;
  const min = isQuota ? policy.minQuota : policy.min;
  const stated = fault.wait ?? (isQuota ? statedWait(fault.reply) : null);
  if (stated === null) return Math.min(max, min * 2 ** Math.min(probes, 30));
  // Whoever says "at once", or "soon" and then again, would be asked without end.
  const shortest = probes === 0 ? SOON : policy.min;
  return Math.max(shortest, isQuota ? stated : Math.min(policy.max, stated));
}

/** A fault seen after MAIL might be one message's doing; one seen before cannot. */
function isAboutMessage(fault: UpstreamFault): boolean {
  return ['mail', 'rcpt', 'data', 'body'].includes(fault.stage);
}
