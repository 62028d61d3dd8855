// Adds to the age of waiting mail the time in which its upstream was usable, a step at a time: only this time expires mail.
// Wall time is never asked, so a clock that jumps by months ages nothing; what a crash loses is at most one step.

import type { DurationMs } from '../clock.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { Relay } from './delivery.ts';
import type { Queue } from './queue.ts';
import type { RetryPolicy } from './schedule.ts';

export type Ages = Readonly<{
  start: () => void;
  /** Adds what was not yet counted. */
  stop: () => void;
}>;

const LONGEST_STEP: DurationMs = 5 * 60_000;
const SHORTEST_STEP: DurationMs = 1_000;

export function createAges(
  deps: Readonly<{
    queue: Pick<Queue, 'addAge'>;
    relay: Pick<Relay, 'capacity' | 'usableTime'>;
    policy: RetryPolicy;
    clockTrust: ClockTrust;
  }>,
): Ages {
  const { queue, relay, policy, clockTrust } = deps;
  const counted = new Map<string, DurationMs>();
  let timer: NodeJS.Timeout | undefined;

  const count = () => {
    for (const { upstreamId } of relay.capacity()) {
      const usable = relay.usableTime(upstreamId);
      const added = usable - (counted.get(upstreamId) ?? 0);
      counted.set(upstreamId, usable);
      if (added > 0 && clockTrust.trusted()) queue.addAge(upstreamId, added).catch(() => undefined);
    }
  };

  return {
    start: () => {
      timer = setInterval(count, Math.min(LONGEST_STEP, Math.max(SHORTEST_STEP, policy.expiry / 20)));
      timer.unref();
    },
    stop: () => {
      clearInterval(timer);
      count();
    },
  };
}
