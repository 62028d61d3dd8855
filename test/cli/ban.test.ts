// `postern ban …` on a real data folder.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ban, putBan } from '../../server/accounts/ban.ts';
import { createObservations, type Observations } from '../../server/storage/observations.ts';
import { openDatabase, openDatabases } from '../../server/storage/open-database.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeEach(async () => {
  line = makeCommandLine();
  await line.run(['account', 'add', 'printer']);
});
afterEach(() => line.remove());

/** Bans as a server makes them. */
async function banned(...bans: readonly Partial<Ban>[]): Promise<void> {
  const database = await openDatabase({
    path: join(line.folder, 'data/postern.db'),
    onFatal: text => {
      throw new Error(text);
    },
  });
  const [account] = await database.read('SELECT id FROM account');
  const now = Date.now();
  const result = await database.commit(
    bans.flatMap((ban, index) =>
      putBan({
        id: `01HF7YAT5QZ3K8M2${index}`,
        address: '192.0.2.1',
        nameTag: '',
        accountId: ban.accountId === 'printer' ? String(account?.['id']) : null,
        level: 0,
        failures: 20,
        bannedAt: now - 60_000,
        endsAt: now + 240_000,
        ...without(ban, 'accountId'),
      }),
    ),
  );
  expect(result.kind).toBe('committed');
  await database.close();
}

/** What a server keeps of what it has seen. */
async function observed(act: (observations: Observations) => void): Promise<void> {
  const [file] = await openDatabases({
    files: [{ path: join(line.folder, 'data/observations.db'), durability: 'relaxed' }],
    onFatal: text => {
      throw new Error(text);
    },
  });
  if (file === undefined) throw new Error('not opened');
  const observations = await createObservations(file);
  act(observations);
  await observations.close();
  await file.close();
}

function without(ban: Partial<Ban>, key: keyof Ban): Partial<Ban> {
  return Object.fromEntries(Object.entries(ban).filter(([name]) => name !== key));
}

const addresses = async (): Promise<readonly unknown[]> => {
  const list = await line.json(['ban', 'list']);
  return Array.isArray(list) ? list.map(item => item.address) : [];
};

describe('ban list', () => {
  it('says so when nobody is banned', async () => {
    expect((await line.run(['ban', 'list'])).stdout).toBe('Nobody is banned.\n');
    expect(await line.json(['ban', 'list'])).toEqual([]);
  });

  it('shows whom, since when and until when; not who is banned no more', async () => {
    await banned(
      { nameTag: 'T1', accountId: 'printer' },
      { nameTag: 'T2' },
      { address: '2001:db8:9:9::/64', failures: 50 },
      { address: '192.0.2.7', endsAt: Date.now() - 1 },
    );
    const { stdout } = await line.run(['ban', 'list']);
    expect(stdout.split('\n').map(row => row.split(/ {2,}/).slice(0, 4))).toEqual([
      ['ID', 'ADDRESS', 'LOGIN', 'FAILURES'],
      ['01HF7YAT5QZ3K8M20', '192.0.2.1', 'printer', '20'],
      ['01HF7YAT5QZ3K8M21', '192.0.2.1', '(no account)', '20'],
      ['01HF7YAT5QZ3K8M22', '2001:db8:9:9::/64', 'all', '50'],
      [''],
    ]);
    expect(await line.json(['ban', 'list'])).toMatchObject([
      { id: '01HF7YAT5QZ3K8M20', account: 'printer', whole_address: false, failures: 20 },
      { account: null, whole_address: false },
      { account: null, whole_address: true, ends_at: expect.stringMatching(/^\d{4}-.*Z$/) },
    ]);
  });
});

describe('ban lift', () => {
  const three = () =>
    banned(
      { nameTag: 'T1', accountId: 'printer' },
      { address: '192.0.2.1' },
      { address: '192.0.2.2', nameTag: 'T1', accountId: 'printer' },
      { address: '2001:db8:9:9::/64' },
    );

  it.each([
    [['192.0.2.1'], ['192.0.2.2', '2001:db8:9:9::/64']],
    [
      ['192.0.2.1', '--account', 'Printer'],
      ['192.0.2.1', '192.0.2.2', '2001:db8:9:9::/64'],
    ],
    [
      ['--account', 'printer'],
      ['192.0.2.1', '2001:db8:9:9::/64'],
    ],
    [['2001:db8:9:9:1::5'], ['192.0.2.1', '192.0.2.1', '192.0.2.2']],
    [['2001:DB8:9:9::/64'], ['192.0.2.1', '192.0.2.1', '192.0.2.2']],
    [['01hf7yat5qz3k8m22'], ['192.0.2.1', '192.0.2.1', '2001:db8:9:9::/64']],
    [['--all'], []],
  ])('%j leaves %j', async (words, left) => {
    await three();
    const { status, stdout } = await line.run(['ban', 'lift', ...words]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^[1-4] bans? lifted\.\n$/);
    expect(await addresses()).toEqual(left);
  });

  it.each([
    [['192.0.2.1'], 'Nobody is banned. EHLO lists every mechanism there again.\n', ['192.0.2.2']],
    [['--all'], 'Nobody is banned. EHLO lists every mechanism there again.\n', []],
  ])('%j also ends that a mechanism is not listed', async (words, said, left) => {
    const withheld = (address: string) => ({ address, mechanism: 'CRAM-MD5', accountId: '', endsAt: 9e12 });
    await observed(({ withheldMechanisms }) => {
      for (const address of ['192.0.2.1', '192.0.2.2']) withheldMechanisms.withhold(withheld(address));
    });
    expect((await line.run(['ban', 'lift', ...words])).stdout).toBe(said);
    await observed(({ withheldMechanisms }) =>
      expect(withheldMechanisms.all().map(({ address }) => address)).toEqual(left),
    );
  });

  it.each([
    [[], 2, 'Say which bans'],
    [['--all', '192.0.2.1'], 2, 'or --all alone'],
    [['192.0.2.99'], 1, 'There is no such ban in force'],
    [['--account', 'nobody'], 1, 'There is no account named "nobody"'],
  ])('%j is refused', async (words, code, text) => {
    await three();
    const { status, stderr } = await line.run(['ban', 'lift', ...words]);
    expect([status, stderr]).toEqual([code, expect.stringContaining(text)]);
    expect(await addresses()).toHaveLength(4);
  });
});

describe('ban add', () => {
  it('bans an address for a day, or as long as is said; IPv6 of others by network', async () => {
    expect((await line.run(['ban', 'add', '192.0.2.5'])).stdout).toBe(
      '192.0.2.5 is banned; it may come back in 24 hours.\n',
    );
    expect(await line.json(['ban', 'add', '2001:db8:77::1', '--for', '90m'])).toMatchObject({
      address: '2001:db8:77::/64',
      whole_address: true,
      failures: 0,
    });
    expect(await addresses()).toEqual(['192.0.2.5', '2001:db8:77::/64']);
    await line.run(['ban', 'add', '192.0.2.5', '--for', '7d']);
    expect(await addresses()).toEqual(['2001:db8:77::/64', '192.0.2.5']);
  });

  it.each([
    [['127.0.0.1'], 1, 'is never banned'],
    [['::1'], 1, 'is never banned'],
    [['printer'], 2, '"printer" is no IP address'],
    [['192.0.2.1', '--for', 'ever'], 2, '--for takes a time'],
    [['192.0.2.1', '--for', '0s'], 2, '--for takes a time'],
  ])('%j is refused', async (words, code, text) => {
    const { status, stderr } = await line.run(['ban', 'add', ...words]);
    expect([status, stderr]).toEqual([code, expect.stringContaining(text)]);
    expect(await addresses()).toEqual([]);
  });
});
