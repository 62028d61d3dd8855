// The relay as the queue's runner sees it (queue/delivery.ts): where a message may go now, handing it over, and how
// long an upstream was usable. It follows the operator's changes live and wakes the runner when capacity may have risen.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RandomBytes } from '../ids.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import type { Delivery, DeliveryRequest, Relay } from '../queue/delivery.ts';
import type { Outcome } from '../queue/outcome.ts';
import type { ProbePolicy } from './breaker.ts';
import { DEFAULT_PROBE_POLICY } from './breaker.ts';
import type { CredentialsOf } from './credentials.ts';
import { createDriver } from './drivers/drivers.ts';
import type { Timeouts } from './drivers/smtp-connection.ts';
import { createSendAsPermitted } from './identity-delivery.ts';
import type { Lane } from './lane.ts';
import { createLane } from './lane.ts';
import type { PaceDeps } from './pace.ts';
import type { PoolLimits } from './pool.ts';
import { createPool, DEFAULT_POOL_LIMITS } from './pool.ts';
import type { RecipientRules } from './recipient-rules.ts';
import type { RouteView } from './routes.ts';
import { createRouting } from './routing.ts';
import type { Upstream } from './upstream.ts';
import type { Upstreams } from './upstreams.ts';

export type RelayDeps = Readonly<{
  upstreams: Pick<Upstreams, 'list' | 'onChange' | 'recordFault' | 'recordAnnouncedSize'>;
  credentialsOf: CredentialsOf;
  routes: Pick<RouteView, 'list' | 'onChange'>;
  recipients: Pick<RecipientRules, 'list' | 'mappedRecipient' | 'onChange'>;
  clock: Clock;
  random: RandomBytes;
  log: Log;
  raise: RaiseAlert;
  /** Where the pace of each upstream outlives this process. */
  paces: PaceDeps['paces'];
  /** This server's host name, for EHLO. */
  hostname: string;
  probes?: ProbePolicy;
  timeouts?: Timeouts;
  pool?: PoolLimits;
}>;

export type RelayWithSizes = Relay &
  Readonly<{
    /** Octets of the largest message that any route carries, for SIZE in EHLO; null where that is not known. */
    largestMessage: () => number | null;
  }>;

export function createRelay(deps: RelayDeps): RelayWithSizes {
  const { upstreams, clock, log, hostname } = deps;
  const { random, timeouts } = deps;
  const driver = createDriver({ hostname, random, clock, ...(timeouts === undefined ? {} : { timeouts }) });
  // Before the lanes: whoever they wake asks for routes that know of every upstream.
  const routing = createRouting(deps);
  const sendAsPermitted = createSendAsPermitted({ ...deps, ...deps.recipients });
  const cutOff = new AbortController();
  const lanes = new Map<string, Lane>();
  const listeners: (() => void)[] = [];
  const deliveries = new Set<Promise<Delivery>>();
  const learnedAt = new Map<string, DurationMs>();
  let nextTimer: NodeJS.Timeout | undefined;
  let stopping = false;

  function wake(): void {
    for (const listener of listeners) listener();
  }

  function planNext(): void {
    clearTimeout(nextTimer);
    const waits = [...lanes.values()].flatMap(lane => lane.untilNext() ?? []);
    if (stopping || waits.length === 0) return;
    // A timer may fire a moment early, by the loop's own clock: then it is planned again, for nobody else would wake us.
    nextTimer = setTimeout(
      () => {
        planNext();
        wake();
      },
      Math.min(LONGEST_TIMER, Math.ceil(Math.min(...waits))),
    );
  }

  function follow(): void {
    const present = new Set<string>();
    for (const upstream of upstreams.list()) {
      present.add(upstream.id);
      const lane = lanes.get(upstream.id);
      if (lane === undefined) lanes.set(upstream.id, newLane(upstream));
      else lane.update(upstream);
    }
    for (const [id, lane] of lanes) {
      if (present.has(id)) continue;
      lane.retire();
      lanes.delete(id);
    }
    planNext();
    wake();
  }

  const newPool = ({ pacing }: Upstream) => {
    const limits = deps.pool ?? DEFAULT_POOL_LIMITS;
    return createPool({ ...limits, messages: pacing.messagesPerConnection ?? limits.messages });
  };

  /** Once a minute at most: behind one name may stand servers that announce different ones. */
  function learnSize({ id, revision }: Upstream, size: number | null): void {
    const upstream = upstreams.list().find(known => known.id === id && known.revision === revision);
    const last = learnedAt.get(id) ?? Number.NEGATIVE_INFINITY;
    if (stopping || upstream === undefined || upstream.announcedSize === size) return;
    if (clock.monotonic() - last < BETWEEN_SIZES) return;
    learnedAt.set(id, clock.monotonic());
    void upstreams.recordAnnouncedSize(upstream, size).catch(() => undefined);
  }

  const newLane = (upstream: Upstream) =>
    createLane(upstream, {
      clock,
      log,
      raise: deps.raise,
      paces: deps.paces,
      probes: deps.probes ?? DEFAULT_PROBE_POLICY,
      sendAsPermitted,
      newPool,
      dial: async target => {
        const dialled = await driver.dial(target, deps.credentialsOf(target), cutOff.signal);
        if (dialled.kind === 'open') learnSize(target, dialled.session.capabilities.maxSize);
        return dialled;
      },
      recordFault: (target, fault) => void upstreams.recordFault(target, fault).catch(() => undefined),
      onStart: planNext,
      onEnd: () => {
        planNext();
        wake();
      },
    });

  function deliver(request: DeliveryRequest): Promise<Delivery> {
    const lane = lanes.get(request.upstreamId);
    if (lane === undefined) return Promise.resolve(unknownUpstream(request));
    const delivery = lane.deliver(request);
    deliveries.add(delivery);
    void delivery.finally(() => deliveries.delete(delivery));
    return delivery;
  }

  upstreams.onChange(() => {
    if (!stopping) follow();
  });
  follow();

  return {
    capacity: () =>
      [...lanes.values()].map(lane => {
        const { id, name, pausedAt } = lane.upstream();
        const recipients = lane.recipients();
        return {
          upstreamId: id,
          upstream: name,
          free: lane.free(),
          open: lane.isOpen(),
          ...(recipients === null ? {} : { recipients }),
          paused: pausedAt !== null,
        };
      }),
    routing,
    largestMessage: routing.largestMessage,
    deliver,
    usableTime: id => lanes.get(id)?.usableTime() ?? 0,
    onCapacity: listener => void listeners.push(listener),
    stop: async grace => {
      stopping = true;
      clearTimeout(nextTimer);
      for (const lane of lanes.values()) lane.retire();
      await ended(deliveries, grace);
      cutOff.abort();
      await ended(deliveries, AFTER_CUT_OFF);
    },
  };
}

const BETWEEN_SIZES: DurationMs = 60_000;
/** A timer cannot wait for more than some weeks; when it fires early, the next one is planned. */
const LONGEST_TIMER: DurationMs = 3_600_000;

/** Cut connections report to their deliveries in the next ticks; this only bounds a mistake. */
const AFTER_CUT_OFF: DurationMs = 1000;

async function ended(deliveries: ReadonlySet<Promise<Delivery>>, within: DurationMs): Promise<void> {
  if (deliveries.size === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, within);
  });
  await Promise.race([Promise.all(deliveries), late]);
  clearTimeout(timer);
}

function unknownUpstream({ forwardPaths, upstreamId }: DeliveryRequest): Delivery {
  const outcome: Outcome = {
    kind: 'deferred',
    reason: 'upstream',
    stage: 'connect',
    reply: null,
    text: 'The upstream was removed.',
  };
  return { outcomes: forwardPaths.map(() => outcome), fault: null, upstream: upstreamId };
}
