// What the operator is told of an upstream: once for each fault, not for a blip, in words, with what to do.

import { describe, expect, it } from 'vitest';
import { relayTo, remote, upstreamAt } from './bench.ts';
import type { Step } from './remote.ts';

const refuse = (verb: Step['verb'], reply: string) => (step: Step) =>
  step.verb === verb ? reply : undefined;

/** Delivers, turns the clock until the next probe, and so on. */
async function probe(bench: ReturnType<typeof relayTo>, seconds: readonly number[]): Promise<void> {
  for (const wait of seconds) {
    await bench.deliver();
    bench.clock.turn(wait * 1000);
  }
}

describe('an alert', () => {
  it.each([
    [
      'a refused login',
      'AUTH',
      '535 5.7.139 Authentication unsuccessful',
      /^Upstream provider cannot be used: .*does not accept our login.*app password.*Mail waits and does not age\. It says: 535/,
      'provider: credentials',
    ],
    ['a missing STARTTLS', 'STARTTLS', '502 no', /STARTTLS.*smtps:/, 'provider: tls'],
    [
      'a used-up quota',
      'MAIL',
      '550 5.4.5 Daily limit exceeded',
      /limit of our account.*It says: 550 5\.4\.5/,
      'provider: quota',
    ],
  ] as const)('comes at once for %s, and only once', async (_what, verb, reply, words, subject) => {
    const server = await remote({ script: refuse(verb, reply) });
    const bench = relayTo(await upstreamAt(server.port));
    await probe(bench, [700, 1500, 3600, 3600]);
    expect(bench.alerts).toMatchObject([
      { kind: 'upstream-fault', subject, text: expect.stringMatching(words) },
    ]);
  });

  it('comes for an unreachable upstream with the second failed probe', async () => {
    const server = await remote({ script: refuse('CONNECT', '554 5.7.1 no') });
    const bench = relayTo(await upstreamAt(server.port));
    await probe(bench, [30, 60]);
    expect(bench.alerts).toEqual([]);
    await probe(bench, [120, 240]);
    expect(bench.alerts).toMatchObject([{ kind: 'upstream-fault', subject: 'provider: unreachable' }]);
  });

  it('does not come for a login that could not be checked just now', async () => {
    const server = await remote({ script: refuse('AUTH', '451 4.3.0 try later') });
    const bench = relayTo(await upstreamAt(server.port));
    await bench.deliver();
    expect(bench.alerts).toEqual([]);
  });

  it('comes again for another fault, and after it worked', async () => {
    let reply = '535 5.7.8 wrong';
    const server = await remote({
      script: ({ verb }) => (verb === 'AUTH' && reply !== '' ? reply : undefined),
    });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    await probe(bench, [30]);
    reply = '550 5.4.5 Daily sending limit';
    await probe(bench, [7200]);
    // About another subject, so that it is said although the first was said a moment ago.
    expect(bench.alerts.map(({ subject }) => subject)).toEqual(['provider: credentials', 'provider: quota']);
    reply = '';
    await probe(bench, [1]);
    reply = '535 5.7.8 wrong';
    // The warm connection is already logged in.
    bench.change({ ...upstream, revision: 2 });
    await probe(bench, [1]);
    expect(bench.alerts).toHaveLength(3);
  });

  it('names the sender that an upstream does not let us use, and how to mend it', async () => {
    const server = await remote({
      script: refuse('BODY', '550 5.7.60 SMTP; Client does not have permissions to send as this sender'),
    });
    const bench = relayTo(await upstreamAt(server.port));
    const { outcomes } = await bench.deliver();
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'sender-identity' });
    await bench.deliver({ reversePath: '' });
    expect(bench.alerts).toMatchObject([
      {
        kind: 'sender-refused',
        subject: 'provider scanner@example.com',
        text: expect.stringMatching(
          /scanner@example\.com.*account scanner.*--rewrite if-not-permitted.*5\.7\.60/,
        ),
        account: 'scanner',
      },
      { kind: 'sender-refused', subject: 'provider <>' },
    ]);
  });

  it('advises what helps against a refused null sender, and nothing that is in force', async () => {
    let reply = '501 Invalid MAIL FROM address provided';
    const server = await remote({ script: ({ verb }) => (verb === 'MAIL' ? reply : undefined) });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    const { outcomes } = await bench.deliver({ reversePath: '', account: null });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'sender-identity' });
    expect(bench.alerts.at(-1)?.text).toMatch(/upstream set provider --sender ADDR --null-sender replace\./);
    const identity = { ...upstream.identity, sender: 'me@example.com', rewrite: 'always' } as const;
    bench.change({ ...upstream, revision: 2, identity });
    await bench.deliver({ reversePath: '', account: null });
    expect(bench.alerts.at(-1)?.text).toMatch(/upstream set provider --null-sender replace\./);
    reply = '550 5.7.60 not as this sender';
    await bench.deliver();
    expect(bench.alerts.at(-1)?.subject).toBe('provider me@example.com');
    expect(bench.alerts.at(-1)?.text).not.toMatch(/upstream set/);
  });
});

describe('a quota', () => {
  it('is probed when the reply says that it renews, else after ten minutes and more', async () => {
    let reply = '550 5.4.5 Daily limit exceeded, try again in 3 hours';
    const server = await remote({ script: step => (step.verb === 'MAIL' ? reply : undefined) });
    const bench = relayTo(await upstreamAt(server.port));
    await bench.deliver();
    const first = bench.clock.now();
    expect(bench.recorded.at(-1)?.nextProbeAt).toBe(first + 3 * 3_600_000);
    bench.clock.turn(3 * 3_600_000);
    expect(bench.relay.capacity()[0]).toMatchObject({ free: 1, open: true });
    reply = '550 5.4.5 Daily limit exceeded';
    await bench.deliver({ messageId: 'M2' });
    expect(bench.recorded.at(-1)?.nextProbeAt).toBe(bench.clock.now() + 1_200_000);
    expect(bench.relay.capacity()[0]).toMatchObject({ free: 0, open: false });
  });
});
