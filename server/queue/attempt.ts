// One attempt for one claimed message: open what was stored, hand it to the relay, write down what came back.
// Guarantees: what happened at the upstream is settled, or kept in memory and tried again for as long as this process
// lives; it never rejects. Content that is not what was stored is held, and all other mail goes on.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { ContentReader } from './content-reader.ts';
import type { Delivery, Phase, Relay } from './delivery.ts';
import type { Claim, Damage } from './message.ts';
import type { Queue, RecipientSettlement } from './queue.ts';
import type { RetryPolicy } from './schedule.ts';
import { settlement } from './settlement.ts';

export type AttemptDeps = Readonly<{
  queue: Queue;
  relay: Pick<Relay, 'deliver'>;
  content: ContentReader;
  policy: RetryPolicy;
  clock: Clock;
  clockTrust: ClockTrust;
  /** In [0, 1), for jitter. */
  random: () => number;
  log: Log;
}>;

export type Attempts = Readonly<{
  /**
   * Makes the attempt. `onHandedOver` is called when the relay has taken it (or never will), `onDelivered` when the
   * upstream's place is free again; the promise resolves when all is written down.
   */
  run: (
    claim: Claim,
    events: Readonly<{ onHandedOver: () => void; onDelivered: () => void }>,
  ) => Promise<void>;
  /** From now on a commit that is refused is not tried again: the restart recovers. */
  giveUpRetrying: () => void;
}>;

/** A lease outlives every pause of the process that still ends in a settlement; it is renewed at a third of that. */
export const LEASE: DurationMs = 15 * 60_000;
/** Pause before a commit that was refused (full disk, foreign lock) is tried again. */
const COMMIT_RETRY: DurationMs = 1_000;

export function createAttempts(deps: AttemptDeps): Attempts {
  const { queue, relay, content, policy, clock, clockTrust, random, log } = deps;
  let retrying = true;

  const run: Attempts['run'] = async (claim, { onHandedOver, onDelivered }) => {
    const { message } = claim;
    const opened = await content.open(claim);
    if (opened.kind === 'damaged') {
      onHandedOver();
      onDelivered();
      return hold(claim, opened);
    }
    const startedAt = clock.now();
    const begun = clock.monotonic();
    const renewal = renewWhileRunning(claim);
    const delivering = relay.deliver({
      upstreamId: claim.upstreamId,
      messageId: message.id,
      kind: message.kind,
      account: null,
      reversePath: message.reversePath,
      forwardPaths: claim.recipients.map(recipient => recipient.forwardPath),
      bodyType: message.bodyType,
      smtputf8: message.smtputf8,
      size: message.size,
      content: opened.content,
      dsn: null,
      requireTls: false,
      onPhase: renewal.reached,
    });
    onHandedOver();
    const delivery = await delivering;
    renewal.stop();
    onDelivered();
    const damage = failedOnOurSide(delivery) ? await content.inspect(claim) : null;
    if (damage) return hold(claim, damage);
    await settle(claim, delivery, startedAt, clock.monotonic() - begun);
  };

  const hold = async (claim: Claim, { text }: Damage): Promise<void> => {
    log('queue.content_damaged', { id: claim.message.id, text });
    await insist(() => queue.hold(claim, text, clock.now()));
  };

  const renewWhileRunning = (claim: Claim) => {
    let phase: Phase = 'dialling';
    const timer = setInterval(() => void queue.renew(claim, phase, clock.now() + LEASE), LEASE / 3);
    timer.unref();
    return {
      reached: (reached: Phase) => {
        phase = reached;
      },
      stop: () => clearInterval(timer),
    };
  };

  const settle = async (
    claim: Claim,
    delivery: Delivery,
    startedAt: EpochMs,
    duration: DurationMs,
  ): Promise<void> => {
    const now = clock.now();
    const circumstances = { now, clockTrusted: clockTrust.trusted(), policy, random };
    const settlements = claim.recipients.map((recipient, i): RecipientSettlement => {
      const outcome = delivery.outcomes[i] ?? NO_OUTCOME;
      return {
        ordinal: recipient.ordinal,
        attempt: recipient.attempt,
        startedAt,
        duration,
        upstream: delivery.upstream,
        stage: outcome.kind === 'relayed' ? null : outcome.stage,
        settlement: settlement(outcome, recipient, circumstances),
      };
    });
    const result = await insist(() => queue.settle(claim, settlements, now));
    report(claim, delivery, settlements);
    if (result && 'retired' in result && result.retired) {
      if (claim.message.content === 'spool') await content.discard(claim.message.id);
      log('message.retired', { id: claim.message.id });
    }
  };

  /** Tries a commit until it is taken: what happened at the upstream must not be forgotten while this process lives. */
  const insist = async <T extends object | null>(commit: () => Promise<T>): Promise<T | null> => {
    for (;;) {
      const result = await commit();
      const refused = result !== null && 'kind' in result;
      if (!refused) return result;
      log('storage.unavailable', {
        text: 'What happened to a message cannot be written down; it is kept in memory and tried again.',
      });
      if (!retrying) return null;
      await sleep(COMMIT_RETRY);
    }
  };

  const report = (claim: Claim, delivery: Delivery, settlements: readonly RecipientSettlement[]) => {
    settlements.forEach((one, i) => {
      const outcome = delivery.outcomes[i] ?? NO_OUTCOME;
      const common = { id: claim.message.id, upstream: delivery.upstream };
      const forward_path = claim.recipients[i]?.forwardPath ?? '';
      const { settlement: end, attempt, duration } = one;
      if (end.outcome === 'relayed') {
        log('recipient.relayed', {
          ...common,
          forward_path,
          attempt,
          duration: Math.round(duration),
          reply: end.reply,
        });
      } else if (end.outcome === 'deferred') {
        const next_attempt_at = end.nextAttemptAt === null ? null : new Date(end.nextAttemptAt).toISOString();
        const { reason, text } = explain(outcome);
        log('recipient.deferred', {
          ...common,
          forward_path,
          attempt,
          reason,
          reply: end.reply,
          next_attempt_at,
          text,
        });
      } else {
        const { reason, text } = explain(outcome);
        log('recipient.failed', {
          ...common,
          forward_path,
          attempt,
          reason: end.outcome === 'expired' ? 'expired' : reason,
          reply: end.reply,
          text,
        });
      }
    });
  };

  return {
    run,
    giveUpRetrying: () => {
      retrying = false;
    },
  };
}

function sleep(milliseconds: DurationMs): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, milliseconds);
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

/** The stored content could not be sent: perhaps it is damaged. */
function failedOnOurSide({ outcomes }: Delivery): boolean {
  return outcomes.some(outcome => outcome.kind === 'deferred' && outcome.stage === 'content');
}

function explain(outcome: Delivery['outcomes'][number]): Readonly<{ reason: string; text: string }> {
  return outcome.kind === 'relayed'
    ? { reason: 'relayed', text: '' }
    : { reason: outcome.reason, text: outcome.text };
}
