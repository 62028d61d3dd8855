// New passwords: what ends, what stays for a changeover, and what is derived with them.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameTag } from '../../server/accounts/name-tag.ts';
import type { Row } from '../../server/storage/database.ts';
import { type Bench, openBench } from './support.ts';

const HOUR = 3_600_000;

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
  await bench.accounts.add({ name: 'scanner', password: 'the first password' });
});
afterEach(() => bench.close());

const credentials = () => bench.accounts.lookup('scanner')?.credentials ?? [];
const derived = () =>
  credentials().map(one => one.derived.map(({ kind, loginName }) => `${kind} ${loginName}`));
const saltOf = (hash: string | undefined) => hash?.split('$').slice(0, 5).join('$');

/** Which of the passwords each credential is, by its place in the list. */
async function known(...passwords: readonly string[]): Promise<readonly (string | undefined)[]> {
  const hashes = credentials().map(credential => credential.passwordHash);
  const found = new Array<string | undefined>(hashes.length).fill(undefined);
  for (const password of passwords) {
    const place = await bench.hasher.verify(hashes, password);
    if (place !== null) found[place] = password;
  }
  return found;
}

describe('a new password', () => {
  it('ends the old one at once', async () => {
    bench.clock.move(5000);
    const result = await bench.accounts.setPassword('scanner', 'the second password');
    expect(result).toMatchObject({
      kind: 'done',
      generatedPassword: null,
      warnings: [],
      account: { credentialVersion: 2, passwordChangedAt: bench.clock.now() },
    });
    expect(await known('the first password', 'the second password')).toEqual(['the second password']);
    expect(credentials()).toMatchObject([{ version: 2, saltVersion: 2, madeBy: 'person', endsAt: null }]);
    expect(await bench.database.read('SELECT version FROM derived_secret GROUP BY version')).toEqual([
      { version: 2 },
    ]);
  });

  it('is generated where none is given', async () => {
    const result = await bench.accounts.setPassword('scanner', null);
    expect(result).toMatchObject({ generatedPassword: expect.stringMatching(/^[A-Za-z0-9]{16}$/) });
    expect(credentials()).toMatchObject([{ madeBy: 'postern', withholdsCram: false }]);
  });

  it('has what every mechanism needs from the beginning', async () => {
    expect(derived()).toEqual([['cram ', 'scram scanner']]);
    await bench.accounts.set('scanner', { addAliases: ['mfp'] });
    expect(bench.accounts.show('scanner')?.lacks).toEqual([
      { mechanism: 'SCRAM-SHA-256', loginName: 'mfp', reason: 'next-login' },
      { mechanism: 'SCRAM-SHA-256-PLUS', loginName: 'mfp', reason: 'next-login' },
    ]);
    await bench.accounts.setPassword('scanner', null);
    expect(derived()).toEqual([['cram ', 'scram mfp', 'scram scanner']]);
    expect(bench.accounts.show('scanner')?.lacks).toEqual([]);
  });

  it('that is weak derives nothing that is guessed quickly, unless that is allowed', async () => {
    const weak = await bench.accounts.setPassword('scanner', 'scan');
    expect(weak).toMatchObject({ warnings: [expect.stringContaining('CRAM-MD5 will not work')] });
    expect(derived()).toEqual([['scram scanner']]);
    expect(bench.accounts.show('scanner')?.lacks).toEqual([
      { mechanism: 'CRAM-MD5', loginName: null, reason: 'weak-password' },
    ]);
    const allowed = await bench.accounts.setPassword('scanner', 'scan', { allowWeakDerived: true });
    expect(allowed).toMatchObject({ warnings: [expect.not.stringContaining('CRAM-MD5')] });
    expect(derived()).toEqual([['cram ', 'scram scanner']]);
  });

  it('that is an alias of the account is weak', async () => {
    await bench.accounts.set('scanner', { addAliases: ['Second-Floor-Copier'] });
    expect(await bench.accounts.setPassword('scanner', 'second-floor-copier')).toMatchObject({
      warnings: [expect.stringContaining("account's own name")],
    });
  });

  it('loses against one that is set at the same moment elsewhere', async () => {
    const { accounts } = await bench.elsewhere();
    const results = await Promise.all([
      bench.accounts.setPassword('scanner', 'the second password'),
      accounts.setPassword('scanner', 'the third password'),
    ]);
    expect(results.map(result => result.kind).sort()).toEqual(['done', 'overtaken']);
    await bench.accounts.refresh();
    expect(credentials()).toHaveLength(1);
  });

  it('lifts the bans of the account and of its names, and no others', async () => {
    const id = bench.accounts.show('scanner')?.account.id ?? '';
    const tag = nameTag(bench.lastingKey, 'scanner');
    const bans = [
      ['by-account', 'x', id],
      ['by-name', tag, null],
      ['other-name', 'y', null],
      ['address', '', null],
    ] as const;
    const sql = `INSERT INTO ban (id, address, name_tag, account_id, level, failures, banned_at, ends_at)
      VALUES (?, '192.0.2.1', ?, ?, 0, 20, 0, 1)`;
    for (const params of bans) await bench.database.commit([{ sql, params }]);
    await bench.accounts.setPassword('scanner', null);
    const left = await bench.database.read('SELECT id FROM ban ORDER BY id');
    expect(left).toEqual<Row[]>([{ id: 'address' }, { id: 'other-name' }]);
  });
});

describe('a changeover', () => {
  it('keeps the old password until its end, with one salt for both', async () => {
    const end = bench.clock.now() + 7 * 24 * HOUR;
    await bench.accounts.setPassword('scanner', 'the second password', { grace: 7 * 24 * HOUR });
    expect(await known('the first password', 'the second password')).toEqual([
      'the second password',
      'the first password',
    ]);
    expect(credentials()).toMatchObject([
      { version: 2, saltVersion: 1, endsAt: null },
      { version: 1, saltVersion: 1, endsAt: end },
    ]);
    const [newest, oldest] = credentials();
    expect(saltOf(newest?.passwordHash)).toBe(saltOf(oldest?.passwordHash));
    expect(derived()).toEqual([
      ['cram ', 'scram scanner'],
      ['cram ', 'scram scanner'],
    ]);
  });

  it('is over at its time, and then forgotten', async () => {
    await bench.accounts.setPassword('scanner', null, { grace: HOUR });
    expect(bench.accounts.show('scanner')?.credentials).toHaveLength(2);
    bench.clock.move(HOUR - 1);
    expect(bench.accounts.show('scanner')?.credentials).toHaveLength(2);
    await bench.accounts.forgetEnded();
    expect(credentials()).toHaveLength(2);
    bench.clock.move(1);
    expect(bench.accounts.show('scanner')?.credentials).toMatchObject([{ version: 2 }]);
    await bench.accounts.forgetEnded();
    expect(credentials()).toMatchObject([{ version: 2 }]);
  });

  it('has two passwords at most: a third ends the oldest', async () => {
    await bench.accounts.setPassword('scanner', 'the second password', { grace: HOUR });
    await bench.accounts.setPassword('scanner', 'the third password', { grace: HOUR });
    expect(await known('the first password', 'the second password', 'the third password')).toEqual([
      'the third password',
      'the second password',
    ]);
    expect(credentials()).toMatchObject([{ version: 3, saltVersion: 1 }, { version: 2 }]);
  });

  it('ends with a password without grace', async () => {
    await bench.accounts.setPassword('scanner', null, { grace: HOUR });
    await bench.accounts.setPassword('scanner', 'the third password');
    expect(credentials()).toMatchObject([{ version: 3, saltVersion: 3, endsAt: null }]);
  });
});
