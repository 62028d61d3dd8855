// Which upstreams have taken mail for some time: what waited for one that was paused or at fault is not late because of
// that once it works again, but on its way, and a report would go out with it, or before it. Seen at each look, by the
// monotonic clock; what is open at the start of the process counts as just opened.

import type { Clock, DurationMs } from '../clock.ts';
import type { Relay } from '../queue/delivery.ts';
import { isLate } from './report-decision.ts';

export type WorkingUpstreams = Readonly<{
  /** Notes which are open now. */
  look: () => void;
  /** Whether mail on this way that waits for long is late, by the last look. */
  isLate: (way: string) => boolean;
}>;

type Deps = Readonly<{
  clock: Pick<Clock, 'monotonic'>;
  relay: Pick<Relay, 'capacity' | 'routing'>;
  /** How long an upstream must have been open for what still waits to be late. */
  drain: DurationMs;
}>;

export function createWorkingUpstreams({ clock, relay, drain }: Deps): WorkingUpstreams {
  let openSince: ReadonlyMap<string, DurationMs> = new Map();

  const look = (): void => {
    const now = clock.monotonic();
    const open = relay.capacity().filter(one => one.open);
    openSince = new Map(open.map(({ upstreamId }) => [upstreamId, openSince.get(upstreamId) ?? now]));
  };
  const isWorking = (upstreamId: string): boolean => {
    const since = openSince.get(upstreamId);
    return since !== undefined && clock.monotonic() - since >= drain;
  };

  look();
  return { look, isLate: way => isLate(way, isWorking, relay.routing.routes()) };
}
