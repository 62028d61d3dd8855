// Adds to the age of waiting mail the time in which its upstream was usable, a step at a time: only this time expires mail.
// Wall time is never asked, so a clock that jumps by months ages nothing; what a crash loses is at most one step.

import type { DurationMs } from '../clock.ts';
import type { Database, Statement } from '../storage/database.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { Relay } from './delivery.ts';
import type { RetryPolicy } from './schedule.ts';
import { type WaitingRow, walkWaiting } from './walk.ts';

export type Ages = Readonly<{
  start: () => void;
  /** Adds what was not yet counted. Never rejects. */
  stop: () => Promise<void>;
}>;

export type AgeDeps = Readonly<{
  database: Database;
  relay: Pick<Relay, 'capacity' | 'usableTime'>;
  policy: RetryPolicy;
  clockTrust: ClockTrust;
}>;

const LONGEST_STEP: DurationMs = 5 * 60_000;
const SHORTEST_STEP: DurationMs = 1_000;

export function createAges(deps: AgeDeps): Ages {
  const { database, relay, policy, clockTrust } = deps;
  const counted = new Map<string, DurationMs>();
  let timer: NodeJS.Timeout | undefined;

  const count = async (): Promise<void> => {
    const added = new Map<string, DurationMs>();
    for (const { upstreamId } of relay.capacity()) {
      const usable = relay.usableTime(upstreamId);
      const more = usable - (counted.get(upstreamId) ?? 0);
      counted.set(upstreamId, usable);
      if (more > 0) added.set(upstreamId, more);
    }
    // What cannot be written is no age: mail lives a little longer.
    if (added.size > 0 && clockTrust.trusted()) await addAges(database, added).catch(() => undefined);
  };

  return {
    start: () => {
      timer = setInterval(
        () => void count(),
        Math.min(LONGEST_STEP, Math.max(SHORTEST_STEP, policy.expiry / 20)),
      );
      timer.unref();
    },
    stop: () => {
      clearInterval(timer);
      return count();
    },
  };
}

/** Adds to what was refused and still waits, by the upstream that was tried last. Mail that was never refused has no age. */
export async function addAges(database: Database, added: ReadonlyMap<string, DurationMs>): Promise<void> {
  const statementFor = ({ id, ordinal, deferrals, upstreamId }: WaitingRow): readonly Statement[] => {
    const more = deferrals > 0 && upstreamId !== null ? added.get(upstreamId) : undefined;
    if (more === undefined) return [];
    const sql = 'UPDATE recipient SET age = age + ? WHERE message_id = ? AND ordinal = ?';
    return [{ sql, params: [Math.round(more), id, ordinal] }];
  };
  await walkWaiting(database, {
    ways: () => true,
    held: false,
    visit: page => page.flatMap(statementFor),
  });
}
