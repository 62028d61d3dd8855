// The events of one attempt: a line for each recipient.

import type { Log } from '../events.ts';
import type { Delivery } from './delivery.ts';
import type { Claim } from './message.ts';
import type { RecipientSettlement } from './queue.ts';

type Attempt = Readonly<{ claim: Claim; delivery: Delivery; settlements: readonly RecipientSettlement[] }>;

export function logAttempt(log: Log, { claim, delivery, settlements }: Attempt): void {
  settlements.forEach(({ settlement, attempt, duration }, i) => {
    const { reason, text } = explain(outcomeOf(delivery, i));
    const forward_path = claim.recipients[i]?.forwardPath ?? '';
    const common = { id: claim.message.id, upstream: delivery.upstream, forward_path, attempt };
    const { outcome, reply, nextAttemptAt } = settlement;
    switch (outcome) {
      case 'relayed':
        log('recipient.relayed', { ...common, duration: Math.round(duration), reply });
        break;
      case 'deferred': {
        const next_attempt_at = nextAttemptAt === null ? null : new Date(nextAttemptAt).toISOString();
        log('recipient.deferred', { ...common, reason, reply, next_attempt_at, text });
        break;
      }
      case 'failed':
        log('recipient.failed', { ...common, reason, reply, text });
        break;
      case 'expired':
        log('recipient.failed', { ...common, reason: 'expired', reply, text });
        break;
      default:
        outcome satisfies never;
    }
  });
}

/** A driver that returned fewer outcomes than recipients: unknown, so deferred. */
const NO_OUTCOME = {
  kind: 'deferred',
  reason: 'refused-for-now',
  stage: 'body',
  reply: null,
  text: 'The attempt ended without an answer for this recipient.',
} as const;

export function outcomeOf({ outcomes }: Delivery, index: number): Delivery['outcomes'][number] {
  return outcomes[index] ?? NO_OUTCOME;
}

function explain(outcome: Delivery['outcomes'][number]): Readonly<{ reason: string; text: string }> {
  return outcome.kind === 'relayed'
    ? { reason: 'relayed', text: '' }
    : { reason: outcome.reason, text: outcome.text };
}
