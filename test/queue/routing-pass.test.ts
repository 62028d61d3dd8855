// What waits is routed, at once and in steps, and what may have been delivered stays bound for as long as it should.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Capacity } from '../../server/queue/delivery.ts';
import type { Claim } from '../../server/queue/message.ts';
import { createQueue } from '../../server/queue/queue.ts';
import { createRoutingPass, type RoutingPass } from '../../server/queue/routing-pass.ts';
import { boundTo, UNROUTED } from '../../server/queue/way.ts';
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

const DAY = 24 * 60 * MINUTE;
let bench: QueueBench;
let now = NOW;
let trusted = true;
let upstreams = ['U1', 'U2'];
let route = 'default';
let routes = new Map([['default', ['U1', 'U2']]]);
let total = 0;
let dead: ReadonlySet<string> = new Set();
let revisions = new Map<string, number>();

beforeEach(async () => {
  dead = new Set();
  [now, trusted, upstreams, route, total] = [NOW, true, ['U1', 'U2'], 'default', 0];
  revisions = new Map();
  routes = new Map([
    ['default', ['U1', 'U2']],
    ['R', ['U2']],
  ]);
  bench = await openQueueBench({ place });
});
afterEach(() => bench.close());

const place = () => ({ way: route, outageMark: total });

function openPass(): RoutingPass {
  const capacity = (upstreamId: string): Capacity => ({
    upstreamId,
    upstream: upstreamId,
    free: 1,
    open: !dead.has(upstreamId),
    paused: false,
  });
  return createRoutingPass({
    database: bench.database,
    queue: bench.queue,
    relay: {
      capacity: () => upstreams.map(capacity),
      routing: { routes: () => routes, routeOf: () => route, onChange: () => undefined },
    },
    place,
    outageTotal: () => total,
    revisionOf: id => revisions.get(id) ?? 1,
    ambiguousFor: DAY,
    policy: { retryMin: MINUTE, retryMax: 60 * MINUTE },
    random: () => 0.5,
    buildDate: NOW - DAY,
    clock: { now: () => now, monotonic: () => 0 },
    clockTrust: {
      trusted: () => trusted,
      believed: { now: () => now, monotonic: () => 0 },
      beat: () => undefined,
    },
    log: () => undefined,
  });
}

async function ways(): Promise<readonly unknown[]> {
  const rows = await bench.database.read('SELECT way FROM recipient ORDER BY message_id, ordinal');
  return rows.map(row => row['way']);
}

/** One message that may have been delivered by U1. */
async function bind(since: number): Promise<void> {
  await bench.queue.enqueue(newMessage('M1'), NOW);
  const [claim] = await claimAt(bench.queue, NOW);
  if (!claim) throw new Error('nothing was due');
  const inDoubt = { ...deferredUntil(NOW + 10 * MINUTE, boundTo('U1')), ambiguousSince: since };
  await bench.queue.settle(claim, settled(claim, inDoubt), NOW);
}

describe('a pass', () => {
  it('routes what has no way, so that it can be claimed', async () => {
    const commandLine = createQueue({ database: bench.database, newId: () => 'LEASE' });
    await commandLine.enqueue(newMessage('M1', ['a@x.example', 'b@x.example']), NOW);
    expect(await ways()).toEqual([UNROUTED, UNROUTED]);
    expect(await openPass().run()).toBe(2);
    expect(await ways()).toEqual(['default', 'default']);
    expect(bench.queue.line.due(['default'], NOW, NOW + DAY)).toHaveLength(1);
  });

  it('routes thousands, and each of them once', async () => {
    const commandLine = createQueue({ database: bench.database, newId: () => 'LEASE' });
    const many = Array.from({ length: 60 }, (_, i) => `r${i}@x.example`);
    const messages = Array.from({ length: 30 }, (_, i) => newMessage(`M${i}`, many));
    await Promise.all(messages.map(message => commandLine.enqueue(message, NOW)));
    expect(await openPass().run()).toBe(1_800);
    expect(new Set(await ways())).toEqual(new Set(['default']));
    expect(await openPass().run()).toBe(0);
  });

  it('leaves what is on a route that exists', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    route = 'R';
    expect(await openPass().run()).toBe(0);
    expect(await ways()).toEqual(['default']);
  });

  it('frees what is on a route that is gone', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    routes.delete('default');
    route = 'R';
    expect(await openPass().run()).toBe(1);
    expect(await ways()).toEqual(['R']);
  });

  it('routes held mail too, and leaves it held', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await bench.operator.hold({}, NOW);
    route = 'R';
    expect(await openPass().runAnew()).toBe(1);
    expect(await ways()).toEqual(['R']);
    expect(await claimAt(bench.queue, NOW + DAY)).toEqual([]);
  });
});

describe('a change of routes or upstreams', () => {
  it('gives all another chance, at once', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    const [claim] = await claimAt(bench.queue, NOW);
    if (!claim) throw new Error('nothing was due');
    await bench.queue.settle(claim, settled(claim, deferredUntil(NOW + 30 * MINUTE, 'default !U1 -U2')), NOW);
    expect(await openPass().runAnew()).toBe(1);
    expect(await ways()).toEqual(['default']);
    expect(await claimAt(bench.queue, NOW)).toHaveLength(1);
  });

  describe('while it waits for its time', () => {
    const DUE = NOW + 30 * MINUTE;
    const refuse = async () => {
      await bench.queue.enqueue(newMessage('M1'), NOW);
      const [claim] = await claimAt(bench.queue, NOW);
      if (!claim) throw new Error('nothing was due');
      await bench.queue.settle(claim, settled(claim, deferredUntil(DUE)), NOW);
    };
    const due = async () =>
      (await bench.database.read('SELECT next_attempt_at FROM recipient'))[0]?.['next_attempt_at'];

    it('makes it due where an upstream of its route has other settings, once', async () => {
      await refuse();
      const pass = openPass();
      revisions.set('U2', 2);
      expect(await pass.runAnew()).toBe(1);
      expect(await due()).toBe(NOW);
      const [claim] = await claimAt(bench.queue, NOW);
      if (!claim) throw new Error('nothing was due');
      await bench.queue.settle(claim, settled(claim, deferredUntil(DUE)), NOW);
      expect(await pass.runAnew()).toBe(0);
      expect(await due()).toBe(DUE);
    });

    it('makes it due where the settings were corrected while the server was stopped', async () => {
      await openPass().runAnew();
      await refuse();
      revisions.set('U2', 2);
      expect(await openPass().runAnew()).toBe(1);
      expect(await due()).toBe(NOW);
      expect(await openPass().runAnew()).toBe(0);
    });

    it('makes it due where its route goes to others', async () => {
      await refuse();
      const pass = openPass();
      routes.set('default', ['U2']);
      await pass.runAnew();
      expect(await due()).toBe(NOW);
    });

    it('is not about an upstream of another route', async () => {
      await refuse();
      routes.set('default', ['U1']);
      const pass = openPass();
      revisions.set('U2', 2);
      expect(await pass.runAnew()).toBe(0);
      expect(await due()).toBe(DUE);
    });

    it('leaves held what is held', async () => {
      await refuse();
      await bench.operator.hold({}, NOW);
      const pass = openPass();
      revisions.set('U1', 2);
      await pass.runAnew();
      expect(await due()).toBeNull();
    });

    it('leaves to its time what may have been delivered', async () => {
      await bind(NOW);
      const pass = openPass();
      revisions.set('U1', 2);
      expect(await pass.runAnew()).toBe(0);
      expect(await due()).toBe(NOW + 10 * MINUTE);
    });
  });

  it('starts the count of outages anew on another route only', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await bench.database.commit([{ sql: `UPDATE recipient SET way = 'default -U1', outage_mark = 3` }]);
    total = 500;
    await openPass().runAnew();
    expect(await bench.database.read('SELECT way, outage_mark FROM recipient')).toEqual([
      { way: 'default', outage_mark: 3 },
    ]);
    route = 'R';
    await openPass().runAnew();
    expect(await bench.database.read('SELECT way, outage_mark FROM recipient')).toEqual([
      { way: 'R', outage_mark: 500 },
    ]);
  });

  it('leaves what may have been delivered with its upstream', async () => {
    await bind(NOW);
    route = 'R';
    expect(await openPass().runAnew()).toBe(0);
    expect(await ways()).toEqual([boundTo('U1')]);
  });
});

describe('what may have been delivered', () => {
  it('stays with its upstream for as long as configured; then another one has its turn, at the same time', async () => {
    await bind(NOW);
    now = NOW + DAY - 1;
    expect(await openPass().run()).toBe(0);
    now = NOW + DAY;
    expect(await openPass().run()).toBe(1);
    const rows = await bench.database.read('SELECT way, next_attempt_at, ambiguous_since FROM recipient');
    expect(rows).toEqual([{ way: 'default -U1', next_attempt_at: NOW + 10 * MINUTE, ambiguous_since: null }]);
  });

  it('goes on where it is when there is no other upstream, or where its route leads by now', async () => {
    await bind(NOW);
    now = NOW + DAY;
    routes.set('default', ['U1']);
    expect(await openPass().run()).toBe(1);
    expect(await ways()).toEqual(['default']);
    await bench.database.commit([
      { sql: 'UPDATE recipient SET way = ?, ambiguous_since = ?', params: [boundTo('U1'), NOW] },
    ]);
    route = 'R';
    expect(await openPass().run()).toBe(1);
    expect(await ways()).toEqual(['R']);
  });

  it('is free at once when its upstream is removed', async () => {
    await bind(NOW);
    upstreams = ['U2'];
    expect(await openPass().run()).toBe(1);
    expect(await ways()).toEqual(['default']);
  });

  it('is not freed by a clock that cannot be trusted', async () => {
    await bind(NOW);
    [now, trusted] = [NOW + 100 * DAY, false];
    expect(await openPass().run()).toBe(0);
  });

  it.each([
    ['1970', 30_000],
    ['2099', NOW + 70 * 365 * DAY],
  ])('counts from now where a clock that showed %s has written since when', async (_year, since) => {
    await bind(since);
    expect(await openPass().run()).toBe(0);
    now = NOW + DAY - 1;
    expect(await openPass().run()).toBe(0);
    expect(await ways()).toEqual([boundTo('U1')]);
    now = NOW + DAY;
    expect(await openPass().run()).toBe(1);
  });
});

describe('what one upstream has refused for now', () => {
  const refused = async (way: string) => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await bench.database.commit([{ sql: 'UPDATE recipient SET way = ?, deferrals = 2', params: [way] }]);
  };

  it('is tried there again, later, where the others do not work any more', async () => {
    await refused('default -U1');
    dead = new Set(['U2']);
    expect(await openPass().run()).toBe(1);
    const rows = await bench.database.read('SELECT way, deferrals, next_attempt_at FROM recipient');
    expect(rows).toEqual([{ way: 'default', deferrals: 3, next_attempt_at: NOW + 4 * MINUTE }]);
    expect(await openPass().run()).toBe(0);
  });

  it.each([
    ['the others work', 'default -U1', []],
    ['nobody works', 'default -U1', ['U1', 'U2']],
    ['whoever works cannot take it', 'default !U1', ['U2']],
  ])('waits where %s', async (_what, way, notWorking) => {
    await refused(way);
    dead = new Set(notWorking);
    expect(await openPass().run()).toBe(0);
    expect(await ways()).toEqual([way]);
  });

  it('is routed anew where the route has nobody left for it', async () => {
    await refused('default !U1');
    routes.set('default', ['U1']);
    expect(await openPass().run()).toBe(1);
    expect(await ways()).toEqual(['default']);
  });
});

describe('what is under way while all is routed anew', () => {
  it('is known to have gone by old routes, until it has ended', async () => {
    await bench.queue.enqueue(newMessage('M1'), NOW);
    await bench.queue.enqueue(newMessage('M2'), NOW);
    const [before] = await claimAt(bench.queue, NOW, 1);
    const outdated = ({ queue }: QueueBench, claim: Claim) =>
      claim.recipients.map(recipient => queue.isOutdated(claim, recipient));
    if (before === undefined) throw new Error('nothing was due');
    expect(outdated(bench, before)).toEqual([false]);
    await openPass().runAnew();
    expect(outdated(bench, before)).toEqual([false]); // where it goes is where it went
    route = 'R';
    expect(outdated(bench, before)).toEqual([true]);
    await openPass().runAnew();
    const [after] = await claimAt(bench.queue, NOW, 1);
    if (after === undefined) throw new Error('nothing was due');
    expect(outdated(bench, after)).toEqual([false]);
    route = 'default';
    expect(outdated(bench, after)).toEqual([false]); // not before a pass has been over it
  });
});
