import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SendingLimits } from '../../server/accounts/sending-limits.ts';
import { createUsage, type SendingPlace, type Usage } from '../../server/accounts/usage.ts';
import { openQueueBench, type QueueBench } from '../queue/support.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const none: SendingLimits = {
  messagesPerMinute: null,
  messagesPerHour: null,
  messagesPerDay: null,
  recipientsPerDay: null,
};
const threeADay: SendingLimits = { ...none, messagesPerDay: 3 };

let bench: QueueBench;
let wall: number;
let monotonic: number;
let trusted: boolean;
const clock = { now: () => wall, monotonic: () => monotonic };
const pass = (time: number) => {
  wall += time;
  monotonic += time;
};
/** As after a restart: monotonic time begins again. */
const open = () => createUsage({ database: bench.database, clock, clockTrusted: () => trusted });

beforeEach(async () => {
  bench = await openQueueBench();
  wall = Date.parse('2026-11-21T10:00:00Z');
  monotonic = 5_000;
  trusted = true;
});
afterEach(() => bench.close());

function reserve(usage: Usage, limits: SendingLimits, recipients = 1): SendingPlace {
  const reserved = usage.reserve('A1', limits, recipients);
  if (reserved.kind !== 'reserved' || reserved.place === null) throw new Error(`no place: ${reserved.kind}`);
  return reserved.place;
}

/** A message that was accepted. */
async function send(usage: Usage, limits: SendingLimits, recipients = 1): Promise<void> {
  const place = reserve(usage, limits, recipients);
  const result = await bench.database.commit([place.statement()]);
  expect(result.kind).toBe('committed');
  place.accepted();
  place.end();
}

const rows = () => bench.database.read('SELECT sent_at, recipients FROM sending ORDER BY sent_at');

describe('an account with limits', () => {
  it('is told when it may send again, with the time of day when that is far off', async () => {
    const usage = await open();
    for (let i = 0; i < 3; i++) await send(usage, threeADay);
    pass(20 * HOUR);
    expect(usage.check.message('A1', threeADay)).toEqual({
      kind: 'messages',
      limit: 3,
      period: 'day',
      wait: 4 * HOUR,
      when: 'in 4 hours, at 10:00 UTC',
    });
    expect(usage.check.message('A1', { ...none, messagesPerHour: 3 })).toBeNull();
    pass(4 * HOUR - 10 * MINUTE);
    expect(usage.check.message('A1', threeADay)?.when).toBe('in 10 minutes');
    pass(10 * MINUTE);
    expect(usage.check.message('A1', threeADay)).toBeNull();
  });

  it('counts nothing that was not accepted', async () => {
    const usage = await open();
    for (let i = 0; i < 20; i++) reserve(usage, threeADay).end();
    expect(usage.check.message('A1', threeADay)).toBeNull();
    expect(await rows()).toEqual([]);
  });

  it('counts a message under way from its reservation on, and by its acceptance in the end', async () => {
    const usage = await open();
    const limits = { ...none, messagesPerMinute: 1 };
    const slow = reserve(usage, limits);
    expect(usage.reserve('A1', limits, 1).kind).toBe('messages');
    pass(50_000);
    slow.accepted();
    slow.end();
    pass(50_000);
    expect(usage.check.message('A1', limits)).toMatchObject({ wait: 10_000, when: 'in 10 seconds' });
  });

  it('counts recipients of all messages of a day, and those of the message that asks', async () => {
    const usage = await open();
    const limits = { ...none, recipientsPerDay: 5 };
    await send(usage, limits, 3);
    expect(usage.check.recipients('A1', limits, 2)).toBeNull();
    expect(usage.check.recipients('A1', limits, 3)).toMatchObject({ kind: 'recipients', limit: 5 });
    expect(usage.reserve('A1', limits, 3).kind).toBe('recipients');
    expect(usage.check.recipients('A2', limits, 5)).toBeNull();
  });

  it('obeys a limit that was set or changed meanwhile', async () => {
    const usage = await open();
    for (let i = 0; i < 3; i++) await send(usage, { ...none, messagesPerHour: 10 });
    expect(usage.check.message('A1', threeADay)?.limit).toBe(3);
    expect(usage.check.message('A1', { ...none, messagesPerDay: 4 })).toBeNull();
  });
});

it('an account without limits leaves nothing', async () => {
  const usage = await open();
  expect(usage.reserve('A1', none, 1)).toEqual({ kind: 'reserved', place: null });
  expect(usage.check.message('A1', none)).toBeNull();
  expect(usage.check.recipients('A1', none, 1_000)).toBeNull();
});

describe('after a restart', () => {
  it('what was sent still counts, and ends at the same time', async () => {
    const before = await open();
    for (let i = 0; i < 3; i++) await send(before, threeADay, 2);
    pass(HOUR);
    monotonic = 100;
    const after = await open();
    expect(after.check.message('A1', threeADay)).toMatchObject({ limit: 3, wait: 23 * HOUR });
    expect(after.check.recipients('A1', { ...none, recipientsPerDay: 6 }, 1)).toMatchObject({ limit: 6 });
    pass(23 * HOUR);
    expect(after.check.message('A1', threeADay)).toBeNull();
  });

  it('a clock that was set back blocks nobody for longer than a day, and not again at the next start', async () => {
    const before = await open();
    for (let i = 0; i < 3; i++) await send(before, threeADay);
    wall -= 300 * DAY;
    monotonic = 0;
    const after = await open();
    expect(after.check.message('A1', threeADay)).toMatchObject({ wait: DAY });
    pass(DAY);
    expect(after.check.message('A1', threeADay)).toBeNull();
    monotonic = 0;
    expect((await open()).check.message('A1', threeADay)).toBeNull();
  });

  it('a clock that is known to be wrong changes no row', async () => {
    const before = await open();
    await send(before, threeADay);
    const [row] = await rows();
    trusted = false;
    wall = Date.parse('1970-01-01T00:01:00Z');
    await (await open()).sweep();
    expect(await rows()).toEqual([row]);
  });
});

describe('a step of the clock while running', () => {
  it.each([-300 * DAY, 300 * DAY])('frees and blocks nobody (%i ms)', async step => {
    const usage = await open();
    for (let i = 0; i < 3; i++) await send(usage, threeADay);
    wall += step;
    await usage.sweep();
    expect(usage.check.message('A1', threeADay)).toMatchObject({ wait: DAY });
    pass(DAY);
    expect(usage.check.message('A1', threeADay)).toBeNull();
  });
});

it('housekeeping forgets what is older than a day, and nothing else', async () => {
  const usage = await open();
  const limits = { ...none, messagesPerDay: 10, recipientsPerDay: 100 };
  await send(usage, limits, 7);
  pass(DAY - 1);
  await send(usage, limits, 5);
  await usage.sweep();
  expect(await rows()).toHaveLength(2);
  pass(1);
  await usage.sweep();
  expect(await rows()).toMatchObject([{ recipients: 5 }]);
  expect(usage.check.recipients('A1', limits, 95)).toBeNull();
  expect(usage.check.recipients('A1', limits, 96)).not.toBeNull();
});
