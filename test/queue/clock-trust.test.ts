import { describe, expect, it } from 'vitest';
import type { EventName } from '../../server/events.ts';
import { createClockTrust } from '../../server/queue/clock-trust.ts';

const BUILD = Date.UTC(2026, 10, 20);
const DAY = 86_400_000;

/** A clock that the test sets, and what was logged and kept. */
function setUp(lastHeartbeat: number | null, start: number) {
  const time = { now: start, monotonic: 0 };
  const heartbeats: number[] = [];
  const logged: EventName[] = [];
  const trust = createClockTrust({
    clock: { now: () => time.now, monotonic: () => time.monotonic },
    buildDate: BUILD,
    lastHeartbeat,
    recordHeartbeat: now => heartbeats.push(now),
    log: event => logged.push(event),
  });
  return { time, heartbeats, logged, trust };
}

describe('the wall clock', () => {
  it('is believed after the build and the last heartbeat', () => {
    const { trust, heartbeats } = setUp(BUILD + DAY, BUILD + 2 * DAY);
    trust.beat();
    expect(trust.trusted()).toBe(true);
    expect(heartbeats).toEqual([BUILD + 2 * DAY]);
  });

  it('is not believed in 1970, until it is set right', () => {
    const { time, trust, heartbeats, logged } = setUp(null, 12_345);
    trust.beat();
    trust.beat();
    expect(trust.trusted()).toBe(false);
    expect(heartbeats).toEqual([]);
    time.now = BUILD + DAY;
    trust.beat();
    expect(trust.trusted()).toBe(true);
    expect(logged).toEqual(['clock.untrusted', 'clock.trusted']);
  });

  it('is not believed in 2099, which leaves no heartbeat behind', () => {
    const { trust, heartbeats } = setUp(BUILD, Date.UTC(2099, 0, 1));
    trust.beat();
    expect(trust.trusted()).toBe(false);
    expect(heartbeats).toEqual([]);
  });

  it('is not believed before the last heartbeat, even after the build', () => {
    expect(setUp(BUILD + 60 * DAY, BUILD + 30 * DAY).trust.trusted()).toBe(false);
  });

  it('is no longer believed when it steps back by a month while running', () => {
    const { time, trust } = setUp(BUILD, BUILD + 60 * DAY);
    trust.beat();
    time.now = BUILD + 30 * DAY;
    expect(trust.trusted()).toBe(false);
  });

  it('is forgiven a small step back', () => {
    expect(setUp(BUILD + DAY, BUILD + DAY - 30_000).trust.trusted()).toBe(true);
  });

  it('is believed again once it has run on for a day after a heartbeat from the future', () => {
    const { time, trust, heartbeats } = setUp(BUILD + 300 * DAY, BUILD + DAY);
    trust.beat();
    expect(trust.trusted()).toBe(false);
    time.now += DAY;
    time.monotonic += DAY;
    trust.beat();
    expect(trust.trusted()).toBe(true);
    expect(heartbeats).toEqual([BUILD + 2 * DAY]);
  });

  it('judges dates by the last time that was believed, running on', () => {
    const { time, trust } = setUp(BUILD + 5 * DAY, 12_345);
    expect(trust.believed.now()).toBe(BUILD + 5 * DAY);
    time.now += DAY;
    time.monotonic += DAY;
    expect(trust.believed.now()).toBe(BUILD + 6 * DAY);
    time.now = BUILD + 9 * DAY;
    expect(trust.believed.now()).toBe(time.now);
    trust.beat();
    // A step back while running, and one far ahead.
    time.now = BUILD + 2 * DAY;
    expect(trust.believed.now()).toBe(BUILD + 9 * DAY);
    time.now = Date.UTC(2099, 0, 1);
    expect(trust.believed.now()).toBe(BUILD + 9 * DAY);
  });
});
