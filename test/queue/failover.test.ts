// The loop over real parts where upstreams hang, come and go while mail is under way: nothing waits for ever, nothing waits
// for one that another may take, and nothing is delivered twice for that.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { MOST_AHEAD } from '../../server/queue/lane.ts';
import type { Route } from '../../server/relay/route.ts';
import { afterTest, remote, upstreamAt } from '../relay/bench.ts';
import { freePort } from '../support/ports.ts';
import { anyRoute, eventually, type MailBench, mailOf, openMailBench } from './mail-bench.ts';

const settledAs = (bench: MailBench, state: string) => async () =>
  (await bench.recipients()).every(row => row['state'] === state);

/** A server that takes connections and never says a word. */
async function mute(): Promise<Readonly<{ port: number; connections: () => number; hangUp: () => void }>> {
  const sockets = new Set<{ destroy: () => void }>();
  let connections = 0;
  const server = createServer(socket => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  afterTest(hangUp);
  return { port: (server.address() as AddressInfo).port, connections: () => connections, hangUp };
}

describe('an upstream that hangs', () => {
  it('keeps nothing from the next while it is probed', async () => {
    const hanging = await mute();
    const second = await remote();
    const fault = { kind: 'unreachable', text: 'down', since: 0, nextProbeAt: 0 } as const;
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(hanging.port, { id: 'U1', name: 'first', fault }),
        await upstreamAt(second.port, { id: 'U2', name: 'second', isDefault: false }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    for (let i = 0; i < 20; i++) await bench.queue.enqueue(mailOf('A', i), Date.now());
    bench.start();
    await eventually(() => second.bodies.length === 19);
    expect((await bench.recipients()).filter(row => row['state'] === 'in_flight')).toHaveLength(1);
    hanging.hangUp();
    await eventually(settledAs(bench, 'relayed'));
  });
});

describe('a refusal for now', () => {
  it('is no end where the next upstream is paused: it is asked again', async () => {
    let refuses = true;
    const first = await remote({
      script: ({ verb }) => (verb === 'RCPT' && refuses ? '451 4.7.1 greylisted' : undefined),
    });
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(first.port, { id: 'U1', name: 'first' }),
        await upstreamAt(await freePort(), { id: 'U2', name: 'second', isDefault: false, pausedAt: 1 }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
      policy: { retryMin: 300, retryMax: 600 },
    });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(async () => (await bench.attempts()).length === 1);
    refuses = false;
    await eventually(settledAs(bench, 'relayed'));
    expect((await bench.recipients())[0]).toMatchObject({ deferrals: 1 });
  });

  it('is no proof that what was sent before did not arrive: no other upstream gets it', async () => {
    let tries = 0;
    const first = await remote({
      script: ({ verb }) => {
        if (verb === 'RCPT') tries++;
        if (verb === 'BODY') return tries === 1 ? 'DROP' : undefined;
        return verb === 'RCPT' && (tries === 2 || tries === 3) ? '451 4.7.1 try later' : undefined;
      },
    });
    const second = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(first.port, { id: 'U1', name: 'first' }),
        await upstreamAt(second.port, { id: 'U2', name: 'second', isDefault: false }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
      policy: { retryMin: 200, retryMax: 400, ambiguousWait: 300 },
    });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(settledAs(bench, 'relayed'));
    expect(await bench.attempts()).toEqual([...Array(3).fill('first deferred'), 'first relayed']);
    expect(second.bodies).toEqual([]);
  });
});

describe('what changes while a message is under way', () => {
  it('frees it: its upstream is removed, and the other can take it now', async () => {
    const small = await remote({ keywords: ['PIPELINING', 'SIZE 20', 'AUTH PLAIN'] });
    const hanging = await mute();
    const large = await remote();
    const bench = await openMailBench({
      upstreams: [
        await upstreamAt(small.port, { id: 'U1', name: 'first' }),
        await upstreamAt(hanging.port, { id: 'U2', name: 'second', isDefault: false }),
      ],
      routes: [anyRoute('R', ['first', 'second'])],
    });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(() => hanging.connections() === 1);
    bench.change([await upstreamAt(large.port, { id: 'U1', name: 'first', revision: 2 })]);
    await eventually(() => bench.passes() >= 2);
    hanging.hangUp();
    await eventually(settledAs(bench, 'relayed'));
    expect(large.bodies).toHaveLength(1);
  });

  it('moves it: a rule sends such mail elsewhere, because this upstream is dead', async () => {
    const hanging = await mute();
    const works = await remote();
    const upstreams = [
      await upstreamAt(hanging.port, { id: 'U1', name: 'first' }),
      await upstreamAt(works.port, { id: 'U2', name: 'second', isDefault: false }),
    ];
    const routes: Route[] = [];
    const bench = await openMailBench({ upstreams, routes });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(() => hanging.connections() === 1);
    routes.push(anyRoute('R', ['second']));
    bench.change(upstreams);
    await eventually(() => bench.passes() >= 2);
    hanging.hangUp();
    await eventually(settledAs(bench, 'relayed'));
    expect(await bench.attempts()).toEqual(['first deferred', 'second relayed']);
  });
});

describe('a crowd of accounts', () => {
  it('has no more in flight than is soon gone', async () => {
    let delivered = 0;
    const slow = await remote({
      script: ({ verb }) => (verb === 'BODY' && ++delivered > 12 ? 'SILENCE' : undefined),
    });
    const bench = await openMailBench({ upstreams: [await upstreamAt(slow.port, { connections: 3 })] });
    for (let account = 0; account < 300; account++)
      for (let i = 0; i < 2; i++) await bench.queue.enqueue(mailOf(`A${account}-`, i), Date.now());
    bench.start();
    await eventually(() => delivered === 15);
    const inFlight = async () => {
      const rows = await bench.recipients();
      return rows.filter(row => row['state'] === 'in_flight').length;
    };
    await eventually(async () => (await inFlight()) > 3);
    expect(await inFlight()).toBeLessThanOrEqual(3 + MOST_AHEAD);
  });
});
