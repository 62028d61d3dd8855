// Routes, failover and pace from outside: a real Postern between a client and scripted mail servers on real sockets. Each
// test has upstreams and a route of its own, chosen by the recipient's domain.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Remote, type RemoteOptions, type Step, startRemote } from '../relay/remote.ts';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import {
  type Account,
  addAccount,
  field,
  type Installation,
  install,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { submit } from './gate.ts';

const skip = mustSkip('end-to-end failover', suiteNeeds['end-to-end']);
let at: Installation;
let server: Server;
let account: Account;
const remotes: Remote[] = [];
let pairs = 0;

beforeAll(async () => {
  if (skip) return;
  at = await install({ queue: { retry_min: '1s', ambiguous_wait: '1s' } });
  account = await addAccount(at, 'scanner');
  // The default upstream takes nothing: mail that comes before the server has seen its route waits there, and is routed anew.
  await done('upstream', 'add', 'default', '--url', `smtp+notls://127.0.0.1:${await freePort()}`);
  await done('upstream', 'pause', 'default');
  server = await at.serve();
});

afterAll(async () => {
  await at?.remove();
  for (const remote of remotes) await remote.close();
});

async function done(...args: readonly string[]): Promise<void> {
  const result = await at.cli(args, { stdin: 'upstream secret\n' });
  expect(result.code, result.stderr).toBe(0);
}

async function remote(options: RemoteOptions = {}): Promise<Remote> {
  const started = await startRemote({ tls: 'none', keywords: ['PIPELINING', '8BITMIME'], ...options });
  remotes.push(started);
  return started;
}

type Pair = Readonly<{ domain: string; first: string; second: string }>;

/** Two upstreams and the route that leads to them: mail to `domain`. `options` are the first one's. */
async function pair(
  first: Remote | number,
  second: Remote,
  { user = '', options = [] }: { user?: string; options?: readonly string[] } = {},
): Promise<Pair> {
  const domain = `case${++pairs}.example`;
  const names = { first: `first${pairs}`, second: `second${pairs}` };
  const port = typeof first === 'number' ? first : first.port;
  const login = user === '' ? [] : ['--password-stdin'];
  const url = `smtp+notls://${user}127.0.0.1:${port}`;
  await done('upstream', 'add', names.first, '--url', url, ...login, ...options);
  await done('upstream', 'add', names.second, '--url', `smtp+notls://127.0.0.1:${second.port}`);
  const to = ['--upstream', `${names.first},${names.second}`];
  await done('route', 'add', domain, '--recipient', `@${domain}`, ...to);
  return { domain, ...names };
}

async function send(to: string, message = 'Subject: x\r\n\r\nbody\r\n'): Promise<void> {
  const reply = await submit({ at, account }, { to: [to], message: Buffer.from(message) });
  expect(reply).toMatch(/^250/);
}

const until = (what: string, condition: () => boolean | Promise<boolean>) => waitFor(what, condition, 60_000);
const at2 = (verb: Step['verb'], reply: string) => (step: Step) => (step.verb === verb ? reply : undefined);
const listed = async (...args: readonly string[]): Promise<readonly unknown[]> => {
  const list = await at.json(args);
  return Array.isArray(list) ? list : [];
};

describe.skipIf(skip)('mail goes to the next upstream of its route', () => {
  it.each<[string, RemoteOptions]>([
    ['that cannot be logged in to', { keywords: ['AUTH PLAIN'], script: at2('AUTH', '535 5.7.8 wrong') }],
    ['that takes nobody just now', { script: at2('CONNECT', '421 4.3.2 not now') }],
    [
      'that does not let us use the sender',
      { script: at2('BODY', '550 5.7.60 Client does not have permissions to send as this sender') },
    ],
    ['that takes only smaller messages', { keywords: ['SIZE 10'] }],
    ['that says so only at the end', { script: at2('BODY', '552 5.3.4 too big') }],
    ['that refuses the recipient for now', { script: at2('RCPT', '450 4.7.1 greylisted') }],
    ['that breaks off in the middle', { script: at2('DATA', 'DROP') }],
  ])('after one %s', async (_what, options) => {
    const [first, second] = [await remote(options), await remote()];
    const user = options.keywords?.includes('AUTH PLAIN') ? 'user@' : '';
    const { domain } = await pair(first, second, { user });
    await send(`a@${domain}`);
    await until('the mail at the second', () => second.bodies.length === 1);
    expect(first.bodies.length).toBeLessThanOrEqual(1);
  });

  it('after one that nobody listens at, and the mail behind it at once', async () => {
    const second = await remote();
    const names = await pair(await freePort(), second);
    await send(`a@${names.domain}`);
    await until('the mail at the second', () => second.bodies.length === 1);
    expect(await at.json(['upstream', 'show', names.first])).toMatchObject({
      fault: { kind: 'unreachable' },
    });
    await send(`b@${names.domain}`);
    await until('the next at the second', () => second.bodies.length === 2);
  });

  it('not for having too many recipients at once: the rest follows at once, to the same', async () => {
    const transactions = new Map<number, number>();
    const script = ({ verb, connection }: Step) => {
      if (verb === 'MAIL') transactions.set(connection, 0);
      if (verb !== 'RCPT') return undefined;
      const recipients = (transactions.get(connection) ?? 0) + 1;
      transactions.set(connection, recipients);
      return recipients > 3 ? '452 4.5.3 Too many recipients' : undefined;
    };
    const [first, second] = [await remote({ script }), await remote()];
    const { domain } = await pair(first, second);
    const to = Array.from({ length: 10 }, (_, i) => `a${i}@${domain}`);
    const message = Buffer.from('Subject: many\r\n\r\nbody\r\n');
    await submit({ at, account }, { to, message });
    await until('all of it', () => first.bodies.length === 4);
    const said = first.commands.flatMap(line => /^RCPT TO:<(a\d)@/.exec(line)?.[1] ?? []);
    expect(new Set(said).size).toBe(10);
    // Once it has shown how many it takes, it is not asked for more.
    expect(said.length).toBe(17);
    const relayed = () => server.log().filter(line => line.event === 'recipient.relayed');
    const ours = () => relayed().filter(line => String(line['forward_path']).endsWith(domain));
    await until('the end of all that waits', () => ours().length === 10);
    expect(second.bodies).toEqual([]);
  });

  it('recipient by recipient', async () => {
    const script = ({ verb, line }: Step) =>
      verb === 'RCPT' && line.includes('<later@') ? '450 4.7.1 not now' : undefined;
    const [first, second] = [await remote({ script }), await remote()];
    const { domain } = await pair(first, second);
    const message = Buffer.from('Subject: two\r\n\r\nbody\r\n');
    await submit({ at, account }, { to: [`now@${domain}`, `later@${domain}`], message });
    await until('both', () => first.bodies.length === 1 && second.bodies.length === 1);
    expect(second.commands.filter(line => line.startsWith('RCPT'))).toEqual([
      expect.stringContaining(`later@${domain}`),
    ]);
  });
});

describe.skipIf(skip)('mail that may have been delivered', () => {
  it('stays with its upstream', async () => {
    const script = ({ verb, connection }: Step) => (verb === 'BODY' && connection === 1 ? 'DROP' : undefined);
    const [first, second] = [await remote({ script }), await remote()];
    const { domain, first: name } = await pair(first, second);
    await send(`a@${domain}`);
    await until('the second attempt there', () => first.bodies.length === 2);
    await until('the end of it', () =>
      server.log().some(line => line.event === 'recipient.relayed' && line['upstream'] === name),
    );
    expect(second.bodies).toEqual([]);
  });
});

describe.skipIf(skip)('an upstream at fault', () => {
  it('is told of once, and has its mail again as soon as its test succeeds', async () => {
    let wrong = true;
    const script = ({ verb }: Step) => (verb === 'AUTH' && wrong ? '535 5.7.8 wrong' : undefined);
    const [first, second] = [await remote({ keywords: ['AUTH PLAIN'], script }), await remote()];
    const names = await pair(first, second, { user: 'user@' });
    for (let i = 1; i <= 3; i++) {
      await send(`a${i}@${names.domain}`);
      await until('the mail at the second', () => second.bodies.length === i);
    }
    const alerts = async () =>
      (await listed('alert', 'list')).filter(one => field(one, 'subject') === `${names.first}: credentials`);
    await until('the alert', async () => (await alerts()).length > 0);
    expect(await alerts()).toMatchObject([{ kind: 'upstream-fault', count: 1 }]);
    wrong = false;
    expect(await at.json(['upstream', 'test', names.first])).toMatchObject({ ok: true });
    await until(
      'no fault',
      async () => field(await at.json(['upstream', 'show', names.first]), 'fault') === null,
    );
    await until('mail at the first', async () => {
      await send(`b@${names.domain}`);
      return first.bodies.length > 0;
    });
  });
});

describe.skipIf(skip)('the pace', () => {
  it('of a minute is kept, and spread over it', async () => {
    const times: number[] = [];
    const script = ({ verb }: Step) => {
      if (verb === 'BODY') times.push(Date.now());
      return undefined;
    };
    const [first, second] = [await remote({ script }), await remote()];
    const { domain } = await pair(first, second, { options: ['--per-minute', '60'] });
    for (let i = 0; i < 12; i++) await send(`a${i}@${domain}`);
    await until('all of it', () => times.length === 12);
    expect(second.bodies).toEqual([]);
    // Four at once, then not quite one a second, however slow this machine is.
    const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
    expect(span).toBeGreaterThan(7_000);
  });

  it('after a throttling reply pauses and goes on, with nothing lost, sent twice or sent elsewhere', async () => {
    let refusals = 0;
    const script = ({ verb }: Step) => {
      if (verb !== 'MAIL' || refusals >= 2) return undefined;
      refusals++;
      return '421 4.7.0 Too fast, try again in 2 seconds';
    };
    const [first, second] = [await remote({ script }), await remote()];
    const paced = { options: ['--per-minute', '600'] };
    const { domain, first: name } = await pair(first, second, paced);
    const all = Array.from({ length: 5 }, (_, i) => `mail ${i} to ${domain}`);
    for (const [i, subject] of all.entries())
      await send(`a${i}@${domain}`, `Subject: ${subject}\r\n\r\nbody\r\n`);
    await until('all of it', () => first.bodies.length >= all.length);
    const subjects = first.bodies.map(body => /^Subject: (.*)$/m.exec(body.toString())?.[1]?.trim());
    expect(subjects.toSorted()).toEqual(all);
    expect(second.bodies).toEqual([]);
    const events = server.log().filter(line => line['upstream'] === name);
    expect(events.map(line => line.event)).toContain('upstream.throttled');
    expect(events.map(line => line.event)).not.toContain('upstream.fault');
    expect(await at.json(['upstream', 'show', name])).toMatchObject({ fault: null });
    // The server writes it down within seconds.
    const slowed = async () => field(field(await at.json(['upstream', 'show', name]), 'pace'), 'slowed');
    await until('the pace that is shown', async () => (await slowed()) !== null);
    expect(await slowed()).toMatchObject({
      per_minute: expect.any(Number),
      reply: expect.stringContaining('421 4.7.0'),
    });
  });
});
