// Outages are counted while they last, survive a restart, and hold what has waited through too much of them.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '../../server/notification/alert.ts';
import type { Capacity } from '../../server/queue/delivery.ts';
import { createOutages, type Outages, waysOut } from '../../server/queue/outages.ts';
import { boundTo } from '../../server/queue/way.ts';
import type { Database } from '../../server/storage/database.ts';
import {
  claimAt,
  deferredUntil,
  MINUTE,
  NOW,
  newMessage,
  openQueueBench,
  type QueueBench,
  settled,
} from './support.ts';

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

const open = (database = bench.database) =>
  createOutages({
    database,
    relay: {
      capacity: () => capacity,
      routing: { routes: () => routes, routeOf: () => 'default', onChange: () => undefined },
    },
    ways: () => bench.queue.line.ways(),
    grace: GRACE,
    clock: { now: () => NOW, monotonic: () => running },
    raise: alert => void alerts.push(alert),
    log: () => undefined,
  });

beforeEach(async () => {
  alerts = [];
  capacity = [upstream('U1', 'fault'), upstream('U2', 'open')];
  bench = await openQueueBench({
    outageTotal: way => outages.totalOf(way),
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
    expect(waysOut(new Set(['R']), routes, now).has('R')).toBe(expected);
  });

  it('where none of its upstreams exists', () => {
    const ways = new Set(['default', 'R', 'gone', '=U1', '']);
    expect(waysOut(ways, routes, [])).toEqual(new Set(['default', 'R']));
  });

  it('for mail that the upstream which works cannot take', () => {
    const now = [upstream('U1', 'open'), upstream('U2', 'fault')];
    expect(waysOut(new Set(['R', 'R !U1', 'R !U2']), routes, now)).toEqual(new Set(['R !U1']));
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

describe('mail that only the upstream which does not work can take', () => {
  const settleAs = async (way: string) => {
    const [claim] = await claimAt(bench.queue, NOW);
    if (claim === undefined) throw new Error('nothing was due');
    await bench.queue.settle(claim, settled(claim, deferredUntil(NOW, way)), NOW);
  };
  const held = () => bench.database.read('SELECT held_because FROM message');

  it('is held after the same time, and the rest of the route goes on', async () => {
    capacity = [upstream('U1', 'open'), upstream('U2', 'fault')];
    await bench.queue.enqueue(newMessage('M1', ['r@x.example']), NOW);
    await settleAs('R !U1');
    await outages.look();
    await pass(GRACE - MINUTE);
    expect(await held()).toEqual([{ held_because: null }]);
    await pass(MINUTE);
    expect(await held()).toEqual([{ held_because: 'outage' }]);
    expect([outages.totalOf('R'), outages.totalOf('R -U2')]).toEqual([0, 0]);
  });

  it('keeps count of what it waited through with all of its route', async () => {
    capacity = [upstream('U1', 'fault'), upstream('U2', 'fault')];
    await outages.look();
    await pass(10 * GRACE);
    await bench.queue.enqueue(newMessage('M1', ['r@x.example']), NOW);
    await pass(GRACE - MINUTE);
    capacity = [upstream('U1', 'open'), upstream('U2', 'fault')];
    await settleAs('R !U1');
    await outages.look();
    await pass(MINUTE - 1);
    expect(await held()).toEqual([{ held_because: null }]);
    await pass(1);
    expect(await held()).toEqual([{ held_because: 'outage' }]);
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

  it('is only what still waits when it is written down', async () => {
    const { database, queue } = bench;
    const relaysFirst: Database = {
      ...database,
      commit: async (group, options) => {
        const [claim] = group[0]?.sql.includes('SET held_at') ? await claimAt(queue, NOW) : [];
        if (claim) await queue.settle(claim, settled(claim), NOW);
        return database.commit(group, options);
      },
    };
    outages = await open(relaysFirst);
    await outages.look();
    await queue.enqueue(newMessage('M1'), NOW);
    await pass(GRACE);
    expect(await database.read('SELECT held_at FROM message')).toEqual([{ held_at: null }]);
    expect(alerts).toEqual([]);
  });

  it('is not what goes another way in the same message', async () => {
    await outages.look();
    await bench.queue.enqueue(newMessage('M1', ['a@x.example', 'r@x.example']), NOW);
    await pass(GRACE);
    expect(await bench.database.read('SELECT held_because FROM message')).toEqual([
      { held_because: 'outage' },
    ]);
    const [claim] = await claimAt(bench.queue, NOW);
    expect(claim?.recipients.map(({ forwardPath }) => forwardPath)).toEqual(['r@x.example']);
  });

  it('is never what is bound to an upstream that may have it', async () => {
    await outages.look();
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await bench.database.commit([{ sql: 'UPDATE recipient SET way = ?', params: [boundTo('U1')] }]);
    await pass(2 * GRACE);
    expect(await bench.database.read('SELECT held_at FROM message')).toEqual([{ held_at: null }]);
  });
});
