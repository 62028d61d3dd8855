// The loop that empties the queue: claim what is due, hand it to the relay, settle what came back, sleep until the next is due.
// Guarantees: a claimed recipient is always settled, released, or kept in memory until it can be; one bad message never
// stops the others; nothing is tried while no upstream has a free place. It knows neither SMTP nor SQL.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { ContentReader } from './content-reader.ts';
import type { Capacity, Delivery, Phase, Relay } from './delivery.ts';
import type { Claim } from './message.ts';
import type { Queue, RecipientSettlement } from './queue.ts';
import { horizon, type RetryPolicy } from './schedule.ts';
import { settlement } from './settlement.ts';

export type Runner = Readonly<{
  start: () => void;
  /** Something may be due now. Cheap; may be called for every message. */
  kick: () => void;
  /** Starts nothing more, lets running attempts end for at most `grace`, settles them. */
  stop: (grace: DurationMs) => Promise<void>;
}>;

type Deps = Readonly<{
  queue: Queue;
  relay: Relay;
  content: ContentReader;
  policy: RetryPolicy;
  clock: Clock;
  clockTrust: ClockTrust;
  /** In [0, 1), for jitter. */
  random: () => number;
  log: Log;
}>;

/** A lease outlives every pause of the process that still ends in a settlement; it is renewed at a third of that. */
const LEASE: DurationMs = 15 * 60_000;
/** Waiting rows are looked at this often even when none is due: a clock may have stepped. */
const LONGEST_SLEEP: DurationMs = 30_000;
/** Pause before a commit that was refused (full disk, foreign lock) is tried again. */
const COMMIT_RETRY: DurationMs = 1_000;
/** Claimed ahead per upstream, beyond its free places, so that a place never waits for a commit. */
const AHEAD = 8;

export function createRunner({
  queue,
  relay,
  content,
  policy,
  clock,
  clockTrust,
  random,
  log,
}: Deps): Runner {
  const ready = new Map<string, Claim[]>();
  const running = new Set<Promise<void>>();
  let pumping = false;
  let pumpAgain = false;
  let stopping = false;
  let alarm: NodeJS.Timeout | undefined;
  let ageTimer: NodeJS.Timeout | undefined;

  const sleep = (milliseconds: DurationMs) =>
    new Promise<void>(resolve => {
      setTimeout(resolve, milliseconds);
    });

  const kick = () => {
    if (stopping) return;
    if (pumping) {
      pumpAgain = true;
      return;
    }
    pumping = true;
    void pump();
  };

  const pump = async (): Promise<void> => {
    try {
      do {
        pumpAgain = false;
        for (const capacity of relay.capacity()) if (!stopping) await fill(capacity);
      } while (pumpAgain && !stopping);
      await setAlarm();
    } catch (error) {
      log('storage.unavailable', { text: `The queue cannot be read: ${wordsOf(error)}` });
      wake(COMMIT_RETRY);
    } finally {
      pumping = false;
      if (pumpAgain) kick();
    }
  };

  /** Gives every free place of one upstream a message, and claims a few more for the places that come free next. */
  const fill = async (capacity: Capacity): Promise<void> => {
    const waiting = ready.get(capacity.upstreamId) ?? [];
    ready.set(capacity.upstreamId, waiting);
    if (capacity.free === 0) return;
    let free = startWaiting(capacity, waiting);
    // One free place may be a probe of a faulty upstream: exactly one message is risked on it.
    const ahead = free > 1 || running.size > 0 ? AHEAD : 0;
    const want = free + ahead - waiting.length;
    if (want <= 0 || (free === 0 && waiting.length >= AHEAD / 2)) return;
    const claims = await claim(capacity.upstreamId, want);
    waiting.push(...claims);
    free = relay.capacity().find(one => one.upstreamId === capacity.upstreamId)?.free ?? 0;
    startWaiting({ ...capacity, free }, waiting);
    if (claims.length >= want) pumpAgain = true;
  };

  const startWaiting = ({ free }: Capacity, waiting: Claim[]): number => {
    let left = free;
    while (left > 0 && !stopping) {
      const next = waiting.shift();
      if (!next) break;
      left--;
      start(next);
    }
    return left;
  };

  const claim = async (upstreamId: string, limit: number): Promise<readonly Claim[]> => {
    const now = clock.now();
    const result = await queue.claim({
      upstreamId,
      limit,
      now,
      horizon: horizon(now, policy),
      provisionalNextAttemptAt: now + policy.retryMin,
      leaseExpiresAt: now + LEASE,
    });
    if (!('kind' in result)) return result;
    log('storage.unavailable', { text: `No message can be claimed: ${result.kind}` });
    wake(COMMIT_RETRY);
    return [];
  };

  const start = (claim: Claim) => {
    const attempt = tryOnce(claim).finally(() => {
      running.delete(attempt);
      kick();
    });
    running.add(attempt);
  };

  const tryOnce = async (claim: Claim): Promise<void> => {
    const { message } = claim;
    const opened = await content.open(claim);
    if (opened.kind === 'damaged') {
      log('queue.content_damaged', { id: message.id, text: opened.text });
      await insist(() => queue.hold(claim, opened.text, clock.now()));
      return;
    }
    const startedAt = clock.now();
    const begun = clock.monotonic();
    const stopRenewing = renewWhileRunning(claim);
    const delivery = await relay.deliver({
      upstreamId: claim.upstreamId,
      messageId: message.id,
      reversePath: message.reversePath,
      forwardPaths: claim.recipients.map(recipient => recipient.forwardPath),
      bodyType: message.bodyType,
      smtputf8: message.smtputf8,
      size: message.size,
      content: opened.content,
      onPhase: stopRenewing.phase,
    });
    stopRenewing.stop();
    // The place is free again: let another message have it while this one is settled.
    kick();
    await settle(claim, delivery, startedAt, clock.monotonic() - begun);
  };

  const renewWhileRunning = (claim: Claim) => {
    let phase: Phase = 'dialling';
    const timer = setInterval(() => void queue.renew(claim, phase, clock.now() + LEASE), LEASE / 3);
    timer.unref();
    return {
      phase: (reached: Phase) => {
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
      if (stopping) return null;
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

  const wake = (after: DurationMs) => {
    clearTimeout(alarm);
    alarm = setTimeout(kick, Math.max(10, Math.min(after, LONGEST_SLEEP)));
  };

  const setAlarm = async (): Promise<void> => {
    if (stopping) return;
    const due = await queue.nextDue();
    const now = clock.now();
    // What is due already waits for a free place, and the relay or the end of an attempt tells of that.
    if (due === null) clearTimeout(alarm);
    else wake(due > now && due <= horizon(now, policy) ? due - now : LONGEST_SLEEP);
  };

  const keepAge = () => {
    const counted = new Map<string, DurationMs>();
    const every = Math.min(5 * 60_000, Math.max(1_000, policy.expiry / 20));
    ageTimer = setInterval(() => {
      for (const { upstreamId } of relay.capacity()) {
        const usable = relay.usableTime(upstreamId);
        const added = usable - (counted.get(upstreamId) ?? 0);
        counted.set(upstreamId, usable);
        if (added > 0 && clockTrust.trusted()) void queue.addAge(upstreamId, added);
      }
    }, every);
    ageTimer.unref();
  };

  return {
    start: () => {
      relay.onCapacity(kick);
      keepAge();
      kick();
    },
    kick,
    stop: async grace => {
      stopping = true;
      clearTimeout(alarm);
      clearInterval(ageTimer);
      await Promise.race([Promise.all(running), sleep(grace)]);
      await relay.stop(0);
      await Promise.all([...ready.values()].flat().map(claim => queue.release(claim)));
      await Promise.race([Promise.all(running), sleep(1_000)]);
    },
  };
}

/** A driver that returned fewer outcomes than recipients: unknown, so deferred. */
const NO_OUTCOME = {
  kind: 'deferred',
  reason: 'refused-for-now',
  stage: 'body',
  reply: null,
  text: 'The attempt ended without an answer for this recipient.',
} as const;

function explain(outcome: Delivery['outcomes'][number]): Readonly<{ reason: string; text: string }> {
  return outcome.kind === 'relayed'
    ? { reason: 'relayed', text: '' }
    : { reason: outcome.reason, text: outcome.text };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
