// The pace of an upstream through the whole relay, against a remote server on a real socket: what throttling replies come
// to, what limits come to, and what outlives a restart. The clock is turned by hand.

import { describe, expect, it } from 'vitest';
import { createPace } from '../../server/relay/pace.ts';
import { NO_PACING } from '../../server/relay/upstream.ts';
import { relayTo, remote, turnedClock, until, upstreamAt } from './bench.ts';
import type { Step } from './remote.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const capacity = (bench: ReturnType<typeof relayTo>) => bench.relay.capacity()[0];
const events = (bench: ReturnType<typeof relayTo>) => bench.logged.map(one => one.event);

describe('a throttling reply', () => {
  const throttling =
    (reply: string) =>
    ({ verb, connection, count }: Step) =>
      verb === 'MAIL' && connection === 1 && count === 1 ? reply : undefined;

  it('is no fault: mail pauses at no cost, and comes back at a slower pace', async () => {
    const server = await remote({ script: throttling('421 4.7.0 Try again later, closing connection.') });
    const bench = relayTo(await upstreamAt(server.port));
    const { outcomes, fault } = await bench.deliver();
    expect(fault).toMatchObject({ kind: 'throttled' });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    // The breaker did not open, and the wait is too short for another upstream.
    expect(bench.recorded).toEqual([]);
    expect(bench.alerts).toEqual([]);
    expect(capacity(bench)).toMatchObject({ free: 0, open: true });
    expect(bench.logged[0]).toMatchObject({
      event: 'upstream.throttled',
      fields: { reply: '421 4.7.0 Try again later, closing connection.', connections: 1 },
    });
    bench.clock.turn(30_000);
    expect(capacity(bench)).toMatchObject({ free: 1, open: true });
    expect((await bench.deliver()).outcomes[0]?.kind).toBe('relayed');
    bench.clock.turn(HOUR + MINUTE);
    expect(capacity(bench)).toMatchObject({ free: 3 });
    expect(events(bench)).toEqual(['upstream.throttled', 'upstream.unthrottled']);
  });

  it('closes the connections that only wait: they count where there were too many', async () => {
    const script = ({ verb, count }: Step) =>
      verb === 'MAIL' && count === 2 ? '432 4.3.2 Concurrent connections limit exceeded' : undefined;
    const server = await remote({ script });
    const bench = relayTo(await upstreamAt(server.port));
    await Promise.all([bench.deliver({ messageId: 'M1' }), bench.deliver({ messageId: 'M2' })]);
    expect(server.open()).toBe(2);
    expect((await bench.deliver({ messageId: 'M3' })).fault).toMatchObject({ kind: 'throttled' });
    await until(() => server.open() === 0);
  });

  it('that states a long time sends mail to the next upstream meanwhile', async () => {
    const server = await remote({ script: throttling('450 4.2.1 Too fast, try again in 1 hour') });
    const bench = relayTo(await upstreamAt(server.port));
    await bench.deliver();
    expect(capacity(bench)).toMatchObject({ free: 0, open: false });
    // Not back and forth: the wait that is left does not count.
    bench.clock.turn(HOUR - MINUTE);
    expect(capacity(bench)).toMatchObject({ free: 0, open: false });
    bench.clock.turn(MINUTE);
    expect(capacity(bench)).toMatchObject({ free: 1, open: true });
  });

  it('ages no mail', async () => {
    const server = await remote({ script: throttling('421 4.7.0 Try again in 10 minutes') });
    const bench = relayTo(await upstreamAt(server.port));
    await bench.deliver();
    const before = bench.relay.usableTime('U1');
    bench.clock.turn(10 * MINUTE);
    expect(bench.relay.usableTime('U1')).toBe(before);
    bench.clock.turn(MINUTE);
    expect(bench.relay.usableTime('U1')).toBe(before + MINUTE);
  });

  it('wakes whoever waits when the pause is over', async () => {
    const server = await remote({ script: throttling('421 4.7.0 Try again in 1 second') });
    const upstream = await upstreamAt(server.port);
    const started = Date.now();
    const clock = { now: () => Date.now(), monotonic: () => Date.now() - started };
    const bench = relayTo(upstream, { clock });
    await bench.deliver();
    expect(capacity(bench)?.free).toBe(0);
    let free = 0;
    bench.relay.onCapacity(() => {
      free = capacity(bench)?.free ?? 0;
    });
    await until(() => free === 1);
  });

  it('is forgotten when the operator changes the upstream', async () => {
    const server = await remote({ script: throttling('421 4.7.0 Try again in 1 hour') });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    await bench.deliver();
    bench.change({ ...upstream, revision: 2 });
    expect(capacity(bench)).toMatchObject({ free: 3, open: true });
  });

  it('is remembered across a restart', async () => {
    const server = await remote({ script: throttling('421 4.7.0 Try again in 1 hour') });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    await bench.deliver();
    const text = bench.keptPace();
    const again = relayTo(upstream, { paces: { get: () => text, keep: () => undefined } });
    expect(capacity(again)).toMatchObject({ free: 0, open: false });
    again.clock.turn(HOUR);
    expect(capacity(again)).toMatchObject({ free: 1, open: true });
  });

  it('for a quarter of an hour on end is an alert', async () => {
    const server = await remote({
      script: ({ verb }) => (verb === 'CONNECT' ? '421 4.7.0 Too many connections' : undefined),
    });
    const bench = relayTo(await upstreamAt(server.port));
    for (const pause of [30, 60, 120, 240, 480, 900]) {
      await bench.deliver();
      bench.clock.turn(pause * 1000);
    }
    expect(bench.alerts).toMatchObject([
      {
        kind: 'upstream-fault',
        subject: 'provider: throttled',
        text: expect.stringContaining('--per-minute'),
      },
    ]);
    expect(bench.recorded).toEqual([]);
  });
});

describe('an upstream that mail goes around', () => {
  it('says when mail may come back, also where its pace has become quicker meanwhile', async () => {
    const clock = turnedClock();
    const paces = { get: () => null, keep: () => undefined };
    const pace = createPace(await upstreamAt(1), {
      clock,
      log: () => undefined,
      raise: () => undefined,
      paces,
    });
    const text = 'Too many connections.';
    const reply = '421 4.7.0 Too many connections';
    for (const pause of [30, 60, 120, 240, 480, 900]) {
      pace.throttled('M1', { kind: 'throttled', stage: 'connect', reply, text });
      clock.turn(pause * 1000);
    }
    pace.started();
    expect(pace.isOpen()).toBe(false);
    pace.accepted('M1');
    clock.turn(pace.wait());
    expect(pace.isOpen()).toBe(true);
  });
});

describe('a message that stands in line', () => {
  it('does not go out once the operator has paused the upstream', async () => {
    const script = ({ verb }: Step) => (verb === 'BODY' ? 'LATE:250 2.0.0 Ok' : undefined);
    const server = await remote({ script });
    const upstream = await upstreamAt(server.port, { connections: 1 });
    const bench = relayTo(upstream);
    const first = bench.deliver({ messageId: 'M1' });
    const second = bench.deliver({ messageId: 'M2' });
    await until(() => server.commands.includes('DATA'));
    bench.change({ ...upstream, pausedAt: 1 });
    expect((await first).outcomes[0]?.kind).toBe('relayed');
    expect((await second).outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expect(server.bodies).toHaveLength(1);
  });
});

describe('limits', () => {
  const limited = async (changes: object) => {
    const server = await remote();
    const upstream = await upstreamAt(server.port, { pacing: { ...NO_PACING, ...changes } });
    return { server, upstream, bench: relayTo(upstream) };
  };

  it('of a minute give their places back in time', async () => {
    const { bench } = await limited({ messagesPerMinute: 6 });
    await bench.deliver();
    expect(capacity(bench)).toMatchObject({ free: 0, open: true });
    bench.clock.turn(10_000);
    expect(capacity(bench)?.free).toBe(1);
  });

  it('of a day count what was taken, and outlive a restart', async () => {
    const { bench, upstream } = await limited({ messagesPerDay: 2 });
    await bench.deliver();
    expect(capacity(bench)?.free).toBe(1);
    await bench.deliver({ messageId: 'M2' });
    expect(capacity(bench)).toMatchObject({ free: 0, open: false });
    const text = bench.keptPace();
    const again = relayTo(upstream, { paces: { get: () => text, keep: () => undefined } });
    expect(capacity(again)).toMatchObject({ free: 0, open: false });
    again.clock.turn(HOUR);
    expect(again.relay.usableTime('U1')).toBe(0); // and what waits for it does not age
    again.clock.turn(23 * HOUR + 5 * MINUTE);
    expect(capacity(again)).toMatchObject({ free: 2, open: true });
  });

  it('do not count what was refused', async () => {
    const server = await remote({ script: ({ verb }) => (verb === 'RCPT' ? '550 5.1.1 no' : undefined) });
    const pacing = { ...NO_PACING, messagesPerDay: 1 };
    const bench = relayTo(await upstreamAt(server.port, { pacing }));
    await bench.deliver();
    expect(capacity(bench)?.free).toBe(1);
  });

  it('of a connection close it and open another', async () => {
    const { bench, server } = await limited({ messagesPerConnection: 2 });
    for (let i = 0; i < 5; i++) await bench.deliver({ messageId: `M${i}` });
    expect(server.connections()).toBe(3);
  });

  it('of the message’s size send it to an upstream that takes it', async () => {
    const server = await remote();
    const bench = relayTo(await upstreamAt(server.port, { messageSize: 10 }));
    const { outcomes } = await bench.deliver();
    expect(outcomes[0]).toMatchObject({ kind: 'failed', reason: 'not-supported-upstream', stage: 'content' });
    expect(server.connections()).toBe(0);
  });
});

describe('the size that an upstream announces', () => {
  it('is learned when it is another one', async () => {
    const server = await remote({ keywords: ['SIZE 12345', 'AUTH PLAIN'] });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    await bench.deliver();
    expect(bench.sizes).toEqual([12345]);
    const knowing = relayTo({ ...upstream, announcedSize: 12345 });
    await knowing.deliver();
    expect(knowing.sizes).toEqual([]);
    expect(knowing.relay.largestMessage()).toBe(12345);
  });
});
