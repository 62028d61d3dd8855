// The loop over real parts: which upstream gets what, in which order, and that nobody's trouble delays another's mail.

import { describe, expect, it } from 'vitest';
import { createQueue } from '../../server/queue/queue.ts';
import { LATELY } from '../../server/queue/turns.ts';
import { boundTo } from '../../server/queue/way.ts';
import { remote, upstreamAt } from '../relay/bench.ts';
import { freePort } from '../support/ports.ts';
import { anyRoute, eventually, type MailBench, mailOf, openMailBench } from './mail-bench.ts';
import { MINUTE, newMessage } from './support.ts';

const settledAs = (bench: MailBench, state: string) => async () =>
  (await bench.recipients()).every(row => row['state'] === state);

const subjects = (bodies: readonly Buffer[]) =>
  bodies.map(body => /^Subject: (.*)$/m.exec(body.toString())?.[1]?.trim() ?? '');

describe('failover', () => {
  it('asks the next upstream at once when one refuses for now, and charges nothing', async () => {
    const first = await remote({
      script: ({ verb }) => (verb === 'RCPT' ? '451 4.3.0 try later' : undefined),
    });
    const second = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(first.port, { id: 'U1', name: 'first' }),
        await upstreamAt(second.port, { id: 'U2', name: 'second', isDefault: false }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(settledAs(bench, 'relayed'));
    expect(await bench.attempts()).toEqual(['first deferred', 'second relayed']);
    expect(await bench.recipients()).toMatchObject([{ attempts: 2, deferrals: 0 }]);
    expect(second.bodies).toHaveLength(1);
  });

  it('goes recipient by recipient', async () => {
    const refuses = /<b@/;
    const first = await remote({
      script: ({ verb, line }) => (verb === 'RCPT' && refuses.test(line) ? '451 4.3.0 later' : undefined),
    });
    const second = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(first.port, { id: 'U1', name: 'first' }),
        await upstreamAt(second.port, { id: 'U2', name: 'second' }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    await bench.send(mailOf('A', 1, { forwardPaths: ['a@x.example', 'b@x.example'] }));
    await eventually(settledAs(bench, 'relayed'));
    expect(await bench.attempts()).toEqual(['first relayed', 'first deferred', 'second relayed']);
    expect(second.commands.filter(line => line.startsWith('RCPT'))).toEqual([
      expect.stringContaining('<b@x.example>'),
    ]);
  });

  it('counts a deferral and waits when all have refused', async () => {
    const later = {
      script: ({ verb }: { verb: string }) => (verb === 'RCPT' ? '451 4.3.0 later' : undefined),
    };
    const [first, second] = [await remote(later), await remote(later)];
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(first.port, { id: 'U1', name: 'first' }),
        await upstreamAt(second.port, { id: 'U2', name: 'second' }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(async () => (await bench.recipients())[0]?.['deferrals'] === 1);
    expect(await bench.attempts()).toEqual(['first deferred', 'second deferred']);
    expect(await bench.recipients()).toMatchObject([{ state: 'deferred', way: 'R' }]);
  });

  it('passes over an upstream that cannot be reached', async () => {
    const second = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(await freePort(), { id: 'U1', name: 'first' }),
        await upstreamAt(second.port, { id: 'U2', name: 'second' }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    await Promise.all(Array.from({ length: 20 }, (_, i) => bench.send(mailOf('A', i))));
    await eventually(settledAs(bench, 'relayed'));
    expect(second.bodies).toHaveLength(20);
    expect((await bench.recipients()).every(row => row['deferrals'] === 0)).toBe(true);
  });

  it('passes over an upstream that cannot take the message at all, and fails it where none can', async () => {
    const first = await remote({ keywords: ['PIPELINING', 'SIZE 20', 'AUTH PLAIN'] });
    const second = await remote();
    const upstreams = [
      await upstreamAt(first.port, { id: 'U1', name: 'first' }),
      await upstreamAt(second.port, { id: 'U2', name: 'second' }),
    ];
    const bench = await openMailBench({
      upstreams,
      routes: [anyRoute('S', ['first'], { accounts: ['small'] }), anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(settledAs(bench, 'relayed'));
    expect(second.bodies).toHaveLength(1);
    await bench.send(mailOf('small', 1));
    await eventually(async () => (await bench.recipients()).at(-1)?.['state'] === 'failed');
  });

  it('never takes what may have been delivered to another upstream', async () => {
    const first = await remote({ script: ({ verb }) => (verb === 'BODY' ? 'DROP' : undefined) });
    const second = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(first.port, { id: 'U1', name: 'first' }),
        await upstreamAt(second.port, { id: 'U2', name: 'second' }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    const before = Date.now();
    await bench.send(mailOf('A', 1));
    await eventually(async () => (await bench.recipients())[0]?.['way'] === boundTo('U1'));
    const [row] = await bench.recipients();
    expect(row).toMatchObject({ state: 'deferred', attempts: 1 });
    expect(Number(row?.['next_attempt_at'])).toBeGreaterThanOrEqual(before + 10 * MINUTE);
    await bench.send(mailOf('B', 2, { forwardPaths: ['b@x.example'] }));
    await eventually(async () => first.bodies.length + second.bodies.length >= 2);
    expect(subjects(second.bodies)).not.toContain('A000001');
  });
});

describe('fairness', () => {
  it('lets another account pass a flood', async () => {
    const provider = await remote({
      script: ({ verb }) => (verb === 'BODY' ? 'LATE:250 2.0.0 Ok' : undefined),
    });
    const bench = await openMailBench({ upstreams: [await upstreamAt(provider.port, { connections: 2 })] });
    await Promise.all(Array.from({ length: 5_000 }, (_, i) => bench.send(mailOf('A', i))));
    bench.start();
    await eventually(() => provider.bodies.length >= 6);
    await bench.send(mailOf('B', 1));
    const before = provider.bodies.length;
    await eventually(() => subjects(provider.bodies).includes('B000001'));
    // Two that were under way, and one more for each of the two places.
    expect(subjects(provider.bodies).indexOf('B000001') - before).toBeLessThanOrEqual(4);
  });

  it('lets new mail of an account pass its own backlog, which drains oldest first', async () => {
    const provider = await remote({
      script: ({ verb }) => (verb === 'BODY' ? 'LATE:250 2.0.0 Ok' : undefined),
    });
    const bench = await openMailBench({ upstreams: [await upstreamAt(provider.port, { connections: 1 })] });
    const old = Array.from({ length: 1_000 }, (_, i) => mailOf('A', i));
    const since = Date.now() - LATELY - 60_000;
    await Promise.all(old.map((message, i) => bench.queue.enqueue(message, since + i)));
    bench.start();
    await eventually(() => provider.bodies.length >= 3);
    expect(subjects(provider.bodies)).toEqual(old.slice(0, provider.bodies.length).map(({ id }) => id));
    await bench.send(mailOf('A', 999_999));
    const before = provider.bodies.length;
    await eventually(() => subjects(provider.bodies).includes('A999999'));
    expect(subjects(provider.bodies).indexOf('A999999') - before).toBeLessThanOrEqual(4);
  });

  it('lets no dead upstream delay what goes another way, however much waits for it', async () => {
    const works = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(await freePort(), { id: 'U1', name: 'dead' }),
        await upstreamAt(works.port, { id: 'U2', name: 'works', isDefault: false }),
      ],
      routes: [anyRoute('R', ['works'], { accounts: ['B'] })],
    });
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => bench.send(mailOf('A', i))));
    bench.start();
    await eventually(() => bench.logged.some(({ event }) => event === 'upstream.fault'));
    await Promise.all(Array.from({ length: 10 }, (_, i) => bench.send(mailOf('B', i))));
    await eventually(() => works.bodies.length === 10);
    const rows = await bench.recipients();
    expect(rows.filter(row => row['state'] === 'in_flight')).toEqual([]);
    expect(rows.filter(row => row['state'] !== 'relayed')).toHaveLength(3_000);
  });
});

describe('what changes while mail waits', () => {
  it('frees it: the upstream of its route is there now', async () => {
    const provider = await remote();
    const bench = await openMailBench({ upstreams: [] });
    bench.start();
    await bench.send(mailOf('A', 1));
    bench.change([await upstreamAt(provider.port)]);
    await eventually(settledAs(bench, 'relayed'));
  });

  it('is noticed where the command line has queued it, and routed', async () => {
    const provider = await remote();
    const bench = await openMailBench({ upstreams: [await upstreamAt(provider.port)] });
    bench.start();
    const commandLine = createQueue({ database: bench.database, newId: () => 'L' });
    await commandLine.enqueue(newMessage('M1'), Date.now());
    bench.upkeep.look();
    await eventually(settledAs(bench, 'relayed'));
  });

  it('gives back what was claimed for an upstream that is paused', async () => {
    const provider = await remote({
      script: ({ verb }) => (verb === 'BODY' ? 'LATE:250 2.0.0 Ok' : undefined),
    });
    const upstream = await upstreamAt(provider.port, { connections: 2 });
    const bench = await openMailBench({ upstreams: [upstream] });
    await Promise.all(Array.from({ length: 40 }, (_, i) => bench.send(mailOf('A', i))));
    bench.start();
    await eventually(() => provider.bodies.length >= 6);
    bench.change([{ ...upstream, pausedAt: 1, revision: 2 }]);
    await eventually(async () => (await bench.recipients()).every(row => row['state'] !== 'in_flight'));
    const waiting = (await bench.recipients()).filter(row => row['state'] === 'queued');
    expect(waiting.length).toBeGreaterThan(20);
    expect(waiting.every(row => row['attempts'] === 0)).toBe(true);
  });
});
