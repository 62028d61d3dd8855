import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFingerprint } from '../../server/accounts/fingerprint.ts';
import type { PasswordHasher } from '../../server/accounts/password.ts';
import { createPasswordHasher } from '../../server/accounts/password.ts';
import { createSemaphore } from '../../server/accounts/semaphore.ts';
import { createVerifiedCredentials } from '../../server/accounts/verified-credentials.ts';
import { createVerifier, type Verifier } from '../../server/accounts/verifier.ts';
import { systemRandom } from '../../server/ids.ts';
import type { Credentials } from '../../server/sasl/mechanism.ts';
import { type Bench, CHEAP, openBench } from './support.ts';

let bench: Bench;
/** Every hash that was really computed with, in order. */
let computed: string[];
let used: string[];
let verifier: Verifier;

beforeEach(async () => {
  bench = await openBench();
  await bench.accounts.add({ name: 'Jürgen', password: 'MiPasw0rd$Ñ', sender: 'j@example.net' });
  verifier = create(bench.hasher);
});
afterEach(() => bench.close());

function create(hasher: PasswordHasher, limits = { places: 1, line: 128 }): Verifier {
  computed = [];
  used = [];
  return createVerifier({
    accounts: bench.accounts,
    hasher: {
      ...hasher,
      verify: (hash, password) => {
        computed.push(hash);
        return hasher.verify(hash, password);
      },
    },
    semaphore: createSemaphore(limits),
    verifiedCredentials: createVerifiedCredentials({ clock: bench.clock }),
    fingerprint: createFingerprint(systemRandom),
    clock: bench.clock,
    recordUse: (accountId, at) => used.push(`${accountId} ${at}`),
  });
}

const octets = (value: string | Uint8Array) => (typeof value === 'string' ? Buffer.from(value) : value);
const verify = (name: string | Uint8Array, password: string | Uint8Array) =>
  verifier.verify({ kind: 'password', name: octets(name), password: octets(password) } satisfies Credentials);

describe('what matches', () => {
  const windows1252 = Buffer.concat([Buffer.from('MiPasw0rd$'), Uint8Array.of(0xd1)]);

  it.each<[string, string | Uint8Array, string | Uint8Array]>([
    ['composed UTF-8', 'Jürgen', 'MiPasw0rd$\u00d1'],
    ['decomposed UTF-8', 'Ju\u0308rgen', 'MiPasw0rd$N\u0303'],
    ['windows-1252', Buffer.from('J\u00fcrgen', 'latin1'), windows1252],
    ['capitals', 'JÜRGEN', 'MiPasw0rd$Ñ'],
  ])('%s', async (_, name, password) => {
    const account = bench.accounts.show('jürgen');
    expect(await verify(name, password)).toEqual({
      kind: 'verified',
      principal: { accountId: account?.id, name: 'Jürgen', sender: 'j@example.net' },
      cached: false,
    });
  });

  it.each<[string, string | Uint8Array]>([
    ['another case', 'mipasw0rd$ñ'],
    ['without the tilde', 'MiPasw0rd$N'],
    ['a blank more', 'MiPasw0rd$Ñ '],
    ['nothing', ''],
    ['13 KB', 'x'.repeat(13_000)],
    ['octets of no encoding', Uint8Array.of(0xff, 0xfe, 0)],
  ])('not %s', async (_, password) => {
    expect(await verify('jürgen', password)).toMatchObject({ kind: 'refused', reason: 'wrong-password' });
  });
});

describe('refusals', () => {
  it('name only accounts that exist', async () => {
    const wrong = await verify('jürgen', 'wrong');
    expect(wrong).toMatchObject({ reason: 'wrong-password', account: 'Jürgen' });
    const unknown = await verify('MiPasw0rd$Ñ', 'jürgen');
    expect(unknown).toMatchObject({ kind: 'refused', reason: 'unknown-account' });
    expect(JSON.stringify(unknown)).not.toContain('MiPas');
    expect(unknown).not.toHaveProperty('account');
  });

  it('cost the same work, whatever is wrong', async () => {
    await bench.accounts.add({ name: 'disabled', password: 'right' });
    await bench.accounts.disable('disabled');
    const hashes = [bench.accounts.lookup('jürgen'), bench.accounts.lookup('disabled')].map(
      stored => stored?.passwordHash,
    );
    const results = [
      await verify('jürgen', 'wrong'),
      await verify('disabled', 'right'),
      await verify('disabled', 'wrong'),
      await verify('nobody', 'wrong'),
    ];
    expect(results.map(result => (result.kind === 'refused' ? result.reason : result.kind))).toEqual([
      'wrong-password',
      'disabled',
      'wrong-password',
      'unknown-account',
    ]);
    expect(computed).toEqual([hashes[0], hashes[1], hashes[1], bench.hasher.dummyHash]);
  });

  it('are told apart by a fingerprint of what was sent, known account or not', async () => {
    const results = [
      await verify('jürgen', 'wrong'),
      await verify('JÜRGEN', 'wrong'),
      await verify('jürgen', 'other'),
      await verify('nobody', 'wrong'),
      await verify('nobody', 'wrong'),
    ];
    const [a, again, b, c, cAgain] = results.map(result =>
      result.kind === 'refused' ? result.credential : '',
    );
    expect(a).toBe(again);
    expect(c).toBe(cAgain);
    expect(new Set([a, b, c]).size).toBe(3);
  });

  it('record no use', async () => {
    await verify('jürgen', 'wrong');
    expect(used).toEqual([]);
  });
});

describe('the cache', () => {
  it('spares the second login the computation, however the password is encoded', async () => {
    await verify('jürgen', 'MiPasw0rd$Ñ');
    expect(await verify('JÜRGEN', 'MiPasw0rd$N\u0303')).toMatchObject({ kind: 'verified', cached: true });
    expect(computed).toHaveLength(1);
    expect(used).toHaveLength(2);
  });

  it('does not spare wrong ones, and lasts ten minutes', async () => {
    await verify('jürgen', 'MiPasw0rd$Ñ');
    expect(await verify('jürgen', 'wrong')).toMatchObject({ kind: 'refused' });
    bench.clock.move(10 * 60_000);
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ kind: 'verified', cached: false });
    expect(computed).toHaveLength(3);
  });

  it('is of no use to a disabled account, and serves it again when enabled', async () => {
    await verify('jürgen', 'MiPasw0rd$Ñ');
    await bench.accounts.disable('jürgen');
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ kind: 'refused', reason: 'disabled' });
    expect(computed).toHaveLength(2);
    await bench.accounts.enable('jürgen');
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ kind: 'verified' });
  });

  it('forgets the old password when a new one is set, also when the old one comes back', async () => {
    await verify('jürgen', 'MiPasw0rd$Ñ');
    await bench.accounts.setPassword('jürgen', 'another one');
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({
      kind: 'refused',
      reason: 'wrong-password',
    });
    expect(await verify('jürgen', 'another one')).toMatchObject({ kind: 'verified', cached: false });
  });

  it('forgets a removed account, also when another takes its name and password', async () => {
    await verify('jürgen', 'MiPasw0rd$Ñ');
    await bench.accounts.remove('jürgen');
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ reason: 'unknown-account' });
    await bench.accounts.add({ name: 'jürgen', password: 'MiPasw0rd$Ñ' });
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ kind: 'verified', cached: false });
  });
});

describe('many at once', () => {
  it('share one computation where name and password are the same', async () => {
    const results = await Promise.all(Array.from({ length: 50 }, () => verify('jürgen', 'MiPasw0rd$Ñ')));
    expect(results.every(result => result.kind === 'verified')).toBe(true);
    expect(computed).toHaveLength(1);
    await Promise.all(Array.from({ length: 50 }, () => verify('nobody', 'x')));
    expect(computed).toHaveLength(2);
  });

  it('get "busy" beyond the line, which says nothing about the password', async () => {
    verifier = create(bench.hasher, { places: 1, line: 1 });
    const results = await Promise.all([verify('a', '1'), verify('b', '2'), verify('jürgen', 'MiPasw0rd$Ñ')]);
    expect(results.map(result => result.kind)).toEqual(['refused', 'refused', 'busy']);
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ kind: 'verified' });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['disabled', () => bench.accounts.disable('jürgen'), 'disabled'],
    ['removed', () => bench.accounts.remove('jürgen'), 'unknown-account'],
    ['given a new password', () => bench.accounts.setPassword('jürgen', 'new'), 'wrong-password'],
  ])('are judged by what the account is at the end: %s meanwhile', async (_, change, reason) => {
    const verifying = Promise.withResolvers<void>();
    const changed = Promise.withResolvers<void>();
    verifier = create({
      ...bench.hasher,
      verify: async (hash, password) => {
        verifying.resolve();
        await changed.promise;
        return bench.hasher.verify(hash, password);
      },
    });
    const result = verify('jürgen', 'MiPasw0rd$Ñ');
    await verifying.promise;
    await change();
    changed.resolve();
    expect(await result).toMatchObject({ kind: 'refused', reason });
  });
});

describe('a hash of lower cost', () => {
  it('is renewed at the next login, without touching the credential version', async () => {
    const before = bench.accounts.lookup('jürgen');
    const dearer = createPasswordHasher({ random: systemRandom, cost: { ...CHEAP, timeCost: 3 } });
    verifier = create(dearer);
    await verify('jürgen', 'MiPasw0rd$Ñ');
    const hash = () => bench.accounts.lookup('jürgen')?.passwordHash ?? '';
    await expect.poll(hash, { timeout: 10_000 }).toContain(',t=3,');
    expect(bench.accounts.lookup('jürgen')?.account).toEqual(before?.account);
    expect(await verify('jürgen', 'MiPasw0rd$Ñ')).toMatchObject({ kind: 'verified', cached: true });
    expect(await dearer.verify(hash(), 'MiPasw0rd$Ñ')).toBe(true);
  });

  it('stays where the password was wrong', async () => {
    verifier = create(createPasswordHasher({ random: systemRandom, cost: { ...CHEAP, timeCost: 3 } }));
    await verify('jürgen', 'wrong');
    expect(bench.accounts.lookup('jürgen')?.passwordHash).toContain(',t=2,');
  });
});
