// One upstream at run time: its connections, its health, and the deliveries under way. A change by the operator closes
// the idle connections; deliveries under way end over those that they have.

import type { DurationMs } from '../clock.ts';
import type { Delivery, DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome, UpstreamFault } from '../queue/outcome.ts';
import type { Dial } from './attempt.ts';
import { attempt } from './attempt.ts';
import type { HealthDeps, Ticket } from './health.ts';
import { createHealth } from './health.ts';
import type { Pool } from './pool.ts';
import type { Upstream } from './upstream.ts';
import { blamed, faulty, isWaiting } from './verdicts.ts';

export type Lane = Readonly<{
  upstream: () => Upstream;
  /** Deliveries that may start now. */
  free: () => number;
  deliver: (request: DeliveryRequest) => Promise<Delivery>;
  usableTime: () => DurationMs;
  /** Until the next probe is due; null where none is planned. */
  untilProbe: () => DurationMs | null;
  /** Takes over the upstream as it is now. */
  update: (upstream: Upstream) => void;
  /** The upstream was removed, or the server stops: nothing starts, idle connections are closed, no time counts. */
  retire: () => void;
}>;

export type LaneDeps = HealthDeps &
  Readonly<{
    newPool: () => Pool;
    dial: (upstream: Upstream) => ReturnType<Dial>;
    /** A delivery ended. */
    onEnd: () => void;
  }>;

export function createLane(initial: Upstream, deps: LaneDeps): Lane {
  const health = createHealth(initial, deps);
  const line: (() => void)[] = [];
  let upstream = initial;
  let pool = deps.newPool();
  let running = 0;
  let retired = false;

  function free(): number {
    if (retired || upstream.pausedAt !== null) return 0;
    // A probe does not wait for deliveries that began before the fault.
    return health.isOpen() ? health.allowance() : Math.max(0, health.allowance() - running - line.length);
  }

  /** A delivery too many waits in line: more connections than the operator allows are never open. Null: no wait. */
  function takePlace(): Promise<void> | null {
    if (health.isOpen() || running < upstream.connections) {
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
    if (wait !== null) await wait;
    try {
      if (retired) return waiting(request, upstream);
      const ticket = health.start();
      return 'kind' in ticket ? turnedAway(request, ticket, upstream) : await carry(request, ticket);
    } finally {
      leavePlace();
    }
  }

  async function carry(request: DeliveryRequest, ticket: Ticket): Promise<Delivery> {
    const target = upstream;
    const { name } = target;
    try {
      const result = await attempt(request, { upstream: name, pool, dial: () => deps.dial(target) });
      const { outcomes, evidence } = result;
      const blame = health.end(ticket, request.messageId, evidence);
      const fault = evidence.kind === 'fault' ? evidence.fault : null;
      if (fault !== null && blame === 'message') {
        return { outcomes: blamed(result, fault), fault: null, upstream: name };
      }
      return { outcomes, fault: outcomes.every(isWaiting) ? fault : null, upstream: name };
    } catch (error) {
      // A mistake of ours. It must neither lose the message nor leave a probe under way for ever.
      health.end(ticket, request.messageId, { kind: 'nothing' });
      return { outcomes: request.forwardPaths.map(() => mistake(error)), fault: null, upstream: name };
    }
  }

  return {
    upstream: () => upstream,
    free,
    deliver,
    usableTime: health.usableTime,
    untilProbe: () => (retired || upstream.pausedAt !== null ? null : health.untilProbe()),
    update: changed => {
      if (changed.revision !== upstream.revision) {
        pool.retire();
        pool = deps.newPool();
      }
      upstream = changed;
      health.update(changed);
    },
    retire: () => {
      retired = true; // Those in line are sent away as places come free.
      pool.retire();
      health.retire();
    },
  };
}

function turnedAway(request: DeliveryRequest, fault: UpstreamFault, { name }: Upstream): Delivery {
  return { outcomes: faulty(request, fault).outcomes, fault, upstream: name };
}

function waiting({ forwardPaths }: DeliveryRequest, { name }: Upstream): Delivery {
  return { outcomes: forwardPaths.map(() => NOT_NOW), fault: null, upstream: name };
}

function mistake(error: unknown): Outcome {
  const text = `Postern made a mistake while delivering; please report it. The message waits. (${String(error)})`;
  return { kind: 'deferred', reason: 'refused-for-now', stage: 'content', reply: null, text };
}

/** Between the runner's question and its request the upstream went away. */
const NOT_NOW: Outcome = {
  kind: 'deferred',
  reason: 'upstream',
  stage: 'connect',
  reply: null,
  text: 'The upstream was removed, or Postern is stopping; the message waits.',
};
