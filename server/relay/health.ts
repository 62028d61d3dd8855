// The health of one upstream over time: holds its breaker, counts the time in which it was usable (only that ages
// mail), logs, stores and alerts what changes: once for each fault, and not for one that is over in two minutes. A change by the operator (a higher revision) starts it anew; a fault known from
// before gets one probe at once. Faults are stored so that `upstream show` explains them, and a restart is no storm.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import type { UpstreamFault } from '../queue/outcome.ts';
import type { Breaker, Evidence, ProbePolicy } from './breaker.ts';
import { allowance, CLOSED, judge, started, suspicious } from './breaker.ts';
import { faultSubject, type KnownFault, type Upstream } from './upstream.ts';

/** What a delivery was allowed as. */
export type Ticket = Readonly<{ probe: boolean; revision: number }>;

export type Health = Readonly<{
  /** Deliveries that may run at the same time; while at fault: those that may start now, 0 or 1. */
  allowance: () => number;
  /** The breaker is open. */
  isFaulty: () => boolean;
  /** Null: nothing may start now, because of this fault. */
  start: () => Ticket | UpstreamFault;
  /** Says who is to blame for a fault. */
  end: (ticket: Ticket, messageId: string, evidence: Evidence) => 'upstream' | 'message';
  usableTime: () => DurationMs;
  /** Until then (monotonic) it is of no use, though nothing is wrong with it: no time counts. */
  blockedUntil: (until: DurationMs) => void;
  /** Until the next probe is due, 0 or less when it is; null where none is planned. */
  untilProbe: () => DurationMs | null;
  update: (upstream: Upstream) => void;
  /** No time counts from now on. */
  retire: () => void;
}>;

export type HealthDeps = Readonly<{
  clock: Clock;
  log: Log;
  raise: RaiseAlert;
  probes: ProbePolicy;
  recordFault: (upstream: Upstream, fault: KnownFault | null) => void;
}>;

export function createHealth(initial: Upstream, deps: HealthDeps): Health {
  const { clock, log, probes } = deps;
  let upstream = initial;
  let breaker = breakerAtStart(initial, clock);
  let since: EpochMs = initial.fault?.since ?? clock.now();
  let usable: DurationMs = 0;
  let usableSince: DurationMs | null = null;
  let blocked: DurationMs = 0;
  let retired = false;
  /** Of this fault the operator was told. */
  let alerted: UpstreamFault['kind'] | null = null;

  /** After everything that decides whether the upstream is usable. */
  function count(): void {
    const now = clock.monotonic();
    usable += usableNow();
    usableSince = breaker.kind === 'closed' && upstream.pausedAt === null && !retired ? now : null;
  }

  function usableNow(): DurationMs {
    return usableSince === null ? 0 : Math.max(0, clock.monotonic() - Math.max(usableSince, blocked));
  }

  function become(next: Breaker): void {
    const before = breaker;
    breaker = next;
    count();
    if (next.kind === 'open' && (before.kind === 'closed' || next.probeAt !== before.probeAt)) {
      if (before.kind === 'closed') since = clock.now();
      report(next);
    }
    if (next.kind === 'closed' && before.kind === 'open') {
      alerted = null;
      deps.recordFault(upstream, null);
      log('upstream.recovered', { upstream: upstream.name, after: Math.max(0, clock.now() - since) });
    }
  }

  function report(open: Extract<Breaker, { kind: 'open' }>): void {
    const { kind, reply, text } = open.fault;
    const nextProbeAt = clock.now() + (open.probeAt - clock.monotonic());
    deps.recordFault(upstream, { kind, text, since, nextProbeAt });
    const at = new Date(nextProbeAt).toISOString();
    log('upstream.fault', { upstream: upstream.name, kind, reply, text, next_probe_at: at });
    if (alerted === kind || (isPerhapsABlip(open.fault) && !hasLasted(open))) return;
    alerted = kind;
    const said = reply === null ? '' : ` It says: ${reply}`;
    deps.raise({
      kind: 'upstream-fault',
      subject: faultSubject(upstream, kind),
      text: `Upstream ${upstream.name} cannot be used: ${text} Mail waits and does not age.${said}`,
    });
  }

  function hasLasted(open: Extract<Breaker, { kind: 'open' }>): boolean {
    return open.probes >= ENOUGH_PROBES || clock.now() - since >= A_BLIP;
  }

  count();
  return {
    allowance: () => allowance(breaker, upstream.connections, clock.monotonic()),
    isFaulty: () => breaker.kind === 'open',
    start: () => {
      const mayStart = allowance(breaker, upstream.connections, clock.monotonic()) > 0;
      if (breaker.kind === 'open' && !mayStart) return breaker.fault;
      const ticket = { probe: breaker.kind === 'open', revision: upstream.revision };
      breaker = started(breaker);
      return ticket;
    },
    end: (ticket, messageId, evidence) => {
      // What began before the operator's change says nothing about the upstream as it is now, and what is cut off
      // because Postern stops says nothing at all.
      if (retired || ticket.revision !== upstream.revision) return 'upstream';
      const ended = { evidence, messageId, probe: ticket.probe, now: clock.monotonic() };
      const { breaker: next, blame } = judge(breaker, ended, probes);
      become(next);
      return blame;
    },
    usableTime: () => usable + usableNow(),
    blockedUntil: until => {
      count();
      blocked = until;
    },
    untilProbe: () =>
      breaker.kind === 'open' && !breaker.probing ? breaker.probeAt - clock.monotonic() : null,
    update: changed => {
      const anew = changed.revision !== upstream.revision;
      upstream = changed;
      if (anew) alerted = null;
      if (anew && breaker.kind === 'open') {
        breaker = suspicious(breaker.fault, clock.monotonic());
      } else if (anew) breaker = CLOSED;
      count();
    },
    retire: () => {
      retired = true;
      count();
    },
  };
}

/** A fault of this length, or of this many failed probes, is no blip. */
const A_BLIP: DurationMs = 120_000;
const ENOUGH_PROBES = 2;

/** A line that is down, or a login that could not be checked "just now", may be over before anybody has read of it. */
function isPerhapsABlip({ kind, reply }: UpstreamFault): boolean {
  return kind === 'unreachable' || (kind === 'credentials' && reply !== null && reply.startsWith('4'));
}

function breakerAtStart({ fault }: Upstream, clock: Clock): Breaker {
  // Throttling was kept as a fault by earlier versions; the pace follows it now.
  if (fault === null || fault.kind === 'throttled') return CLOSED;
  const known = { kind: fault.kind, stage: 'connect', reply: null, text: fault.text } as const;
  return suspicious(known, clock.monotonic());
}
