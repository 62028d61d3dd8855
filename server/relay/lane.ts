// One upstream at run time: its connections, its health, its pace, and the deliveries under way. A change by the operator
// closes the idle connections; deliveries under way end over those that they have. Being told "too fast" is no fault of the
// upstream: the pace slows down, and the messages wait at no cost.

import type { DurationMs } from '../clock.ts';
import type { Delivery, DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome, UpstreamFault } from '../queue/outcome.ts';
import { sendingApiOf } from './apis/apis.ts';
import type { Dial } from './attempt.ts';
import { attempt } from './attempt.ts';
import type { HealthDeps, Ticket } from './health.ts';
import { createHealth } from './health.ts';
import type { SendAsPermitted } from './identity-delivery.ts';
import { createPace, type PaceDeps } from './pace.ts';
import type { Pool } from './pool.ts';
import { createRecipientLimit } from './recipient-limit.ts';
import { isSenderRefused, senderAlert } from './sender-alert.ts';
import type { Upstream } from './upstream.ts';
import { type Attempt, blamed, faulty, isWaiting } from './verdicts.ts';

export type Lane = Readonly<{
  upstream: () => Upstream;
  /** Deliveries that may start now. */
  free: () => number;
  /** Whether mail should come here, now or as soon as there is a place (queue/delivery.ts). */
  isOpen: () => boolean;
  /** Recipients that it takes at a time; null: not known. */
  recipients: () => number | null;
  deliver: (request: DeliveryRequest) => Promise<Delivery>;
  usableTime: () => DurationMs;
  /** Until a delivery may start again by time alone: a probe is due, the pace allows one more; null where none will. */
  untilNext: () => DurationMs | null;
  /** Takes over the upstream as it is now. */
  update: (upstream: Upstream) => void;
  /** The upstream was removed, or the server stops: nothing starts, idle connections are closed, no time counts. */
  retire: () => void;
}>;

export type LaneDeps = HealthDeps &
  PaceDeps &
  Readonly<{
    newPool: (upstream: Upstream) => Pool;
    dial: (upstream: Upstream) => ReturnType<Dial>;
    /** Puts senders and local recipients into what goes out. */
    sendAsPermitted: SendAsPermitted;
    /** A delivery started: `untilNext` may have changed. */
    onStart: () => void;
    /** A delivery ended. */
    onEnd: () => void;
  }>;

export function createLane(initial: Upstream, deps: LaneDeps): Lane {
  const health = createHealth(initial, deps);
  const pace = createPace(initial, deps);
  const recipients = createRecipientLimit(deps.clock);
  const line: (() => void)[] = [];
  let upstream = initial;
  let pool = deps.newPool(initial);
  let running = 0;
  let retired = false;
  // A limit of a day that was used up before the restart still is.
  health.blockedUntil(pace.blockedUntil());

  function free(): number {
    if (!isOn()) return 0;
    // A probe does not wait for deliveries that began before the fault.
    if (health.isFaulty()) return Math.min(health.allowance(), pace.mayStart(0));
    return Math.max(0, pace.mayStart(running) - line.length);
  }

  function isOn(): boolean {
    return !retired && upstream.pausedAt === null;
  }

  function untilNext(): DurationMs | null {
    if (!isOn()) return null;
    const probe = health.isFaulty() ? health.untilProbe() : 0;
    if (probe === null) return null;
    const wait = Math.max(probe, pace.wait());
    return wait > 0 ? wait : null;
  }

  /** A delivery too many waits in line: more connections than the operator allows are never open. Null: no wait. */
  function takePlace(): Promise<void> | null {
    if (health.isFaulty() || running < upstream.connections) {
      running++;
      return null;
    }
    return new Promise(resolve => void line.push(resolve)); // It inherits the place.
  }

  function leavePlace(): void {
    const next = line.shift();
    if (next === undefined) running--;
    else next();
    deps.onEnd();
  }

  async function deliver(request: DeliveryRequest): Promise<Delivery> {
    const wait = takePlace();
    pace.started();
    deps.onStart();
    if (wait !== null) await wait;
    try {
      if (!isOn()) return waiting(request, upstream);
      const ticket = health.start();
      return 'kind' in ticket ? turnedAway(request, ticket, upstream) : await carry(request, ticket);
    } finally {
      leavePlace();
    }
  }

  async function carry(request: DeliveryRequest, ticket: Ticket): Promise<Delivery> {
    const target = upstream;
    const { name } = target;
    const unfit = tooLarge(request, target);
    if (unfit !== null) {
      health.end(ticket, request.messageId, { kind: 'nothing' });
      return { outcomes: request.forwardPaths.map(() => unfit), fault: null, upstream: name };
    }
    try {
      let sender = request.reversePath;
      const result = await deps.sendAsPermitted(request, target, permitted => {
        sender = permitted.reversePath;
        return attempt(permitted, { upstream: name, pool, dial: () => deps.dial(target) });
      });
      const delivery = judged(request, ticket, result, name);
      const refused = delivery.outcomes.find(isSenderRefused);
      if (refused !== undefined) deps.raise(senderAlert(target, sender, request.account, refused));
      return delivery;
    } catch (error) {
      // A mistake of ours. It must neither lose the message nor leave a probe under way for ever.
      health.end(ticket, request.messageId, { kind: 'nothing' });
      return { outcomes: request.forwardPaths.map(() => mistake(error)), fault: null, upstream: name };
    }
  }

  /** What the attempt says of the upstream, and what that makes of its outcomes. */
  function judged(request: DeliveryRequest, ticket: Ticket, result: Attempt, name: string): Delivery {
    const { messageId } = request;
    const { outcomes, evidence, recipientLimit, ...rest } = result;
    if (recipientLimit !== undefined) recipients.shown(recipientLimit);
    const fault = evidence.kind === 'fault' ? evidence.fault : null;
    const isPace = fault?.kind === 'throttled';
    const blame = isPace ? pace.throttled(messageId, fault) : health.end(ticket, messageId, evidence);
    if (isPace) health.end(ticket, messageId, { kind: 'nothing' });
    // Connections that only wait count too, where there were too many.
    if (isPace && blame === 'upstream') pool.discardIdle();
    if (outcomes.some(outcome => outcome.kind === 'relayed')) pace.accepted(messageId);
    health.blockedUntil(pace.blockedUntil());
    if (fault !== null && blame === 'message') {
      return { ...rest, outcomes: blamed(result, fault), fault: null, upstream: name };
    }
    return { ...rest, outcomes, fault: outcomes.every(isWaiting) ? fault : null, upstream: name };
  }

  return {
    upstream: () => upstream,
    free,
    isOpen: () => isOn() && pace.isOpen() && (!health.isFaulty() || health.allowance() > 0),
    recipients: () => least(recipients.now(), sendingApiOf(upstream.scheme)?.mostRecipients ?? null),
    deliver,
    usableTime: health.usableTime,
    untilNext,
    update: changed => {
      if (changed.revision !== upstream.revision) {
        pool.retire();
        pool = deps.newPool(changed);
        recipients.forget();
      }
      upstream = changed;
      health.update(changed);
      pace.update(changed);
      health.blockedUntil(pace.blockedUntil());
    },
    retire: () => {
      retired = true; // Those in line are sent away as places come free.
      pool.retire();
      health.retire();
    },
  };
}

/** Null: no limit that we know of. */
function least(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

/** The operator or a preset says that it takes no more than this; what it announces itself is the attempt's business. */
function tooLarge({ size }: DeliveryRequest, { name, messageSize }: Upstream): Outcome | null {
  if (messageSize === null || size <= messageSize) return null;
  const text = `The message has ${size} octets, and ${name} takes at most ${messageSize}. Send it smaller (lower scan resolution, fewer pages), or use another upstream.`;
  return {
    kind: 'failed',
    reason: 'not-supported-upstream',
    stage: 'content',
    reply: null,
    text,
    status: '5.3.4',
  };
}

function turnedAway(request: DeliveryRequest, fault: UpstreamFault, { name }: Upstream): Delivery {
  return { outcomes: faulty(request, fault).outcomes, fault, upstream: name };
}

function waiting({ forwardPaths }: DeliveryRequest, { name }: Upstream): Delivery {
  return { outcomes: forwardPaths.map(() => NOT_NOW), fault: null, upstream: name };
}

function mistake(error: unknown): Outcome {
  const text = `Postern made a mistake while delivering; please report it. (${String(error)})`;
  return { kind: 'deferred', reason: 'refused-for-now', stage: 'content', reply: null, text };
}

/** Between the runner's question and its request, or while it stood in line, the upstream went away. */
const NOT_NOW: Outcome = {
  kind: 'deferred',
  reason: 'upstream',
  stage: 'connect',
  reply: null,
  text: 'The upstream was removed or paused, or Postern is stopping.',
};
