// What an outcome means for a recipient: settled, or tried again, and when. Pure.
// An upstream's own trouble costs a recipient nothing: no deferral, no age, never an expiry.

import type { EpochMs } from '../clock.ts';
import type { ClaimedRecipient, RecipientState } from './message.ts';
import type { Outcome } from './outcome.ts';
import { nextAttempt, type RetryPolicy } from './schedule.ts';

export type Settlement = Readonly<{
  state: RecipientState;
  deferrals: number;
  /** Null once settled. */
  nextAttemptAt: EpochMs | null;
  /** For the attempt's record and the log; `expired` is a deferral that came too late. */
  outcome: 'relayed' | 'deferred' | 'failed' | 'expired';
  /** The remote reply, or our own words where there was none. */
  reply: string;
  /** True where the attempt may have delivered the message although no reply said so. */
  ambiguous: boolean;
}>;

export type Circumstances = Readonly<{
  now: EpochMs;
  /** An untrusted clock never expires anything. */
  clockTrusted: boolean;
  policy: RetryPolicy;
  /** In [0, 1). */
  random: () => number;
}>;

export function settlement(
  outcome: Outcome,
  recipient: ClaimedRecipient,
  { now, clockTrusted, policy, random }: Circumstances,
): Settlement {
  switch (outcome.kind) {
    case 'relayed':
      return settled('relayed', outcome.reply, recipient);
    case 'failed':
      return settled('failed', outcome.reply ?? outcome.text, recipient);
    case 'deferred': {
      const reply = outcome.reply ?? outcome.text;
      const ambiguous = outcome.reason === 'ambiguous';
      if (outcome.reason === 'upstream') {
        // Due at once: what it waits for is the upstream's next free place, not a time of its own.
        return {
          state: 'deferred',
          deferrals: recipient.deferrals,
          nextAttemptAt: now,
          outcome: 'deferred',
          reply,
          ambiguous,
        };
      }
      if (clockTrusted && recipient.age >= policy.expiry) return settled('expired', reply, recipient);
      const deferrals = recipient.deferrals + 1;
      return {
        state: 'deferred',
        deferrals,
        nextAttemptAt: nextAttempt(deferrals, now, policy, random),
        outcome: 'deferred',
        reply,
        ambiguous,
      };
    }
    default:
      return outcome satisfies never;
  }
}

function settled(
  state: 'relayed' | 'failed' | 'expired',
  reply: string,
  recipient: ClaimedRecipient,
): Settlement {
  return {
    state,
    deferrals: recipient.deferrals,
    nextAttemptAt: null,
    outcome: state,
    reply,
    ambiguous: false,
  };
}
