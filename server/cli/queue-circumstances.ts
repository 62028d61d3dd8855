// What is known about the upstreams now, for the words about waiting mail: their state, the routes to them, and their pace.

import type { EpochMs } from '../clock.ts';
import { freshPace, perMinuteNow, usedUpFor } from '../relay/pacing.ts';
import type { StoredPace } from '../relay/stored-pace.ts';
import type { Upstream } from '../relay/upstream.ts';
import type { CommandStore } from './command-store.ts';
import { shownTime } from './output.ts';
import type { Circumstances, PaceTrouble } from './queue-waiting.ts';

type Source = Pick<CommandStore, 'clock' | 'config' | 'upstreams' | 'routes' | 'paceOf'>;

export async function circumstancesOf(store: Source): Promise<Circumstances> {
  const now = store.clock.now();
  const upstreams = store.upstreams.list();
  const paces = new Map<string, PaceTrouble>();
  for (const upstream of upstreams) {
    const trouble = paceTrouble(upstream, await store.paceOf(upstream), now);
    if (trouble !== null) paces.set(upstream.id, trouble);
  }
  return {
    now,
    upstreams,
    routes: store.routes.list(),
    paces,
    ambiguousFor: store.config.queue.ambiguous_for,
  };
}

/** What the pace of an upstream does to its mail; null: nothing. */
export function paceTrouble(
  { pacing, connections }: Upstream,
  { counts, slow }: StoredPace,
  now: EpochMs,
): PaceTrouble | null {
  const limits = { ...pacing, connections };
  const pace = freshPace(now, counts, slow);
  const usedUp = usedUpFor(pace, limits, now);
  if (usedUp > 0) {
    return { blocks: true, words: `has had as much as it takes, until ${shownTime(now + usedUp)}` };
  }
  if (slow !== null && slow.pausedUntil > now) {
    const said = slow.reply === null ? '' : ` (${slow.reply})`;
    return {
      blocks: true,
      words: `said that it is too much${said}: nothing until ${shownTime(slow.pausedUntil)}`,
    };
  }
  if (slow === null) return null;
  const rate = Math.round((perMinuteNow(pace, limits) ?? 0) * 10) / 10;
  return { blocks: false, words: `is slowed down to ${rate} a minute since ${shownTime(slow.since)}` };
}
