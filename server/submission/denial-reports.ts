// What accounts may not do, in the log: at once, at a level that is always written, because a person will look for why the
// device was refused. Then one line a minute for each account and reason: a device that is refused tries again and again.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import { formatReply } from '../smtp/reply.ts';
import type { Denial } from './policy.ts';
import { createThinning } from './thinning.ts';

export type ReportDenied = (
  who: Readonly<{ session: string; address: string; account?: string }>,
  denial: Denial,
) => void;

const SAID_AGAIN_AFTER: DurationMs = 60_000;

export function createDenialReports({
  clock,
  log,
}: Readonly<{ clock: Pick<Clock, 'monotonic'>; log: Log }>): ReportDenied {
  const thinning = createThinning({ clock, interval: SAID_AGAIN_AFTER });
  return (who, { reply, reason }) => {
    // The reason first: it has no blanks, a name may.
    const count = thinning(`${reason} ${who.account ?? ''}`);
    if (count !== null)
      log('message.refused', { ...who, reply: formatReply(reply).trimEnd(), reason, count });
  };
}
