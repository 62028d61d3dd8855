// The loop that empties the queue: claims what is due, gives each free place of an upstream a message, sleeps until the
// next is due. Guarantees: a claimed message is always attempted or given back; nothing is tried while no upstream has a
// free place; clients that are being served come first; what waits for one upstream delays nothing that another may take.
// It knows neither SMTP nor SQL; attempt.ts makes the attempts.

import type { DurationMs } from '../clock.ts';
import { type AgeDeps, createAges } from './ages.ts';
import { type AttemptDeps, createAttempts, LEASE } from './attempt.ts';
import type { Relay } from './delivery.ts';
import { createLane, type Lane, MOST_AHEAD } from './lane.ts';
import type { Claim } from './message.ts';
import { createRunning } from './running.ts';
import { horizon, together } from './schedule.ts';
import { leads } from './way.ts';

export type Runner = Readonly<{
  start: () => void;
  /** Something may be due now. Cheap; may be called for every message. */
  kick: () => void;
  /** Others have written to the queue: looks at all that waits, then kicks. */
  look: () => void;
  /** Starts nothing more, lets running attempts end for at most `grace`, settles them. */
  stop: (grace: DurationMs) => Promise<void>;
}>;

type Deps = AttemptDeps &
  AgeDeps &
  Readonly<{
    relay: Relay;
    /** Whether clients are being served: they wait for us, queued mail does not. */
    clientsWait: () => boolean;
  }>;

/** Waiting rows are looked at this often even when none is due: a clock may have stepped. */
const LOOK_EVERY: DurationMs = 30_000;
/** The shortest pause: a claim every hundredth of a second at most where there was nothing to claim. */
const AT_ONCE: DurationMs = 10;
/** Pause before a claim that was refused (full disk, foreign lock) is tried again. */
const CLAIM_RETRY: DurationMs = 1_000;
/** While clients wait, an attempt starts at most this often: forty a second, more than any provider takes. */
const GAP_WHILE_CLIENTS_WAIT: DurationMs = 25;
/** What is ready for an upstream that gives no place goes back after this time, to where an operator sees it waiting. */
const IDLE: DurationMs = 1_000;

/** The ways that lead to each upstream now. */
type Leads = ReadonlyMap<string, readonly string[]>;

export function createRunner(deps: Deps): Runner {
  const { queue, relay, policy, clock, log, clientsWait } = deps;
  const attempts = createAttempts(deps);
  const ages = createAges(deps);
  const lanes = new Map<string, Lane>();
  const { track, ended } = createRunning();
  let stopping = false;
  let alarm: NodeJS.Timeout | undefined;
  let alarmAt: DurationMs = 0;
  let gap: NodeJS.Timeout | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let lastStart: DurationMs = Number.NEGATIVE_INFINITY;

  const laneOf = (upstreamId: string): Lane => {
    const lane = lanes.get(upstreamId) ?? createLane(clock);
    lanes.set(upstreamId, lane);
    return lane;
  };

  const kick = () => {
    if (stopping) return;
    const capacity = relay.capacity();
    let known: Leads | null = null;
    const leadsNow = (): Leads => {
      const open = new Set(capacity.filter(one => one.open).map(one => one.upstreamId));
      known ??= leads(queue.line.ways(), relay.routing.routes(), id => open.has(id));
      return known;
    };
    for (const { upstreamId, free, open } of capacity) {
      const lane = laneOf(upstreamId);
      const places = free - lane.opening;
      const started = open ? startReady(lane, places) : 0;
      if (!open || isIdle(lane, places)) giveBack(lane);
      else refill(upstreamId, lane, places - started, leadsNow);
    }
    for (const [id, lane] of lanes) if (!capacity.some(one => one.upstreamId === id)) giveBack(lane);
  };

  const startReady = (lane: Lane, places: number): number => {
    let started = 0;
    while (started < places && lane.ready.size() > 0 && mayStartNow()) {
      // While clients wait, large messages go one after the other, and small ones pass them.
      const oneByOne = lane.large > 0 && clientsWait();
      const next = lane.ready.take(claim => !oneByOne || !isLarge(claim));
      if (!next) {
        lookAgain(GAP_WHILE_CLIENTS_WAIT);
        break;
      }
      start(lane, next);
      started++;
    }
    return started;
  };

  const mayStartNow = (): boolean => {
    const since = clock.monotonic() - lastStart;
    if (since < GAP_WHILE_CLIENTS_WAIT && clientsWait()) {
      lookAgain(GAP_WHILE_CLIENTS_WAIT - since);
      return false;
    }
    lastStart = clock.monotonic();
    return true;
  };

  const lookAgain = (after: DurationMs) => {
    gap ??= setTimeout(() => {
      gap = undefined;
      kick();
    }, after);
  };

  const start = (lane: Lane, claim: Claim) => {
    lane.opening++;
    lane.delivering++;
    if (isLarge(claim)) lane.large++;
    const attempt = attempts.run(claim, {
      onHandedOver: () => {
        lane.opening--;
        // A probe: until it has ended, what waits goes to the next upstream.
        if (!isOpen(claim.upstreamId)) kick();
      },
      onDelivered: () => {
        lane.delivering--;
        if (isLarge(claim)) lane.large--;
        lane.pace.delivered();
        kick();
      },
    });
    // What waits again may be due at once, for another upstream.
    track(
      attempt.then(
        waits => waits && kick(),
        () => queue.abandon(claim),
      ),
    );
  };

  const isOpen = (id: string) => relay.capacity().some(({ upstreamId, open }) => upstreamId === id && open);

  const isIdle = (lane: Lane, places: number): boolean => {
    if (places > 0 || lane.delivering > 0 || lane.ready.size() === 0) {
      lane.idleSince = null;
      return false;
    }
    lane.idleSince ??= clock.monotonic();
    const isOver = clock.monotonic() - lane.idleSince >= IDLE;
    if (!isOver) lookAgain(IDLE);
    return isOver;
  };

  /** Claims for the free places, and ahead once more than one may start: a probe risks only one message. */
  const refill = (upstreamId: string, lane: Lane, places: number, leadsNow: () => Leads) => {
    if (lane.claiming) return;
    const ahead = places + lane.delivering > 1 ? lane.pace.ahead() : 0;
    const limit = Math.max(0, places) + ahead - lane.ready.size();
    if (limit > 0 && lane.ready.size() <= ahead / 2) {
      const ways = leadsNow().get(upstreamId) ?? [];
      take(upstreamId, lane, { ways, limit, accounts: null });
    } else if (lane.ready.size() > 0) letIn(upstreamId, lane, leadsNow);
  };

  /** What was claimed ahead delays no other account: one of which nothing is ready gets something ready too. */
  const letIn = (upstreamId: string, lane: Lane, leadsNow: () => Leads) => {
    const now = clock.monotonic();
    if (now - lane.lookedAt < AT_ONCE) return;
    lane.lookedAt = now;
    const room = MOST_AHEAD - lane.ready.size();
    if (room <= 0) return;
    const ways = leadsNow().get(upstreamId) ?? [];
    const others = dueIn(ways).filter(({ account }) => !lane.ready.has(account));
    const accounts = new Set(others.map(({ account }) => account));
    if (accounts.size > 0) take(upstreamId, lane, { ways, limit: Math.min(room, accounts.size), accounts });
  };

  const dueIn = (ways: readonly string[]) => {
    const now = clock.now();
    return queue.line.due(ways, now, horizon(now, policy));
  };

  const take = (upstreamId: string, lane: Lane, wanted: Wanted) => {
    if (dueIn(wanted.ways).length === 0) return setAlarm();
    lane.claiming = true;
    track(
      claim(upstreamId, wanted).then(claims => {
        lane.claiming = false;
        lane.ready.put(claims ?? []);
        if (stopping) giveBack(lane);
        else if (claims && claims.length > 0) kick();
        // Nothing was there, or it came while this claim was under way.
        else if (claims) wake(AT_ONCE);
      }),
    );
  };

  /** Null where the claim was refused; then it is tried again a little later. */
  const claim = async (upstreamId: string, wanted: Wanted): Promise<readonly Claim[] | null> => {
    const now = clock.now();
    const claimed = await queue
      .claim({
        ...wanted,
        upstreamId,
        recipients: relay.capacity().find(one => one.upstreamId === upstreamId)?.recipients ?? null,
        now,
        horizon: horizon(now, policy),
        together: together(now, policy),
        provisionalNextAttemptAt: now + policy.retryMin,
        leaseExpiresAt: now + LEASE,
      })
      .catch((error: unknown) => ({ kind: String(error) }));
    if (!('kind' in claimed)) return claimed;
    log('storage.unavailable', { text: `No message can be taken from the queue: ${claimed.kind}` });
    wake(CLAIM_RETRY);
    return null;
  };

  const giveBack = (lane: Lane) => {
    for (const claim of lane.ready.takeAll()) track(release(lane, claim));
  };

  /** What cannot be written down as waiting is kept, and tried or given back a little later. */
  const release = async (lane: Lane, claim: Claim): Promise<void> => {
    const refusal = await queue.release(claim);
    if (refusal === null || stopping) return;
    lane.ready.put([claim]);
    wake(CLAIM_RETRY);
  };

  const wake = (after: DurationMs) => {
    const wait = Math.max(AT_ONCE, Math.min(after, LOOK_EVERY));
    const at = clock.monotonic() + wait;
    if (stopping || (alarm !== undefined && alarmAt <= at)) return;
    clearTimeout(alarm);
    alarmAt = at;
    alarm = setTimeout(() => {
      alarm = undefined;
      kick();
    }, wait);
  };

  /** What is due already is claimed when a place is free: the relay tells when there is one. */
  const setAlarm = () => {
    const due = queue.line.nextDue(clock.now());
    if (due !== null) wake(Math.ceil(due - clock.now()));
  };

  const look = () => {
    if (stopping) return;
    track(queue.look().finally(kick));
    track(queue.takeBack(clock.now(), policy.ambiguousWait).then(kick));
  };

  return {
    start: () => {
      relay.onCapacity(kick);
      ages.start();
      heartbeat = setInterval(look, LOOK_EVERY);
      look();
    },
    kick,
    look,
    stop: async grace => {
      stopping = true;
      clearTimeout(alarm);
      clearTimeout(gap);
      clearInterval(heartbeat);
      track(ages.stop());
      for (const lane of lanes.values()) giveBack(lane);
      await ended(grace);
      attempts.giveUpRetrying();
      await relay.stop(0);
      await ended(AFTER_CUT_OFF);
    },
  };
}

/** `accounts`: only theirs; null: everybody's. */
type Wanted = Readonly<{ ways: readonly string[]; limit: number; accounts: ReadonlySet<string> | null }>;

function isLarge({ message }: Claim): boolean {
  return message.content === 'spool';
}

/** Attempts whose connection was cut settle in the next ticks. */
const AFTER_CUT_OFF: DurationMs = 1_000;
