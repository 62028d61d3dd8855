// One attempt for one claimed message: open what was stored, hand it to the relay, write down what came back.
// Guarantees: what happened at the upstream is settled, or kept in memory and tried again for as long as this process
// lives; it never rejects. Content that is not what was stored is held, and all other mail goes on.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import { logAttempt, outcomeOf } from './attempt-log.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { ContentReader } from './content-reader.ts';
import type { Delivery, DeliveryRequest, Phase, Relay } from './delivery.ts';
import type { Claim, ClaimedRecipient, Damage } from './message.ts';
import type { Queue, RecipientSettlement } from './queue.ts';
import type { RetryPolicy } from './schedule.ts';
import { type Circumstances, settlement } from './settlement.ts';

export type AttemptDeps = Readonly<{
  queue: Queue;
  relay: Pick<Relay, 'deliver' | 'routing' | 'capacity'>;
  content: ContentReader;
  policy: RetryPolicy;
  clock: Clock;
  clockTrust: ClockTrust;
  /** In [0, 1), for jitter. */
  random: () => number;
  /** The name of an account, by its id. */
  accountName: (id: string) => string | null;
  raise: RaiseAlert;
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
  ) => Promise<boolean>;
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
    const opened = await content.open(claim).catch(() => null);
    if (opened === null || opened.kind === 'damaged') {
      onHandedOver();
      onDelivered();
      await (opened === null ? giveBack(claim) : hold(claim, opened));
      return opened === null;
    }
    const startedAt = clock.now();
    const begun = clock.monotonic();
    const renewal = renewWhileRunning(claim);
    const delivering = relay.deliver({ ...requestOf(claim, opened.content), onPhase: renewal.reached });
    onHandedOver();
    const delivery = await delivering;
    renewal.stop();
    onDelivered();
    const damage = failedOnOurSide(delivery) ? await content.inspect(claim) : null;
    if (!damage) return settle(claim, delivery, startedAt, clock.monotonic() - begun);
    await hold(claim, damage);
    return false;
  };

  const requestOf = (claim: Claim, opened: DeliveryRequest['content']): Omit<DeliveryRequest, 'onPhase'> => {
    const { id, accountId, kind, reversePath, bodyType, smtputf8, size, requireTls } = claim.message;
    return {
      upstreamId: claim.upstreamId,
      messageId: id,
      kind,
      account: accountId === null ? null : deps.accountName(accountId),
      reversePath,
      forwardPaths: claim.recipients.map(recipient => recipient.forwardPath),
      bodyType,
      smtputf8,
      size,
      content: opened,
      dsn: askedOf(claim),
      requireTls,
    };
  };

  /** The database cannot be read now: it was no attempt. */
  const giveBack = async (claim: Claim): Promise<void> => {
    await sleep(COMMIT_RETRY);
    await insist(() => queue.release(claim));
  };

  const hold = async (claim: Claim, { text }: Damage): Promise<void> => {
    const { id } = claim.message;
    const result = await insist(() => queue.hold(claim, text, clock.now()));
    // Deleted by an operator just now: nothing is wrong with the disk.
    if (result !== null && 'held' in result && !result.held) return;
    log('queue.content_damaged', { id, text });
    deps.raise({
      kind: 'mail-held',
      subject: id,
      text: `Message ${id} is held, because it cannot be sent as it was taken: ${text} All other mail goes on. "postern queue show ${id}" shows it; if its sender can send it again, "postern queue delete ${id}" removes it. Check the disk: what else is on it may be damaged too.`,
    });
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
  ): Promise<boolean> => {
    // One chance for all: recipients that are put off together come due together, and travel together.
    const chance = random();
    const ends = (now: EpochMs): readonly RecipientSettlement[] =>
      claim.recipients.map((recipient, i) => {
        const outcome = outcomeOf(delivery, i);
        const circumstances = circumstancesOf(claim, recipient, delivery);
        return {
          ordinal: recipient.ordinal,
          attempt: recipient.attempt,
          startedAt,
          duration,
          upstream: delivery.upstream,
          stage: outcome.kind === 'relayed' ? null : outcome.stage,
          settlement: settlement(outcome, recipient, { ...circumstances, now, random: () => chance }),
        };
      });
    let settlements: readonly RecipientSettlement[] = [];
    const result = await insist(() => {
      const now = clock.now();
      settlements = ends(now); // by the routes of now: it may have taken a while until this can be written
      return queue.settle(claim, settlements, now);
    });
    logAttempt(log, { claim, delivery, settlements });
    if (result !== null && 'content' in result && result.content === 'gone') {
      if (claim.message.content === 'spool') await content.discard(claim.message.id);
      log('message.retired', { id: claim.message.id });
    }
    return settlements.some(one => one.settlement.state === 'deferred');
  };

  const circumstancesOf = (
    claim: Claim,
    recipient: ClaimedRecipient,
    { dsnPassedOn }: Delivery,
  ): Omit<Circumstances, 'now' | 'random'> => ({
    clockTrusted: clockTrust.trusted(),
    policy,
    kind: claim.message.kind,
    queuedAt: claim.message.queuedAt,
    upstreamId: claim.upstreamId,
    routes: relay.routing.routes(),
    isOpen: id => relay.capacity().some(({ upstreamId, open }) => upstreamId === id && open),
    isOutdated: queue.isOutdated(claim, recipient),
    dsnPassedOn: dsnPassedOn === true,
  });

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

/** What the client asked to be told; null: nothing. */
function askedOf({ message: { dsn }, recipients }: Claim): DeliveryRequest['dsn'] {
  const asked = recipients.map(recipient => recipient.dsn);
  const isAny = asked.some(({ notify, originalRecipient }) => notify !== null || originalRecipient !== null);
  return isAny || dsn.envelopeId !== null || dsn.returns !== null ? { ...dsn, recipients: asked } : null;
}

/** The stored content could not be sent: perhaps it is damaged. */
function failedOnOurSide({ outcomes }: Delivery): boolean {
  return outcomes.some(outcome => outcome.kind === 'deferred' && outcome.stage === 'content');
}
