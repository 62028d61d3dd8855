// The relay as the queue's runner sees it (queue/delivery.ts): where a message may go now, handing it over, and how
// long an upstream was usable. It follows the operator's changes live and wakes the runner when capacity may have risen.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RandomBytes } from '../ids.ts';
import type { Delivery, DeliveryRequest, Relay } from '../queue/delivery.ts';
import type { Outcome } from '../queue/outcome.ts';
import { DEFAULT_ROUTE } from '../queue/way.ts';
import type { ProbePolicy } from './breaker.ts';
import { DEFAULT_PROBE_POLICY } from './breaker.ts';
import type { Timeouts } from './drivers/smtp-connection.ts';
import { createSmtpDriver, DEFAULT_TIMEOUTS } from './drivers/smtp-driver.ts';
import type { Lane } from './lane.ts';
import { createLane } from './lane.ts';
import type { PoolLimits } from './pool.ts';
import { createPool, DEFAULT_POOL_LIMITS } from './pool.ts';
import { routedUpstreams } from './route.ts';
import type { Upstreams } from './upstreams.ts';

export type RelayDeps = Readonly<{
  upstreams: Pick<Upstreams, 'list' | 'password' | 'onChange' | 'recordFault'>;
  clock: Clock;
  random: RandomBytes;
  log: Log;
  /** This server's host name, for EHLO. */
  hostname: string;
  probes?: ProbePolicy;
  timeouts?: Timeouts;
  pool?: PoolLimits;
}>;

export function createRelay(deps: RelayDeps): Relay {
  const { upstreams, clock, log, hostname } = deps;
  const driver = createSmtpDriver({
    hostname,
    random: deps.random,
    timeouts: deps.timeouts ?? DEFAULT_TIMEOUTS,
  });
  const cutOff = new AbortController();
  const lanes = new Map<string, Lane>();
  const listeners: (() => void)[] = [];
  const deliveries = new Set<Promise<Delivery>>();
  let probeTimer: NodeJS.Timeout | undefined;
  let stopping = false;

  function wake(): void {
    for (const listener of listeners) listener();
  }

  function routed(): readonly Lane[] {
    return routedUpstreams(upstreams.list()).flatMap(upstream => lanes.get(upstream.id) ?? []);
  }

  function planProbe(): void {
    clearTimeout(probeTimer);
    const waits = routed().flatMap(lane => lane.untilProbe() ?? []);
    const wait = Math.min(...waits);
    if (stopping || waits.length === 0 || wait <= 0) return;
    // A timer may fire a moment early, by the loop's own clock: then it is planned again, for nobody else would wake us.
    probeTimer = setTimeout(() => {
      planProbe();
      wake();
    }, Math.ceil(wait));
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
    planProbe();
    wake();
  }

  const newLane = (upstream: Parameters<typeof createLane>[0]) =>
    createLane(upstream, {
      clock,
      log,
      probes: deps.probes ?? DEFAULT_PROBE_POLICY,
      newPool: () => createPool(deps.pool ?? DEFAULT_POOL_LIMITS),
      dial: target => driver.dial(target, upstreams.password(target), cutOff.signal),
      recordFault: (target, fault) => void upstreams.recordFault(target, fault).catch(() => undefined),
      onEnd: () => {
        planProbe();
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
      routed().map(lane => {
        const { id, name } = lane.upstream();
        const paused = lane.upstream().pausedAt !== null;
        return { upstreamId: id, upstream: name, free: lane.free(), open: !paused, paused };
      }),
    routing: {
      routes: () => new Map([[DEFAULT_ROUTE, routed().map(lane => lane.upstream().id)]]),
      routeOf: () => DEFAULT_ROUTE,
      onChange: () => undefined,
    },
    deliver,
    usableTime: id => lanes.get(id)?.usableTime() ?? 0,
    onCapacity: listener => void listeners.push(listener),
    stop: async grace => {
      stopping = true;
      clearTimeout(probeTimer);
      for (const lane of lanes.values()) lane.retire();
      await ended(deliveries, grace);
      cutOff.abort();
      await ended(deliveries, AFTER_CUT_OFF);
    },
  };
}

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
    text: 'The upstream was removed; the message waits for another route.',
  };
  return { outcomes: forwardPaths.map(() => outcome), fault: null, upstream: upstreamId };
}
