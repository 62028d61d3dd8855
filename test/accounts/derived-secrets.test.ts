// What is derived from a password: the right states and keys, always as many, readable with the key only.

import { createHmac, pbkdf2Sync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDeriveSecrets,
  type DeriveRequest,
  ENTRY_SIZE,
  lackingSecrets,
  putDerivedSecrets,
  secretNames,
} from '../../server/accounts/derived-secrets.ts';
import { scramSaltOf } from '../../server/accounts/scram-salt.ts';
import { createSemaphore } from '../../server/accounts/semaphore.ts';
import { systemRandom } from '../../server/ids.ts';
import { cramDigest } from '../../server/sasl/cram-state.ts';
import { MAX_FORMS } from '../../server/sasl/password-forms.ts';
import { type Bench, openBench } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** `Ñ` may be composed, decomposed or windows-1252; the ligature goes in SASLprep alone: five forms. */
const FORMS = ['Ñ\ufb01', 'N\u0303\ufb01', 'Ñfi'].map(text => Buffer.from(text));

const both = [
  { kind: 'cram', loginName: '' },
  { kind: 'scram', loginName: 'jürgen' },
] as const;

async function entriesOf(request: Partial<DeriveRequest>): Promise<readonly (readonly Buffer[])[]> {
  const derived = await bench.deriveSecrets({
    saltVersion: 1,
    password: 'Ñ\ufb01',
    wanted: both,
    ...request,
  });
  return derived.map(({ kind, octets }) =>
    Array.from({ length: octets.length / ENTRY_SIZE[kind] }, (_, i) =>
      Buffer.from(octets.subarray(i * ENTRY_SIZE[kind], (i + 1) * ENTRY_SIZE[kind])),
    ),
  );
}

describe('derived secrets', () => {
  it('answer to each form of the password', async () => {
    const [states = [], keys = []] = await entriesOf({});
    const { salt } = scramSaltOf(bench.lastingKey, 'jürgen', 1);
    for (const form of FORMS) {
      const digest = createHmac('md5', form).update('challenge').digest();
      expect(states.some(state => digest.equals(cramDigest(state, Buffer.from('challenge'))))).toBe(true);
      const salted = pbkdf2Sync(form, salt, 15_000, 32, 'sha256');
      const serverKey = createHmac('sha256', salted).update('Server Key').digest();
      expect(keys.some(key => key.subarray(32).equals(serverKey))).toBe(true);
    }
  });

  it.each(['Ñ\ufb01', 'ASCII only', 'x', '密码🔑'])('are always as many: %s', async password => {
    const [states = [], keys = []] = await entriesOf({ password });
    expect([states.length, keys.length]).toEqual([MAX_FORMS, MAX_FORMS]);
    expect(new Set([...states, ...keys].map(entry => entry.toString('hex'))).size).toBe(2 * MAX_FORMS);
  });

  it('differ in what fills them up, and for SCRAM by name and version', async () => {
    const password = 'ASCII only';
    const [[state, filler] = [], [key] = []] = await entriesOf({ password });
    const [[again, otherFiller] = [], [next] = []] = await entriesOf({ password, saltVersion: 2 });
    expect(again).toEqual(state);
    expect(otherFiller).not.toEqual(filler);
    expect(next).not.toEqual(key);
  });

  it('that are wanted are derived, and no others', async () => {
    expect(await bench.deriveSecrets({ saltVersion: 1, password: 'x', wanted: [] })).toEqual([]);
    const [cram] = both;
    expect(await bench.deriveSecrets({ saltVersion: 1, password: 'x', wanted: [cram] })).toMatchObject([
      cram,
    ]);
  });
});

describe('what cannot be derived now', () => {
  it('is left out: too many logins at once', async () => {
    const semaphore = createSemaphore({ places: 1, line: 0 });
    const derive = createDeriveSecrets({ lastingKey: bench.lastingKey, random: systemRandom, semaphore });
    const held = Promise.withResolvers<void>();
    const holding = semaphore.run(() => held.promise);
    expect(await derive({ saltVersion: 1, password: 'x', wanted: both })).toEqual([]);
    held.resolve();
    await holding;
    expect(await derive({ saltVersion: 1, password: 'x', wanted: both })).toMatchObject(both);
  });

  it('is left out: the lasting key is sealed under a key that is lost', async () => {
    const semaphore = createSemaphore({ places: 1, line: 0 });
    const lastingKey = { ...bench.lastingKey, available: () => false };
    const derive = createDeriveSecrets({ lastingKey, random: systemRandom, semaphore });
    expect(await derive({ saltVersion: 1, password: 'x', wanted: both })).toEqual([]);
  });
});

describe('the secrets of a password', () => {
  const account = {
    canonicalName: 'scanner',
    aliases: [{ name: 'Scan', canonicalName: 'scan' }],
  };

  it('are one for CRAM-MD5, unless it is withheld, and one for each name for SCRAM', () => {
    const scrams = [
      { kind: 'scram', loginName: 'scanner' },
      { kind: 'scram', loginName: 'scan' },
    ];
    expect(secretNames(account, false)).toEqual([{ kind: 'cram', loginName: '' }, ...scrams]);
    expect(secretNames(account, true)).toEqual(scrams);
  });

  it('are lacking where they are not stored', () => {
    const sealed = new Uint8Array();
    const derived = [{ kind: 'scram', loginName: 'scan', sealed }] as const;
    expect(lackingSecrets(account, { derived }, false)).toEqual([
      { kind: 'cram', loginName: '' },
      { kind: 'scram', loginName: 'scanner' },
    ]);
  });
});

describe('stored', () => {
  it('they are sealed, and bound to account, version, kind and name', async () => {
    await bench.accounts.add({ name: 'scanner', password: 'eighteen letters!!' });
    const stored = bench.accounts.lookup('scanner');
    const id = stored?.account.id;
    const [cram, scram] = stored?.credentials[0]?.derived ?? [];
    if (cram === undefined || scram === undefined) throw new Error('nothing was derived');
    expect(bench.sealer.open(cram.sealed, `account:${id}:1:cram:`)?.length).toBe(MAX_FORMS * 32);
    expect(bench.sealer.open(scram.sealed, `account:${id}:1:scram:scanner`)?.length).toBe(MAX_FORMS * 64);
    for (const context of [`account:${id}:2:cram:`, 'account:other:1:cram:', `account:${id}:1:scram:`])
      expect(bench.sealer.open(cram.sealed, context)).toBeNull();
  });

  it('they are refused where the password is gone, or the sealing key another one', async () => {
    await bench.accounts.add({ name: 'scanner', password: 'eighteen letters!!' });
    const id = bench.accounts.lookup('scanner')?.account.id ?? '';
    const secrets = await bench.deriveSecrets({ saltVersion: 1, password: 'x', wanted: both });
    const put = (version: number) =>
      bench.database.commit(putDerivedSecrets(bench.sealer, id, { version }, secrets));
    expect(await put(2)).toMatchObject({ kind: 'requirement' });
    expect(await put(1)).toMatchObject({ kind: 'committed' });
    await bench.database.commit([
      { sql: `UPDATE meta SET value = '0123456789abcdef' WHERE name = 'sealing_key_id'` },
    ]);
    expect(await put(1)).toMatchObject({ kind: 'requirement' });
  });
});
