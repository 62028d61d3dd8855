// The pace of one upstream over time: holds what pacing.ts decides from, logs when it slows down and when it is back, keeps
// it for the next start. A message that is told "too fast" again and again while others pass is itself what is refused:
// then it backs off alone, so that one message cannot slow down all the others.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import type { UpstreamFault } from '../queue/outcome.ts';
import {
  accepted,
  connectionsNow,
  forgiving,
  freshPace,
  isLongWait,
  LONG_WAIT,
  mayStart,
  type Pace,
  type PaceLimits,
  perMinuteNow,
  started,
  throttled,
  usedUpFor,
  waitForNext,
} from './pacing.ts';
import { statedWait } from './stated-wait.ts';
import { readPace, writePace } from './stored-pace.ts';
import type { Upstream } from './upstream.ts';

export type UpstreamPace = Readonly<{
  /** Deliveries that may start now, with `running` under way. */
  mayStart: (running: number) => number;
  /** Until the pace lets the next one start, and mail may come here again; 0: it does now. */
  wait: () => DurationMs;
  /** Until when, on the monotonic clock, this upstream is of no use: it paused us, or a limit is used up. */
  blockedUntil: () => DurationMs;
  /** False where mail would wait so long that another upstream had better take it. */
  isOpen: () => boolean;
  started: () => void;
  /** The upstream took this message. */
  accepted: (messageId: string) => void;
  /** Says who is to blame: the pace, or this one message. */
  throttled: (messageId: string, fault: UpstreamFault) => 'upstream' | 'message';
  update: (upstream: Upstream) => void;
}>;

export type PaceDeps = Readonly<{
  clock: Clock;
  log: Log;
  raise: RaiseAlert;
  /** What an earlier run kept, and where this one keeps it; `write` is called when it is written. */
  paces: Readonly<{
    get: (upstreamId: string) => string | null;
    keep: (upstreamId: string, write: () => string) => void;
  }>;
}>;

/** So often in a row with others between them, it is the message. */
const BLAMED_AFTER = 3;
const MOST_SUSPECTS = 100;

export function createPace(initial: Upstream, { clock, log, raise, paces }: PaceDeps): UpstreamPace {
  let upstream = initial;
  const now = clock.monotonic;
  const offset = () => clock.now() - now();
  const remembered = readPace(paces.get(initial.id), { offset: offset(), now: now() });
  let pace: Pace = freshPace(now(), remembered.counts, remembered.slow);
  let closedUntil: DurationMs = Number.NEGATIVE_INFINITY;
  /** Messages that were told "too fast", how often, and whether another was taken since. */
  const suspects = new Map<string, Readonly<{ times: number; othersPassed: boolean }>>();

  const limits = (): PaceLimits => ({ ...upstream.pacing, connections: upstream.connections });
  const current = (): Pace => {
    become(forgiving(pace, now()));
    return pace;
  };

  function become(next: Pace): void {
    const before = pace;
    pace = next;
    if (before.slow !== null && next.slow === null) {
      log('upstream.unthrottled', { upstream: upstream.name, after: Math.round(now() - before.slow.since) });
    }
    if (next.counts !== before.counts || next.slow !== before.slow) {
      paces.keep(upstream.id, () => writePace(pace, offset()));
    }
  }

  /** True: it is this message, not the pace. */
  function suspect(messageId: string): boolean {
    const known = suspects.get(messageId);
    const times = known === undefined || !known.othersPassed ? 1 : known.times + 1;
    suspects.delete(messageId);
    suspects.set(messageId, { times, othersPassed: false });
    const [oldest] = suspects.keys();
    if (suspects.size > MOST_SUSPECTS && oldest !== undefined) suspects.delete(oldest);
    return times >= BLAMED_AFTER;
  }

  function report(reply: string | null): void {
    const { slow } = pace;
    if (slow === null) return;
    log('upstream.throttled', {
      upstream: upstream.name,
      reply,
      per_minute: Math.round((perMinuteNow(pace, limits()) ?? 0) * 10) / 10,
      connections: connectionsNow(pace, limits()),
      paused_until: new Date(slow.pausedUntil + offset()).toISOString(),
    });
    const stuck = slow.stuckSince === null ? 0 : now() - slow.stuckSince;
    if (stuck > LONG_WAIT) raise(stuckAlert(upstream.name, stuck, reply));
  }

  return {
    mayStart: running => mayStart(current(), limits(), running, now()),
    wait: () => Math.max(0, waitForNext(current(), limits(), now()), closedUntil - now()),
    blockedUntil: () => {
      const pause = (pace.slow?.pausedUntil ?? now()) - now();
      return now() + Math.max(0, pause, usedUpFor(pace, limits(), now()));
    },
    isOpen: () => {
      // Mail that was given to the next upstream does not come back halfway through the wait.
      if (isLongWait(current(), limits(), now())) closedUntil = now() + waitForNext(pace, limits(), now());
      return now() >= closedUntil;
    },
    started: () => become(started(current(), limits(), now())),
    accepted: messageId => {
      for (const [id, known] of suspects) suspects.set(id, { ...known, othersPassed: true });
      suspects.delete(messageId);
      become(accepted(pace, limits(), now()));
    },
    throttled: (messageId, fault) => {
      const isAfterMail = ['mail', 'rcpt', 'data', 'body'].includes(fault.stage);
      if (isAfterMail && suspect(messageId)) return 'message';
      const before = pace.slow?.pausedUntil ?? null;
      const stated = fault.wait ?? statedWait(fault.reply);
      become(throttled(pace, limits(), { now: now(), stated, reply: fault.reply }));
      if (pace.slow?.pausedUntil !== before) report(fault.reply);
      return 'upstream';
    },
    update: changed => {
      // Whoever sets a pace, or says "resume", means it: what was learned before no longer counts.
      if (changed.revision !== upstream.revision) {
        become({ ...pace, slow: null });
        suspects.clear();
        closedUntil = Number.NEGATIVE_INFINITY;
      }
      upstream = changed;
    },
  };
}

function stuckAlert(upstream: string, stuck: DurationMs, reply: string | null) {
  const said = reply === null ? '' : ` It says: ${reply}`;
  const text = `${upstream} has put off all our mail for ${Math.round(stuck / 60_000)} minutes because it is too much for it. Mail waits and does not age. If this comes often, lower the pace, for example with "postern upstream set ${upstream} --per-minute 10", or ask the provider for more.${said}`;
  return { kind: 'upstream-fault', subject: `${upstream}: throttled`, text } as const;
}
