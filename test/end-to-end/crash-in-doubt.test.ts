// A crash while an upstream may already have the message: it goes there again, and only there, unless that upstream is
// removed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Remote, type Step, startRemote } from '../relay/remote.ts';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type Account, addAccount, field, type Installation, install } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { submit } from './gate.ts';

const skip = mustSkip('end-to-end crash-in-doubt', suiteNeeds['end-to-end']);
let at: Installation;
let account: Account;
let first: Remote;
let second: Remote;
let answers = false;

beforeAll(async () => {
  if (skip) return;
  at = await install({ queue: { retry_min: '1s', ambiguous_wait: '2s' } });
  account = await addAccount(at, 'scanner');
  const silent = ({ verb }: Step) => (verb === 'BODY' && !answers ? 'SILENCE' : undefined);
  first = await startRemote({ tls: 'none', keywords: ['PIPELINING'], script: silent });
  second = await startRemote({ tls: 'none', keywords: ['PIPELINING'] });
  await done(
    'upstream',
    'add',
    'first',
    '--url',
    `smtp+notls://127.0.0.1:${first.port}`,
    '--connections',
    '1',
  );
  await done('upstream', 'add', 'second', '--url', `smtp+notls://127.0.0.1:${second.port}`);
  await done('route', 'add', 'all', '--upstream', 'first,second');
});

afterAll(async () => {
  await at?.remove();
  await first?.close();
  await second?.close();
});

async function done(...args: readonly string[]): Promise<void> {
  const result = await at.cli(args);
  expect(result.code, result.stderr).toBe(0);
}

const send = async (name: string): Promise<void> => {
  const message = Buffer.from(`Subject: ${name}\r\n\r\nbody\r\n`);
  expect(
    await submit({ at, account }, { from: `${name}@sender.test`, to: ['a@x.example'], message }),
  ).toMatch(/^250/);
};

async function recipientOf(name: string, ...options: readonly string[]): Promise<unknown> {
  const list = await at.json(['queue', 'list', ...options]);
  const found = Array.isArray(list)
    ? list.find(item => field(item, 'reverse_path') === `${name}@sender.test`)
    : undefined;
  const rows = field(found, 'recipients');
  return Array.isArray(rows) ? rows[0] : undefined;
}

const arrived = (remote: Remote, name: string) =>
  remote.bodies.filter(body => body.includes(`Subject: ${name}\r\n`)).length;

describe.skipIf(skip)('after a crash', () => {
  it('what an upstream may have goes to none but that upstream', async () => {
    const server = await at.serve();
    await send('in-doubt');
    await waitFor('the whole of it at the first', () => arrived(first, 'in-doubt') === 1, 30_000);
    await server.kill9();
    expect(await recipientOf('in-doubt')).toMatchObject({ state: 'in_flight', attempts: 1 });
    answers = true;
    const again = await at.serve();
    await waitFor('its second attempt', () => arrived(first, 'in-doubt') === 2, 30_000);
    await waitFor(
      'its end',
      async () => field(await recipientOf('in-doubt', '--state', 'relayed'), 'state') === 'relayed',
      30_000,
    );
    expect(arrived(second, 'in-doubt')).toBe(0);
    await again.stop();
  });

  it('of an upstream that is removed meanwhile, it goes to the next', async () => {
    answers = false;
    const server = await at.serve();
    await send('freed');
    await waitFor('the whole of it at the first', () => arrived(first, 'freed') === 1, 30_000);
    await server.kill9();
    await done('upstream', 'set', 'second', '--default');
    await done('upstream', 'remove', 'first');
    await at.serve();
    await waitFor('the mail at the second', () => arrived(second, 'freed') === 1, 30_000);
  });
});
