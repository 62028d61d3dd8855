// Bans, networks and what the operator does about them, over a real server with clients from many addresses: they live in a
// network namespace of their own, because loopback is never banned.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacksNamespaces, type NetworkNamespace, openNamespace } from '../support/network-namespace.ts';
import {
  type Account,
  addAccount,
  type Installation,
  install,
  ROOT,
  type Server,
} from '../support/postern.ts';
import { run, waitFor } from '../support/process.ts';
import type { LoginReplies } from './login-from.ts';

const PROGRAM = join(ROOT, 'test/end-to-end/login-from.ts');
const TRUSTED = '10.77.0.9';
const PAIR_BANNED =
  /^454 4\.7\.0 Too many failed logins with this name from your address, try again in \d+ (seconds|minutes)$/;
const ADDRESS_BANNED =
  /^421 4\.7\.0 postern\.test Too many failed logins from your address, try again in \d+ (seconds|minutes)$/;

const skip = lacksNamespaces('bans over a real network');

describe.skipIf(skip)('bans', () => {
  let at: Installation;
  let network: NetworkNamespace;
  let server: Server;
  let printer: Account;

  beforeAll(async () => {
    at = await install({
      limits: { ban_after: 3, ban_address_after: 4, ban_time: '5m', never_banned: [TRUSTED] },
    });
    network = await openNamespace(at.folder, ['10.77.0.0/24', '203.0.113.0/24']);
    printer = await addAccount(at, 'printer');
    await serve();
  });
  afterAll(async () => {
    await at.remove();
    await network.close();
  });

  async function serve(): Promise<void> {
    server = await at.serve({ wrapper: network.inside, waitUntilReady: false });
    await waitFor('the server', async () => (await connect('127.0.0.1')).startsWith('220'));
  }

  async function logIn(
    from: string,
    name: string,
    passwords: readonly string[],
    port: 'starttls' | 'implicit' = 'implicit',
  ): Promise<LoginReplies> {
    const ca = readFileSync(at.ca, 'utf8');
    const request = {
      port: at.ports[port],
      implicitTls: port === 'implicit',
      ca,
      from,
      name,
      passwords,
    };
    const done = await run([...network.inside, process.execPath, PROGRAM, JSON.stringify(request)]);
    return done.code === 0 ? JSON.parse(done.stdout) : [{ greeting: done.stderr, reply: '' }];
  }
  const connect = async (from: string, port: 'starttls' | 'implicit' = 'implicit') =>
    (await logIn(from, '', [], port))[0]?.greeting ?? '';
  const rightLogin = async (from: string, account: Account = printer) =>
    (await logIn(from, account.name, [account.password]))[0]?.reply ?? '';
  const guess = (from: string, name: string, count: number) =>
    logIn(
      from,
      name,
      Array.from({ length: count }, (_, n) => `guess ${n}`),
    );

  it('hit one name at one address, whether or not it is an account, and nobody else', async () => {
    const replies = await guess('10.77.0.1', 'printer', 3);
    expect(new Set(replies.map(({ reply }) => reply))).toEqual(
      new Set(['535 5.7.8 Authentication credentials invalid']),
    );
    await guess('10.77.0.2', 'no such name', 3);
    expect(await rightLogin('10.77.0.1')).toMatch(PAIR_BANNED);
    expect((await logIn('10.77.0.2', 'no such name', ['x']))[0]?.reply).toMatch(PAIR_BANNED);
    expect(await rightLogin('10.77.0.3')).toMatch(/^235 /);
    expect(await rightLogin('10.77.0.2')).toMatch(/^235 /);
  });

  it('are listed, without the names that are no accounts', async () => {
    const listed = await at.json(['ban', 'list']);
    expect(listed).toMatchObject([
      { address: '10.77.0.1', account: 'printer', whole_address: false, failures: 3 },
      { address: '10.77.0.2', account: null, whole_address: false, failures: 3 },
    ]);
    const { stdout } = await at.cli(['ban', 'list']);
    expect(stdout).toMatch(/10\.77\.0\.1 +printer +3/);
    expect(stdout).toMatch(/10\.77\.0\.2 +\(no account\) +3/);
    expect(stdout + server.stdout()).not.toContain('no such name');
  });

  it('survive a restart, and end when the operator says so', async () => {
    await server.stop();
    await serve();
    expect(await rightLogin('10.77.0.1')).toMatch(PAIR_BANNED);
    expect((await at.cli(['ban', 'lift', '10.77.0.1'])).code).toBe(0);
    await waitFor('the ban to be lifted', async () => (await rightLogin('10.77.0.1')).startsWith('235'));
  });

  it('end with a new password', async () => {
    await guess('10.77.0.4', 'printer', 3);
    expect(await rightLogin('10.77.0.4')).toMatch(PAIR_BANNED);
    const changed = await at.json(['account', 'password', 'printer']);
    const password =
      typeof changed === 'object' && changed !== null && 'password' in changed
        ? String(changed.password)
        : '';
    printer = { name: 'printer', password };
    await waitFor('the ban to end', async () => (await rightLogin('10.77.0.4')).startsWith('235'));
    const lifted = ['audit', 'list', '--account', 'printer', '--action', 'ban.lifted', '--limit', '1'];
    const [newest] = await waitFor('the row of the audit', async () => {
      const rows = await at.json(lifted);
      return Array.isArray(rows) && rows[0]?.object === '10.77.0.4' && rows;
    });
    expect(newest).toMatchObject({ actor: 'postern', account: 'printer', detail: 'new password' });
  });

  it('hit a whole address that tries many names, on both ports, as soon as it connects', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map(name => guess('10.77.0.5', name, 1)));
    expect(await connect('10.77.0.5')).toMatch(ADDRESS_BANNED);
    expect(await connect('10.77.0.5', 'starttls')).toMatch(ADDRESS_BANNED);
    expect(await connect('10.77.0.6')).toMatch(/^220 /);
  });

  it('never hit a network of limits.never_banned, nor loopback', async () => {
    const attempts = [TRUSTED, '127.0.0.1'].flatMap(from => [
      guess(from, 'printer', 3),
      ...['a', 'b', 'c', 'd'].map(name => guess(from, name, 1)),
    ]);
    await Promise.all(attempts);
    for (const from of [TRUSTED, '127.0.0.1']) expect(await rightLogin(from)).toMatch(/^235 /);
    const refused = await at.cli(['ban', 'add', TRUSTED]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is never banned')]);
  });

  it('are made by the operator, too', async () => {
    expect((await at.cli(['ban', 'add', '10.77.0.7', '--for', '1h'])).stdout).toContain('in 60 minutes');
    await waitFor('the ban', async () => ADDRESS_BANNED.test(await connect('10.77.0.7')));
    expect((await at.cli(['ban', 'lift', '--all'])).code).toBe(0);
    await waitFor('the ban to be lifted', async () => (await connect('10.77.0.7')).startsWith('220'));
  });

  it('are not needed for networks that are not served: they are sent away at once', async () => {
    const refused = '554 5.7.1 postern.test Your network is not served here';
    expect(await connect('203.0.113.5')).toBe(refused);
    expect(await connect('203.0.113.6', 'starttls')).toBe(refused);
    const told = server
      .log()
      .filter(line => line.event === 'session.refused' && line['reason'] === 'network');
    expect(told).toHaveLength(1);
    expect(server.log()).toContainEqual(
      expect.objectContaining({ event: 'alert', kind: 'network-refused', subject: '203.0.113.0/24' }),
    );
  });
});
