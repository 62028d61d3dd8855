// Outages are counted while they last, survive a restart, and hold what has waited through too much of them.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '../../server/notification/alert.ts';
import type { Capacity } from '../../server/queue/delivery.ts';
import { createOutages, type Outages, routesOut } from '../../server/queue/outages.ts';
import { boundTo } from '../../server/queue/way.ts';
import { claimAt, MINUTE, NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

const GRACE = 60 * MINUTE;
let bench: QueueBench;
let outages: Outages;
let alerts: Alert[];
let running = 0;
let capacity: readonly Capacity[] = [];
const routes = new Map([
  ['default', ['U1']],
  ['R', ['U1', 'U2']],
]);

const upstream = (upstreamId: string, state: 'open' | 'fault' | 'paused'): Capacity => ({
  upstreamId,
  upstream: upstreamId,
  free: state === 'open' ? 1 : 0,
  open: state === 'open',
  paused: state === 'paused',
});

const open = () =>
  createOutages({
    database: bench.database,
    relay: {
      capacity: () => capacity,
      routing: { routes: () => routes, routeOf: () => 'default', onChange: () => undefined },
    },
    grace: GRACE,
    clock: { now: () => NOW, monotonic: () => running },
    raise: alert => void alerts.push(alert),
    log: () => undefined,
  });

beforeEach(async () => {
  alerts = [];
  capacity = [upstream('U1', 'fault'), upstream('U2', 'open')];
  bench = await openQueueBench({
    place: (_message, forwardPath) => {
      const way = forwardPath.startsWith('r') ? 'R' : 'default';
      return { way, outageMark: outages.totalOf(way) };
    },
  });
  outages = await open();
});
afterEach(() => bench.close());

/** Time passes, with a look at its end. */
async function pass(milliseconds: number): Promise<void> {
  running += milliseconds;
  await outages.look();
}

describe('a route is out', () => {
  it.each([
    ['fault', 'fault', true],
    ['fault', 'open', false],
    ['fault', 'paused', false],
    ['open', 'fault', false],
  ] as const)('with upstreams %s and %s: %s', (first, second, expected) => {
    const now = [upstream('U1', first), upstream('U2', second)];
    expect(routesOut(routes, now).has('R')).toBe(expected);
  });

  it('where none of its upstreams exists', () => {
    expect(routesOut(routes, [])).toEqual(new Set(['default', 'R']));
  });
});

describe('the time of an outage', () => {
  it('counts while it lasts, by route, and only then', async () => {
    await outages.look();
    await pass(5 * MINUTE);
    expect(outages.totalOf('default')).toBe(5 * MINUTE);
    expect(outages.totalOf('R')).toBe(0);
    capacity = [upstream('U1', 'open')];
    await pass(5 * MINUTE);
    await pass(5 * MINUTE);
    expect(outages.totalOf('default')).toBe(5 * MINUTE);
  });

  it('does not count a pause', async () => {
    capacity = [upstream('U1', 'paused')];
    await outages.look();
    await pass(5 * MINUTE);
    expect(outages.totalOf('default')).toBe(0);
  });

  it('survives a restart, and does not count the time between', async () => {
    await outages.look();
    await pass(5 * MINUTE);
    await outages.stop();
    running = 0;
    outages = await open();
    expect(outages.totalOf('default')).toBe(5 * MINUTE);
    await outages.look();
    await pass(MINUTE);
    expect(outages.totalOf('default')).toBe(6 * MINUTE);
  });
});

describe('mail that has waited through too long an outage', () => {
  it('is held and the operator told, once; what came later waits on', async () => {
    await outages.look();
    await bench.queue.enqueue(newMessage('M1', ['a@x.example', 'b@x.example']), NOW);
    await pass(30 * MINUTE);
    await bench.queue.enqueue(newMessage('M2'), NOW);
    await bench.queue.enqueue(newMessage('M3', ['r@x.example']), NOW);
    await pass(30 * MINUTE);
    expect(await bench.database.read('SELECT id, held_because FROM message ORDER BY id')).toEqual([
      { id: 'M1', held_because: 'outage' },
      { id: 'M2', held_because: null },
      { id: 'M3', held_because: null },
    ]);
    expect((await claimAt(bench.queue, NOW)).map(claim => claim.message.id).sort()).toEqual(['M2', 'M3']);
    expect(alerts).toMatchObject([
      { kind: 'mail-held', text: expect.stringMatching(/^1 message is held.*release --all/) },
    ]);
    await pass(MINUTE);
    expect(alerts).toHaveLength(1);
  });

  it('has a new life once an operator has released it', async () => {
    await outages.look();
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await pass(GRACE);
    await bench.operator.release({}, NOW);
    await bench.database.commit([
      { sql: `UPDATE recipient SET way = 'default', outage_mark = ?`, params: [outages.totalOf('default')] },
    ]);
    await pass(GRACE - 1);
    expect(await bench.database.read('SELECT held_at FROM message')).toEqual([{ held_at: null }]);
  });

  it('is never what is bound to an upstream that may have it', async () => {
    await outages.look();
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await bench.database.commit([{ sql: 'UPDATE recipient SET way = ?', params: [boundTo('U1')] }]);
    await pass(2 * GRACE);
    expect(await bench.database.read('SELECT held_at FROM message')).toEqual([{ held_at: null }]);
  });
});
