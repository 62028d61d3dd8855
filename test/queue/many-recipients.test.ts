// One message to many recipients travels in as few transactions as its upstream allows, at first and when it is tried again.

import { describe, expect, it } from 'vitest';
import { remote, upstreamAt } from '../relay/bench.ts';
import type { Script } from '../relay/remote.ts';
import { eventually, type MailBench, mailOf, openMailBench } from './mail-bench.ts';

const pathsOf = (count: number) => Array.from({ length: count }, (_, i) => `u${i}@x.example`);
const isRelayed = (bench: MailBench) => async () =>
  (await bench.recipients()).every(row => row['state'] === 'relayed');
const transactions = (commands: readonly string[]) => commands.filter(line => line.startsWith('MAIL')).length;

/** Answers the first `count` RCPT, of all connections together, so. */
function firstRecipients(count: number, reply: string): Script {
  let asked = 0;
  return ({ verb }) => (verb === 'RCPT' && asked++ < count ? reply : undefined);
}

describe('a message to many recipients', () => {
  it('is one transaction again after all were put off together', async () => {
    const provider = await remote({ script: firstRecipients(40, '450 4.7.1 Greylisted') });
    const bench = await openMailBench({
      upstreams: [await upstreamAt(provider.port)],
      policy: { retryMin: 1_000, retryMax: 1_000 },
      random: Math.random,
    });
    bench.start();
    await bench.send(mailOf('A', 1, { forwardPaths: pathsOf(40) }));
    await eventually(isRelayed(bench));
    expect(provider.bodies).toHaveLength(1);
    expect(transactions(provider.commands)).toBe(2);
  });

  it('goes in as few transactions as its upstream allows, and costs no deferral', async () => {
    let inThis = 0;
    const provider = await remote({
      script: ({ verb }) => {
        if (verb === 'MAIL') inThis = 0;
        return verb === 'RCPT' && ++inThis > 100 ? '452 4.5.3 Too many recipients' : undefined;
      },
    });
    const bench = await openMailBench({
      upstreams: [await upstreamAt(provider.port, { connections: 1 })],
    });
    bench.start();
    await bench.send(mailOf('A', 1, { forwardPaths: pathsOf(600) }));
    await eventually(isRelayed(bench));
    expect(provider.bodies).toHaveLength(6);
    expect(transactions(provider.commands)).toBe(6);
    const rows = await bench.recipients();
    expect(rows.filter(row => row['deferrals'] !== 0)).toEqual([]);
  });
});

describe('a corrected setting', () => {
  it('lets go at once what the upstream has refused because of it', async () => {
    let isAllowed = false;
    const provider = await remote({
      script: ({ verb }) =>
        verb === 'MAIL' && !isAllowed ? '553 5.7.1 Sender not owned by user' : undefined,
    });
    const upstream = await upstreamAt(provider.port);
    const bench = await openMailBench({ upstreams: [upstream] });
    bench.start();
    await bench.send(mailOf('A', 1));
    await eventually(async () => (await bench.recipients())[0]?.['deferrals'] === 1);
    isAllowed = true;
    bench.change([{ ...upstream, revision: 2 }]);
    await eventually(isRelayed(bench));
  });
});
