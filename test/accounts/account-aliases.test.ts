// Further names of an account: unique over the names and aliases of all, whoever asks first.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountChange } from '../../server/accounts/account-change.ts';
import { createAccounts } from '../../server/accounts/accounts.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import { type Bench, openBench } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
  await bench.accounts.add({ name: 'scanner', aliases: ['MFP', 'mfp', 'Büro 2'] });
});
afterEach(() => bench.close());

const change = (wanted: AccountChange) => bench.accounts.set('scanner', wanted);
const aliases = () => bench.accounts.show('scanner')?.account.aliases.map(alias => alias.name);
const scramNames = () =>
  bench.accounts
    .lookup('scanner')
    ?.credentials[0]?.derived.filter(secret => secret.kind === 'scram')
    .map(secret => secret.loginName);

describe('aliases', () => {
  it('are names to log in with, in any spelling, each with its own SCRAM secret', () => {
    expect(aliases()).toEqual(['Büro 2', 'mfp']);
    for (const name of ['scanner', 'Mfp', 'BU\u0308RO 2'])
      expect(bench.accounts.show(name)?.account.name).toBe('scanner');
    expect(bench.accounts.lookup('mfp')).toBe(bench.accounts.lookup('scanner'));
    expect(scramNames()).toEqual(['büro 2', 'mfp', 'scanner']);
    expect(bench.accounts.list()).toHaveLength(1);
  });

  it.each([
    ['a name for a new account', () => bench.accounts.add({ name: 'mFp' })],
    ['an alias for a new account', () => bench.accounts.add({ name: 'nas', aliases: ['MFP'] })],
    ['a name as an alias of a new account', () => bench.accounts.add({ name: 'nas', aliases: ['Scanner'] })],
    ['twice the same name', () => bench.accounts.add({ name: 'nas', aliases: ['NAS'] })],
  ])('refuse %s where it is taken', async (_, add) => {
    expect(await add()).toMatchObject({ kind: 'name-taken' });
    expect(bench.accounts.show('nas')).toBeNull();
  });

  it.each<[string, AccountChange]>([
    ['a new name', { name: 'Camera' }],
    ['a new name that is an alias elsewhere', { name: 'IPCAM' }],
    ['a new alias', { addAliases: ['free', 'camera'] }],
    ['a new alias that is one elsewhere', { addAliases: ['ipcam'] }],
    ['its own name as an alias', { addAliases: ['SCANNER'] }],
  ])('and names of other accounts are taken: %s', async (_, wanted) => {
    await bench.accounts.add({ name: 'camera', aliases: ['ipcam'] });
    expect(await change({ note: 'x', ...wanted })).toMatchObject({ kind: 'name-taken' });
    expect(bench.accounts.show('scanner')?.account).toMatchObject({ name: 'scanner', note: null });
    expect(aliases()).toEqual(['Büro 2', 'mfp']);
  });

  it('are added and taken away; what is there already does no harm', async () => {
    expect(await change({ addAliases: ['copier', 'MFP'], removeAliases: ['büro 2'] })).toMatchObject({
      kind: 'done',
      warnings: [expect.stringMatching(/^SCRAM-SHA-256 does not work with the name "copier" yet/)],
    });
    expect(aliases()).toEqual(['copier', 'mfp']);
    expect(scramNames()).toEqual(['mfp', 'scanner']);
    expect(await change({ addAliases: ['mfp'] })).toMatchObject({ kind: 'nothing-to-change' });
    expect(await change({ removeAliases: ['nas'] })).toMatchObject({
      kind: 'no-such-alias',
      text: 'The account has no alias "nas": it has copier, mfp.',
    });
    expect(await change({ addAliases: ['a\nb'] })).toMatchObject({ kind: 'name-invalid' });
  });

  it('say nothing about SCRAM where the account does not use it', async () => {
    await change({ mechanisms: ['PLAIN', 'LOGIN'] });
    expect(await change({ addAliases: ['copier'] })).toMatchObject({ kind: 'done', warnings: [] });
  });

  it('stay when the account is renamed', async () => {
    expect(await change({ name: 'copier' })).toMatchObject({
      kind: 'done',
      warnings: [expect.stringContaining('"copier"')],
    });
    expect(bench.accounts.show('mfp')?.account.name).toBe('copier');
    expect(bench.accounts.show('scanner')).toBeNull();
    const [credential] = bench.accounts.lookup('copier')?.credentials ?? [];
    expect(credential?.derived.map(secret => secret.loginName)).not.toContain('scanner');
  });

  it('can become the name, and the name an alias', async () => {
    expect(await change({ name: 'MFP', addAliases: ['scanner'] })).toMatchObject({
      kind: 'done',
      account: { name: 'MFP' },
      warnings: [],
    });
    expect(aliases()).toEqual(['Büro 2', 'scanner']);
    expect(scramNames()).toEqual(['büro 2', 'mfp', 'scanner']);
    expect(await change({ removeAliases: ['büro 2'], name: 'büro 2' })).toMatchObject({ kind: 'done' });
    expect(aliases()).toEqual(['scanner']);
  });

  it('go to one of two who want the same at once', async () => {
    const { accounts } = await bench.elsewhere();
    await bench.accounts.add({ name: 'camera' });
    await accounts.refresh();
    const results = await Promise.all([
      bench.accounts.set('scanner', { addAliases: ['door'] }),
      accounts.set('camera', { addAliases: ['DOOR'] }),
      accounts.add({ name: 'Door' }),
    ]);
    expect(results.map(result => result.kind).sort()).toEqual(['done', 'name-taken', 'name-taken']);
  });

  it('are free when the account is removed', async () => {
    await bench.accounts.remove('MFP');
    expect(await bench.accounts.add({ name: 'mfp' })).toMatchObject({ kind: 'done' });
  });
});

describe('proposed names', () => {
  it('are passed over where an account has them as alias', async () => {
    await bench.accounts.set('scanner', { addAliases: ['DEVICEaaaaa'] });
    let proposals = 0;
    const accounts = await createAccounts({
      ...bench,
      newId: () => makeId(bench.clock.now(), systemRandom),
      // A proposal draws five octets: the first is `deviceaaaaa`, the second `deviceccccc`.
      random: count => (count === 5 ? new Uint8Array(5).fill(proposals++) : systemRandom(count)),
      audit: () => ({ sql: 'SELECT 1' }),
      onStale: text => expect.fail(text),
    });
    expect(await accounts.add({})).toMatchObject({ kind: 'done', account: { name: 'deviceccccc' } });
  });
});
