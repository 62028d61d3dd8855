// The loop that empties the queue: claims what is due, gives each free place of an upstream a message, sleeps until the
// next is due. Guarantees: a claimed message is always attempted or given back; nothing is tried while no upstream has a
// free place; clients that are being served come first. It knows neither SMTP nor SQL; attempt.ts makes the attempts.

import type { DurationMs } from '../clock.ts';
import { createAges } from './ages.ts';
import { type AttemptDeps, createAttempts, LEASE } from './attempt.ts';
import type { Relay } from './delivery.ts';
import type { Claim } from './message.ts';
import { horizon } from './schedule.ts';

export type Runner = Readonly<{
  start: () => void;
  /** Something may be due now. Cheap; may be called for every message. */
  kick: () => void;
  /** Starts nothing more, lets running attempts end for at most `grace`, settles them. */
  stop: (grace: DurationMs) => Promise<void>;
}>;

type Deps = AttemptDeps &
  Readonly<{
    relay: Relay;
    /** Whether clients are being served: they wait for us, queued mail does not. */
    clientsWait: () => boolean;
  }>;

/** One upstream's share of the loop. */
type Lane = {
  /** Claimed, not yet started. */
  readonly ready: Claim[];
  /** Started, but not yet known to the relay: its free places do not count them. */
  opening: number;
  /** Started and not delivered. */
  delivering: number;
  /** Of these, messages from spool files. */
  large: number;
  claiming: boolean;
};

/** Waiting rows are looked at this often even when none is due: a clock may have stepped. */
const LONGEST_SLEEP: DurationMs = 30_000;
/** The shortest pause: a look at the database every hundredth of a second at most. */
const AT_ONCE: DurationMs = 10;
/** Pause before a claim that was refused (full disk, foreign lock) is tried again. */
const CLAIM_RETRY: DurationMs = 1_000;
/** Claimed ahead for each upstream, so that a free place never waits for a commit. */
const AHEAD = 32;
/** While clients wait, an attempt starts at most this often: forty a second, more than any provider takes. */
const GAP_WHILE_CLIENTS_WAIT: DurationMs = 25;

export function createRunner(deps: Deps): Runner {
  const { queue, relay, policy, clock, log, clientsWait } = deps;
  const attempts = createAttempts(deps);
  const ages = createAges(deps);
  const lanes = new Map<string, Lane>();
  const running = new Set<Promise<void>>();
  let stopping = false;
  let alarm: NodeJS.Timeout | undefined;
  let gap: NodeJS.Timeout | undefined;
  let lastStart: DurationMs = Number.NEGATIVE_INFINITY;

  const laneOf = (upstreamId: string): Lane => {
    const known = lanes.get(upstreamId);
    if (known) return known;
    const lane: Lane = { ready: [], opening: 0, delivering: 0, large: 0, claiming: false };
    lanes.set(upstreamId, lane);
    return lane;
  };

  const kick = () => {
    if (stopping) return;
    for (const { upstreamId, free } of relay.capacity()) {
      const lane = laneOf(upstreamId);
      const places = free - lane.opening;
      const started = startReady(lane, places);
      // A faulty or paused upstream: what was claimed ahead for it goes back to where an operator sees it waiting.
      if (places <= 0 && lane.delivering === 0) giveBack(lane);
      else if (lane.ready.length < AHEAD / 2) refill(upstreamId, lane, places - started);
    }
  };

  const startReady = (lane: Lane, places: number): number => {
    let started = 0;
    while (started < places && lane.ready.length > 0 && mayStartNow()) {
      const next = nextReady(lane);
      if (!next) {
        lookAgain(GAP_WHILE_CLIENTS_WAIT);
        break;
      }
      start(lane, next);
      started++;
    }
    return started;
  };

  /** The oldest; while clients wait, large messages go one after the other, and small ones pass them. */
  const nextReady = (lane: Lane): Claim | undefined => {
    const oneByOne = lane.large > 0 && clientsWait();
    const index = oneByOne ? lane.ready.findIndex(claim => !isLarge(claim)) : 0;
    return index < 0 ? undefined : lane.ready.splice(index, 1)[0];
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
    track(
      attempts.run(claim, {
        onHandedOver: () => {
          lane.opening--;
        },
        onDelivered: () => {
          lane.delivering--;
          if (isLarge(claim)) lane.large--;
          kick();
        },
      }),
    );
  };

  /** Claims for the free places, and ahead once more than one may start: a probe risks only one message. */
  const refill = (upstreamId: string, lane: Lane, places: number) => {
    const works = places + lane.delivering > 1;
    const limit = Math.max(0, places) + (works ? AHEAD : 0) - lane.ready.length;
    if (limit <= 0 || lane.claiming) return;
    lane.claiming = true;
    track(
      claim(upstreamId, limit).then(async claims => {
        lane.claiming = false;
        lane.ready.push(...(claims ?? []));
        if (stopping) giveBack(lane);
        else if (claims && claims.length > 0) kick();
        else await setAlarm();
      }),
    );
  };

  /** Null where the claim was refused; then it is tried again a little later. */
  const claim = async (upstreamId: string, limit: number): Promise<readonly Claim[] | null> => {
    const now = clock.now();
    const claimed = await queue
      .claim({
        upstreamId,
        limit,
        now,
        horizon: horizon(now, policy),
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
    for (const claim of lane.ready.splice(0)) track(queue.release(claim));
  };

  /** Stopping waits for it. What it rejects with was already said, or is recovered at the next start. */
  const track = (work: Promise<unknown>) => {
    const tracked: Promise<void> = work
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => running.delete(tracked));
    running.add(tracked);
  };

  const wake = (after: DurationMs) => {
    clearTimeout(alarm);
    alarm = setTimeout(kick, Math.max(AT_ONCE, Math.min(after, LONGEST_SLEEP)));
  };

  const setAlarm = async (): Promise<void> => {
    if (stopping) return;
    const due = await queue.nextDue();
    const now = clock.now();
    if (due === null) clearTimeout(alarm);
    else if (due > now && due <= horizon(now, policy)) wake(Math.ceil(due - now));
    // It came due since the last look: a free place takes it at once; else the relay tells when there is one.
    else wake(relay.capacity().some(({ free }) => free > 0) ? AT_ONCE : LONGEST_SLEEP);
  };

  return {
    start: () => {
      relay.onCapacity(kick);
      ages.start();
      kick();
    },
    kick,
    stop: async grace => {
      stopping = true;
      clearTimeout(alarm);
      clearTimeout(gap);
      ages.stop();
      for (const lane of lanes.values()) giveBack(lane);
      await ended(running, grace);
      attempts.giveUpRetrying();
      await relay.stop(0);
      await ended(running, AFTER_CUT_OFF);
    },
  };
}

function isLarge({ message }: Claim): boolean {
  return message.content === 'spool';
}

/** Attempts whose connection was cut settle in the next ticks. */
const AFTER_CUT_OFF: DurationMs = 1_000;

async function ended(running: ReadonlySet<Promise<void>>, within: DurationMs): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, within);
  });
  await Promise.race([Promise.all(running), late]);
  clearTimeout(timer);
}
