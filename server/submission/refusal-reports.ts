// Connections that found no place, in the log: one line a minute for each client, because who opens too many opens many.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import { createThinning } from './thinning.ts';

export type ReportRefused = (address: string, reply: Reply) => void;

const SAID_AGAIN_AFTER: DurationMs = 60_000;

export function createRefusalReports({
  clock,
  log,
}: Readonly<{ clock: Pick<Clock, 'monotonic'>; log: Log }>): ReportRefused {
  const thinning = createThinning({ clock, interval: SAID_AGAIN_AFTER });
  return (address, reply) => {
    const count = thinning(address);
    if (count === null) return;
    log('session.refused', { address, reply: formatReply(reply).trimEnd(), reason: 'limit', count });
  };
}
