// How fast an upstream may be sent to: by the limits that are set for it, and slower after it said that this is too much. A
// throttling reply halves the rate and the connections at once and stops everything for a while; messages that go through
// give a tenth of the rate back in a minute (as TCP does: down by half, up by steps). Nothing here is a message's fault.
// Pure: times are monotonic milliseconds.

import type { DurationMs } from '../clock.ts';
import { counted, DAY, HOUR, NO_COUNTS, type SentCounts, sentWithin, waitForRoom } from './sent-counts.ts';
import type { PacingLimits } from './upstream.ts';

export type PaceLimits = PacingLimits & Readonly<{ connections: number }>;

/** What is left of the pace after throttling replies. */
export type Slow = Readonly<{
  /** Of the full pace, more than 0 and less than 1. */
  factor: number;
  /** Messages a minute at full pace: the limit, or what was being sent when it was too much. */
  fullPerMinute: number;
  /** Nothing starts before. */
  pausedUntil: DurationMs;
  /** Throttling replies with little time between them. */
  times: number;
  /** Since when nothing has gone through; null: something has since the last pause. */
  stuckSince: DurationMs | null;
  since: DurationMs;
  /** The reply that said so last. */
  reply: string | null;
}>;

export type Pace = Readonly<{
  /** Messages that may start at once by the limit of a minute, as of `at`. */
  tokens: number;
  at: DurationMs;
  /** What was started in this minute and in the one before: how fast it goes when there is no limit. */
  recent: Readonly<{ since: DurationMs; count: number; before: number }>;
  counts: SentCounts;
  slow: Slow | null;
}>;

const MINUTE: DurationMs = 60_000;
const FIRST_PAUSE: DurationMs = 30_000;
/** Of those that the upstream states: "at once", said again and again, would have it asked without end. */
const SHORTEST_PAUSE: DurationMs = 1_000;
const LONGEST_PAUSE: DurationMs = 900_000;
/** Two throttling replies with more time between them are two stories. */
const ONE_STORY: DurationMs = 600_000;
/** After this time without another word it is forgotten, however little was sent. */
const FORGIVEN: DurationMs = 3_600_000;
/** Where a limit of ours makes mail wait longer than this, another upstream of its route takes it. */
export const LONG_WAIT: DurationMs = 900_000;
/** The same where the upstream says that it is too much: by its own words, or again and again. */
const LONG_THROTTLED: DurationMs = 60_000;
/** What a minute's worth of messages gives back. */
const STEP = 0.1;
/** At once, after a pause; the more a minute has, the less it shows. */
const BURST = 5;
/** Messages a minute that are no rate to speak of. */
const FEW = 12;

export function freshPace(now: DurationMs, counts: SentCounts = NO_COUNTS, slow: Slow | null = null): Pace {
  return { tokens: BURST, at: now, recent: { since: now, count: 0, before: 0 }, counts, slow };
}

/** Deliveries that may start now. `running`: those under way. */
export function mayStart(pace: Pace, limits: PaceLimits, running: number, now: DurationMs): number {
  const { slow } = pace;
  if (slow !== null && now < slow.pausedUntil) return 0;
  const places = connectionsNow(pace, limits) - running;
  const minute = tokensNow(pace, limits, now);
  const hour = roomIn(pace, limits.messagesPerHour, HOUR, now) - running;
  const day = roomIn(pace, limits.messagesPerDay, DAY, now) - running;
  return Math.max(0, Math.floor(Math.min(places, minute, hour, day)));
}

/** Until the pace lets the next one start; 0: it does now. Places that deliveries have are not its business. */
export function waitForNext(pace: Pace, limits: PaceLimits, now: DurationMs): DurationMs {
  const missing = 1 - tokensNow(pace, limits, now);
  const rate = perMinuteNow(pace, limits);
  return Math.max(
    (pace.slow?.pausedUntil ?? now) - now,
    rate === null || missing <= 0 ? 0 : missing / refillOf(rate),
    usedUpFor(pace, limits, now),
  );
}

/** Until the limits of an hour and of a day leave room again. */
export function usedUpFor({ counts }: Pace, limits: PaceLimits, now: DurationMs): DurationMs {
  const { messagesPerHour, messagesPerDay } = limits;
  const wait = (limit: number | null, window: DurationMs) =>
    limit === null ? 0 : waitForRoom(counts, { window, limit, now });
  return Math.max(wait(messagesPerHour, HOUR), wait(messagesPerDay, DAY));
}

/** Whether mail would wait too long here, so that another upstream had better take it. One that tries again is no such wait. */
export function isLongWait(pace: Pace, limits: PaceLimits, now: DurationMs): boolean {
  const wait = waitForNext(pace, limits, now);
  if (wait > LONG_WAIT) return true;
  if (pace.slow === null || wait === 0) return false;
  const { pausedUntil, stuckSince } = pace.slow;
  return pausedUntil - now > LONG_THROTTLED || (stuckSince !== null && now - stuckSince > LONG_THROTTLED);
}

export function started(pace: Pace, limits: PaceLimits, now: DurationMs): Pace {
  const { recent } = pace;
  const age = now - recent.since;
  const kept =
    age < MINUTE
      ? { ...recent, count: recent.count + 1 }
      : { since: now, count: 1, before: age < 2 * MINUTE ? recent.count : 0 };
  return { ...pace, tokens: tokensNow(pace, limits, now) - 1, at: now, recent: kept };
}

/** The upstream took a message. */
export function accepted(pace: Pace, limits: PaceLimits, now: DurationMs): Pace {
  const isCounted = limits.messagesPerHour !== null || limits.messagesPerDay !== null;
  const counts = isCounted ? counted(pace.counts, now) : pace.counts;
  return { ...pace, counts, slow: pace.slow && quicker(pace.slow, now) };
}

/** The upstream said that it is too much. `stated`: when to come back, by its own words. */
export function throttled(
  pace: Pace,
  limits: PaceLimits,
  { now, stated, reply }: Readonly<{ now: DurationMs; stated: DurationMs | null; reply: string | null }>,
): Pace {
  const { slow } = pace;
  // What was under way when the pause began says the same once more; only a longer wait is news.
  if (slow !== null && now < slow.pausedUntil) {
    const pausedUntil = Math.max(slow.pausedUntil, now + (stated ?? 0));
    return { ...pace, slow: { ...slow, pausedUntil, reply } };
  }
  const times = slow !== null && now - slow.pausedUntil < ONE_STORY ? slow.times + 1 : 1;
  const fullPerMinute = slow?.fullPerMinute ?? limits.messagesPerMinute ?? recentPerMinute(pace, now);
  const doubled = (first: DurationMs) => Math.min(LONGEST_PAUSE, first * 2 ** Math.min(times - 1, 10));
  const pause = stated === null ? doubled(FIRST_PAUSE) : Math.max(stated, doubled(SHORTEST_PAUSE));
  return {
    ...pace,
    tokens: 1,
    at: now + pause,
    slow: {
      // Never less than one a minute.
      factor: Math.max((slow?.factor ?? 1) / 2, 1 / Math.max(2, fullPerMinute)),
      fullPerMinute,
      pausedUntil: now + pause,
      times,
      stuckSince: slow?.stuckSince ?? now,
      since: slow?.since ?? now,
      reply,
    },
  };
}

/** Forgets it where nothing was heard of it for long, be it that nothing was sent. */
export function forgiving(pace: Pace, now: DurationMs): Pace {
  const { slow } = pace;
  if (slow === null || now - slow.pausedUntil < FORGIVEN) return pace;
  return { ...pace, slow: null };
}

/** Messages a minute, as of now; null: no limit. */
export function perMinuteNow({ slow }: Pace, { messagesPerMinute }: PaceLimits): number | null {
  if (slow === null) return messagesPerMinute;
  const slowed = Math.max(1, slow.fullPerMinute * slow.factor);
  return messagesPerMinute === null ? slowed : Math.min(slowed, messagesPerMinute);
}

/** After a pause one message at a time, until one has gone through. */
export function connectionsNow({ slow }: Pace, { connections }: PaceLimits): number {
  if (slow === null) return connections;
  return slow.stuckSince === null ? Math.max(1, Math.round(connections * slow.factor)) : 1;
}

/** Of full pace again, it must have held for a minute: a few messages at a low rate prove little. */
function quicker(slow: Slow, now: DurationMs): Slow | null {
  const factor = Math.min(1, slow.factor + STEP / Math.max(1, slow.fullPerMinute * slow.factor));
  if (factor === 1 && now - slow.pausedUntil >= MINUTE) return null;
  return { ...slow, factor, stuckSince: null };
}

function tokensNow(pace: Pace, limits: PaceLimits, now: DurationMs): number {
  const rate = perMinuteNow(pace, limits);
  if (rate === null) return Number.POSITIVE_INFINITY;
  return Math.min(burstOf(rate), pace.tokens + Math.max(0, now - pace.at) * refillOf(rate));
}

/** Of a minute's messages only a few may go at once: the rest is spread over it. */
function burstOf(rate: number): number {
  return Math.min(BURST, Math.max(1, Math.floor(rate / 15)));
}

/** Messages a millisecond. With what may go at once no minute has more than the rate says. */
function refillOf(rate: number): number {
  return (rate - burstOf(rate) + 1) / MINUTE;
}

function roomIn({ counts }: Pace, limit: number | null, window: DurationMs, now: DurationMs): number {
  return limit === null ? Number.POSITIVE_INFINITY : limit - sentWithin(counts, window, now);
}

/** What was sent within about a minute. Whoever sends little was hardly told off for its rate. */
function recentPerMinute({ recent }: Pace, now: DurationMs): number {
  const age = now - recent.since;
  if (age >= 2 * MINUTE) return FEW;
  return Math.max(FEW, recent.count, age < MINUTE ? recent.before : 0);
}
