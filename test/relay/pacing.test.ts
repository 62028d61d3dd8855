// The pace as arithmetic: what may start when, and what throttling replies make of it. Times are in seconds.

import { describe, expect, it } from 'vitest';
import {
  accepted,
  connectionsNow,
  forgiving,
  freshPace,
  isLongWait,
  mayStart,
  type Pace,
  type PaceLimits,
  perMinuteNow,
  started,
  throttled,
  waitForNext,
} from '../../server/relay/pacing.ts';
import { NO_PACING } from '../../server/relay/upstream.ts';

const limitsOf = (changes: Partial<PaceLimits> = {}): PaceLimits => ({
  ...NO_PACING,
  connections: 10,
  ...changes,
});
const at = (seconds: number) => seconds * 1000;

/** Sends whatever may be sent, looking every `step` seconds. Returns when each message started. */
function send(
  limits: PaceLimits,
  { from = 0, until, step = 0.5 }: { from?: number; until: number; step?: number },
  begin?: Pace,
) {
  let pace = begin ?? freshPace(at(from));
  const times: number[] = [];
  for (let now = from; now < until; now += step) {
    while (mayStart(pace, limits, 0, at(now)) > 0) {
      pace = accepted(started(pace, limits, at(now)), limits, at(now));
      times.push(now);
    }
  }
  return { pace, times };
}

const mostWithin = (times: readonly number[], window: number) =>
  Math.max(...times.map((time, i) => times.slice(i).filter(later => later < time + window).length));

const slowed = (limits: PaceLimits, now: number, stated: number | null = null, pace = freshPace(0)) =>
  throttled(pace, limits, { now: at(now), stated: stated === null ? null : at(stated), reply: '421 slow' });

describe('without limits', () => {
  it('as many may start as there are connections', () => {
    expect(mayStart(freshPace(0), limitsOf(), 4, 0)).toBe(6);
    expect(waitForNext(freshPace(0), limitsOf(), 0)).toBe(0);
  });
});

describe('a limit of a minute', () => {
  it.each([1, 7, 30, 600])('of %i is never exceeded in any minute, and nearly used', perMinute => {
    const { times } = send(limitsOf({ messagesPerMinute: perMinute }), { until: 600, step: 0.05 });
    expect(mostWithin(times, 60)).toBeLessThanOrEqual(perMinute);
    expect(times.length).toBeGreaterThanOrEqual(perMinute * 9);
  });

  it('is spread over it', () => {
    const { times } = send(limitsOf({ messagesPerMinute: 60 }), { until: 60 });
    expect(times.filter(time => time < 1).length).toBeLessThanOrEqual(5);
    expect(times.filter(time => time < 30).length).toBeLessThanOrEqual(35);
  });

  it('says when the next may start', () => {
    const limits = limitsOf({ messagesPerMinute: 6 });
    const pace = started(freshPace(0), limits, 0);
    expect(mayStart(pace, limits, 0, 0)).toBe(0);
    const wait = waitForNext(pace, limits, 0);
    expect(wait).toBeCloseTo(10_000);
    expect(mayStart(pace, limits, 0, wait)).toBe(1);
  });
});

describe('limits of an hour and of a day', () => {
  it('hold in any hour and in any day', () => {
    const limits = limitsOf({ messagesPerHour: 50, messagesPerDay: 120 });
    const { times } = send(limits, { until: 2 * 86_400, step: 60 });
    expect(mostWithin(times, 3600)).toBeLessThanOrEqual(50);
    expect(mostWithin(times, 86_400)).toBeLessThanOrEqual(120);
    expect(times.length).toBe(240);
  });

  it('count what is under way', () => {
    expect(mayStart(freshPace(0), limitsOf({ messagesPerDay: 5 }), 3, 0)).toBe(2);
  });

  it('that are used up send mail to the next upstream', () => {
    const limits = limitsOf({ messagesPerHour: 5 });
    const { pace } = send(limits, { until: 1 });
    expect(isLongWait(pace, limits, at(10))).toBe(true);
    expect(isLongWait(pace, limits, at(3600))).toBe(false);
    expect(mayStart(pace, limits, 0, at(3901))).toBe(5);
  });
});

describe('a throttling reply', () => {
  const limits = limitsOf({ messagesPerMinute: 60 });

  it('stops everything for half a minute, then halves rate and connections', () => {
    const pace = slowed(limits, 100);
    expect(mayStart(pace, limits, 0, at(129))).toBe(0);
    expect(mayStart(pace, limits, 0, at(130))).toBe(1);
    expect(perMinuteNow(pace, limits)).toBe(30);
    // One at a time until one goes through.
    expect(connectionsNow(pace, limits)).toBe(1);
    expect(connectionsNow(accepted(pace, limits, at(131)), limits)).toBe(5);
  });

  it('that comes again waits longer each time, up to a quarter of an hour', () => {
    const pausesWith = (stated: number | null) => {
      let pace = freshPace(0);
      let now = 0;
      const pauses: number[] = [];
      for (let i = 0; i < 8; i++) {
        pace = slowed(limits, now, stated, pace);
        pauses.push((pace.slow?.pausedUntil ?? 0) / 1000 - now);
        now = (pace.slow?.pausedUntil ?? 0) / 1000;
      }
      expect(perMinuteNow(pace, limits)).toBe(1);
      return pauses;
    };
    expect(pausesWith(null)).toEqual([30, 60, 120, 240, 480, 900, 900, 900]);
    expect(pausesWith(0)).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
    expect(pausesWith(10)).toEqual([10, 10, 10, 10, 16, 32, 64, 128]);
  });

  it('of several deliveries under way counts once', () => {
    const once = slowed(limits, 100);
    const twice = slowed(limits, 101, null, once);
    expect(twice.slow).toEqual(once.slow);
  });

  it('is believed about the time to come back at', () => {
    expect(waitForNext(slowed(limits, 100, 60), limits, at(100))).toBe(60_000);
    expect(waitForNext(slowed(limits, 100, 5), limits, at(100))).toBe(5_000);
    // Also where another reply had none.
    expect(waitForNext(slowed(limits, 101, 600, slowed(limits, 100)), limits, at(101))).toBe(600_000);
  });

  it('with a wait of an hour sends mail to the next upstream, one of a minute does not', () => {
    expect(isLongWait(slowed(limits, 0, 3600), limits, 0)).toBe(true);
    expect(isLongWait(slowed(limits, 0, 60), limits, 0)).toBe(false);
    expect(isLongWait(slowed(limits, 0, 120), limits, 0)).toBe(true);
  });

  it('after the other for more than a minute does so too, but lets one message try when it is time', () => {
    const twice = slowed(limits, 30, null, slowed(limits, 0));
    expect(isLongWait(twice, limits, at(59))).toBe(false);
    expect(isLongWait(twice, limits, at(61))).toBe(true);
    expect(isLongWait(twice, limits, at(90))).toBe(false);
    expect(mayStart(twice, limits, 0, at(90))).toBe(1);
    expect(isLongWait(slowed(limits, 90, null, twice), limits, at(90))).toBe(true);
    // What has gone through meanwhile ends the story.
    expect(isLongWait(accepted(twice, limits, at(91)), limits, at(91))).toBe(false);
  });

  it('without a limit of a minute slows down from what was being sent', () => {
    const unlimited = limitsOf();
    let pace = freshPace(0);
    for (let i = 0; i < 40; i++) pace = started(pace, unlimited, at(i));
    expect(perMinuteNow(slowed(unlimited, 40, null, pace), unlimited)).toBe(20);
    expect(perMinuteNow(slowed(unlimited, 40), unlimited)).toBe(6);
  });

  it('is made good step by step by messages that go through', () => {
    const pace = slowed(limits, 0);
    const rates: number[] = [];
    let running = pace;
    for (let minute = 1; minute <= 8; minute++) {
      running = send(limits, { from: minute * 60, until: minute * 60 + 60 }, running).pace;
      rates.push(Math.round(perMinuteNow(running, limits) ?? 0));
    }
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect(rates[0]).toBeGreaterThan(30);
    expect(rates[0]).toBeLessThan(40);
    expect(rates.at(-1)).toBe(60);
    expect(running.slow).toBeNull();
  });

  it('is forgotten after an hour in which nothing was said, however little was sent', () => {
    const pace = slowed(limits, 0);
    expect(forgiving(pace, at(3600)).slow).not.toBeNull();
    expect(forgiving(pace, at(3631)).slow).toBeNull();
  });
});
