// How the relay treats an upstream as a whole: faults, probes, pauses, changes by the operator, the time that ages
// mail, and the end. Deliveries go to a remote server on a real socket; the clock is turned by hand.

import { describe, expect, it } from 'vitest';
import { relayTo, remote, until, upstreamAt } from './bench.ts';
import type { Step } from './remote.ts';

const MINUTE = 60_000;
const badLogin = ({ verb }: Step) => (verb === 'AUTH' ? '535 5.7.8 wrong' : undefined);
const free = (bench: ReturnType<typeof relayTo>) => bench.relay.capacity()[0]?.free;

describe('a fault', () => {
  it('keeps everything waiting, is explained, stored, logged, and ends with a good probe', async () => {
    let wrong = true;
    const server = await remote({ script: step => (wrong ? badLogin(step) : undefined) });
    const bench = relayTo(await upstreamAt(server.port));
    const { outcomes, fault, upstream } = await bench.deliver();
    expect(upstream).toBe('provider');
    expect(fault).toMatchObject({ kind: 'credentials', stage: 'auth', reply: '535 5.7.8 wrong' });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expect(free(bench)).toBe(0);
    expect(bench.recorded.at(-1)).toMatchObject({
      kind: 'credentials',
      nextProbeAt: bench.clock.now() + 30_000,
    });
    expect(bench.logged[0]).toMatchObject({ event: 'upstream.fault', fields: { kind: 'credentials' } });

    bench.clock.turn(30_000);
    expect(free(bench)).toBe(1);
    wrong = false;
    expect((await bench.deliver()).outcomes[0]?.kind).toBe('relayed');
    expect(free(bench)).toBe(3);
    expect(bench.recorded.at(-1)).toBeNull();
    expect(bench.logged.at(-1)).toMatchObject({ event: 'upstream.recovered', fields: { after: 30_000 } });
  });

  it('lets one probe through and turns the others away without a connection', async () => {
    const server = await remote({ script: badLogin });
    const bench = relayTo(await upstreamAt(server.port));
    await bench.deliver();
    bench.clock.turn(30_000);
    const both = await Promise.all([bench.deliver({ messageId: 'M2' }), bench.deliver({ messageId: 'M3' })]);
    expect(server.connections()).toBe(2);
    for (const { outcomes } of both) expect(outcomes[0]).toMatchObject({ reason: 'upstream' });
    expect(free(bench)).toBe(0);
  });

  it('known from before a restart begins with one probe at once', async () => {
    const server = await remote();
    const fault = {
      kind: 'credentials',
      text: 'wrong',
      since: 1_799_999_990_000,
      nextProbeAt: null,
    } as const;
    const bench = relayTo(await upstreamAt(server.port, { fault }));
    expect(free(bench)).toBe(1);
    await bench.deliver();
    expect(free(bench)).toBe(3);
    expect(bench.logged.at(-1)).toMatchObject({ event: 'upstream.recovered', fields: { after: 10_000 } });
  });

  it('is forgotten when the operator changes the upstream: one probe at once', async () => {
    const server = await remote({ script: badLogin });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    await bench.deliver();
    let woken = 0;
    bench.relay.onCapacity(() => woken++);
    bench.change({ ...upstream, revision: 2 });
    expect(free(bench)).toBe(1);
    expect(woken).toBe(1);
  });

  it('of one message that is cut off every time does not stop the others', async () => {
    const script = ({ verb, line }: Step) =>
      verb === 'MAIL' && line.includes('poison@') ? 'DROP' : undefined;
    const server = await remote({ script });
    const bench = relayTo(await upstreamAt(server.port));
    for (let i = 0; i < 5; i++) {
      const { outcomes } = await bench.deliver({ messageId: 'P', reversePath: 'poison@example.com' });
      expect(outcomes[0]).toMatchObject({ reason: 'connection-lost' });
    }
    expect(free(bench)).toBe(3);
    expect((await bench.deliver({ messageId: 'M2' })).outcomes[0]?.kind).toBe('relayed');
  });

  it('is declared when three different messages in a row are cut off', async () => {
    const server = await remote({ script: ({ verb }) => (verb === 'BODY' ? 'DROP' : undefined) });
    const bench = relayTo(await upstreamAt(server.port));
    for (const messageId of ['M1', 'M2', 'M3']) await bench.deliver({ messageId });
    expect(free(bench)).toBe(0);
    expect(bench.recorded.at(-1)).toMatchObject({ kind: 'unreachable' });
  });

  it('that follows one message around is that message’s: another one goes next', async () => {
    const script = ({ verb, line }: Step) =>
      verb === 'RCPT' && line.includes('odd@') ? '421 4.7.0 try again later' : undefined;
    const server = await remote({ script });
    const bench = relayTo(await upstreamAt(server.port));
    const odd = { messageId: 'P', forwardPaths: ['odd@example.net'] };
    for (const messageId of ['M1', 'M2']) {
      expect((await bench.deliver(odd)).fault).toMatchObject({ kind: 'throttled' });
      expect((await bench.deliver({ messageId })).outcomes[0]?.kind).toBe('relayed');
    }
    const again = await bench.deliver(odd);
    expect(again.fault).toBeNull();
    expect(again.outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'refused-for-now' });
  });

  it('for some recipients of a message that was taken is theirs alone', async () => {
    const script = ({ verb, line }: Step) =>
      verb === 'RCPT' && line.includes('late@') ? '450 4.7.0 rate limit' : undefined;
    const server = await remote({ script });
    const bench = relayTo(await upstreamAt(server.port));
    const { outcomes, fault } = await bench.deliver({ forwardPaths: ['a@example.net', 'late@example.net'] });
    expect(fault).toBeNull();
    expect(outcomes).toMatchObject([{ kind: 'relayed' }, { kind: 'deferred', reason: 'refused-for-now' }]);
    expect(free(bench)).toBe(3);
  });
});

describe('capacity', () => {
  it('is taken from the call to its end', async () => {
    const server = await remote();
    const bench = relayTo(await upstreamAt(server.port));
    const running = [bench.deliver({ messageId: 'M1' }), bench.deliver({ messageId: 'M2' })];
    expect(free(bench)).toBe(1);
    await Promise.all(running);
    expect(free(bench)).toBe(3);
    expect(server.connections()).toBe(2);
  });

  it('is never exceeded: a delivery too many waits for a place', async () => {
    const server = await remote();
    const bench = relayTo(await upstreamAt(server.port, { connections: 2 }));
    const all = Array.from({ length: 7 }, (_, i) => bench.deliver({ messageId: `M${i}` }));
    expect(free(bench)).toBe(0);
    for (const { outcomes } of await Promise.all(all)) expect(outcomes[0]?.kind).toBe('relayed');
    expect(server.connections()).toBe(2);
    expect(free(bench)).toBe(2);
  });

  it('is none while paused, and what runs ends', async () => {
    const server = await remote();
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    const running = bench.deliver();
    bench.change({ ...upstream, revision: 2, pausedAt: 1 });
    expect(free(bench)).toBe(0);
    expect((await running).outcomes[0]?.kind).toBe('relayed');
    bench.change({ ...upstream, revision: 3 });
    expect(free(bench)).toBe(3);
  });

  it('is nowhere without an upstream, and mail for a removed one waits', async () => {
    const server = await remote();
    const bench = relayTo(await upstreamAt(server.port));
    bench.change(null);
    expect(bench.relay.capacity()).toEqual([]);
    const { outcomes } = await bench.deliver();
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expect(server.connections()).toBe(0);
  });

  it('wakes the runner when a probe is due', async () => {
    const server = await remote({ script: badLogin });
    const probes = { min: 50, max: 50, maxUnreachable: 50, minQuota: 50 };
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    const bench = relayTo(await upstreamAt(server.port), { probes, clock });
    const woken = new Promise<void>(resolve => bench.relay.onCapacity(() => free(bench) === 1 && resolve()));
    await bench.deliver();
    await woken;
  });
});

describe('a change by the operator', () => {
  it('takes effect with the next message, over a new connection', async () => {
    const [first, second] = [await remote(), await remote()];
    const upstream = await upstreamAt(first.port);
    const bench = relayTo(upstream);
    await bench.deliver();
    bench.change({ ...upstream, port: second.port, revision: 2 });
    await bench.deliver({ messageId: 'M2' });
    expect([first.bodies.length, second.bodies.length]).toEqual([1, 1]);
    await until(() => first.open() === 0);
    expect(first.commands.at(-1)).toBe('QUIT');
  });
});

describe('usable time', () => {
  it('passes only while the upstream works and is not paused', async () => {
    let wrong = false;
    const server = await remote({ script: step => (wrong ? badLogin(step) : undefined) });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream, { pool: { idle: 1, messages: 1 } });
    const used = () => bench.relay.usableTime('U1') / MINUTE;
    bench.clock.turn(5 * MINUTE);
    expect(used()).toBe(5);

    wrong = true;
    await bench.deliver();
    bench.clock.turn(60 * MINUTE);
    expect(used()).toBe(5);

    wrong = false;
    await bench.deliver();
    bench.clock.turn(2 * MINUTE);
    expect(used()).toBe(7);

    bench.change({ ...upstream, revision: 2, pausedAt: 1 });
    bench.clock.turn(MINUTE);
    expect(used()).toBe(7);
    bench.change({ ...upstream, revision: 3 });
    bench.clock.turn(MINUTE);
    expect(used()).toBe(8);
    expect(bench.relay.usableTime('unknown')).toBe(0);
  });
});

describe('the end', () => {
  it('lets a delivery end in its grace and closes what is idle', async () => {
    const server = await remote();
    const bench = relayTo(await upstreamAt(server.port));
    await bench.deliver();
    const running = bench.deliver({ messageId: 'M2' });
    await bench.relay.stop(20_000);
    expect((await running).outcomes[0]?.kind).toBe('relayed');
    await until(() => server.open() === 0);
    expect(free(bench)).toBe(0);
  });

  it('cuts off what does not end, and says that it may have been delivered', async () => {
    const server = await remote({ script: ({ verb }) => (verb === 'BODY' ? 'SILENCE' : undefined) });
    const bench = relayTo(await upstreamAt(server.port));
    const running = bench.deliver();
    await until(() => server.bodies.length === 1);
    await bench.relay.stop(10);
    expect((await running).outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'ambiguous' });
    expect(bench.recorded).toEqual([]);
  });
});

describe('the pool', () => {
  it('closes a connection politely after its last message and when it is idle', async () => {
    const server = await remote();
    const bench = relayTo(await upstreamAt(server.port), { pool: { idle: 50, messages: 2 } });
    for (const messageId of ['M1', 'M2', 'M3']) await bench.deliver({ messageId });
    expect(server.connections()).toBe(2);
    await until(() => server.open() === 0);
    expect(server.commands.filter(line => line === 'QUIT')).toHaveLength(2);
  });
});
