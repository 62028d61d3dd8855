import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPasswordHasher, MAX_PASSWORD, PASSWORD_COST } from '../../server/accounts/password.ts';
import { systemRandom } from '../../server/ids.ts';
import { CHEAP } from './support.ts';

const hasher = createPasswordHasher({ random: systemRandom, cost: CHEAP });
const saltOf = (hash: string) => hash.split('$')[4];
const parametersOf = (hash: string) => hash.split('$')[3];

describe('the password hash', () => {
  it('is argon2id with OWASP parameters unless told otherwise', async () => {
    const hash = await createPasswordHasher({ random: systemRandom }).hash('secret');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(PASSWORD_COST).toEqual({ memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  });

  it('is salted', async () => {
    expect(await hasher.hash('secret')).not.toBe(await hasher.hash('secret'));
  });

  it('is of the canonical form', async () => {
    const hash = await hasher.hash('MiPasw0rd$N\u0303');
    expect(await hasher.verify([hash], 'MiPasw0rd$Ñ')).toBe(0);
    expect(await hasher.verify([hash], 'mipasw0rd$ñ')).toBeNull();
  });

  it('of another program matches: the test vector of the reference implementation', async () => {
    // phc-winner-argon2, src/test.c: version 0x13, argon2id, t=2, m=2^8, p=1, "password", "somesalt".
    const vector = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
    expect(await hasher.verify([vector], 'password')).toBe(0);
    expect(await hasher.verify([vector], 'passworD')).toBeNull();
  });

  it('matches nothing where it is damaged, empty or the dummy', async () => {
    const damaged = [
      '',
      'x',
      '$argon2id$v=19$m=1024,t=2,p=1$$',
      '$argon2id$v=19$m=1,t=0,p=9$c29tZXNhbHQ$nf65EOgL',
      hasher.dummyHash,
    ];
    for (const hash of damaged)
      for (const password of ['', 'x']) expect(await hasher.verify([hash], password), hash).toBeNull();
  });

  it('counts every octet up to the limit, and matches nothing longer', async () => {
    const longest = 'x'.repeat(MAX_PASSWORD);
    const hash = await hasher.hash(longest);
    expect(await hasher.verify([hash], longest)).toBe(0);
    expect(await hasher.verify([hash], longest.slice(1))).toBeNull();
    expect(await hasher.verify([hash], `${longest}x`)).toBeNull();
  });
});

describe('the two passwords of a changeover', () => {
  it('have one salt and the same parameters, whatever those of today are', async () => {
    const old = await hasher.hash('old');
    const dearer = createPasswordHasher({ random: systemRandom, cost: { ...CHEAP, timeCost: 3 } });
    const fresh = await dearer.hash('new', old);
    expect([saltOf(fresh), parametersOf(fresh)]).toEqual([saltOf(old), parametersOf(old)]);
    expect(fresh).not.toBe(old);
    for (const [password, index] of [
      ['new', 0],
      ['old', 1],
      ['other', null],
    ] as const)
      expect(await dearer.verify([fresh, old], password)).toBe(index);
  });

  it('take the processor time of one', async () => {
    const slow = createPasswordHasher({ random: systemRandom, cost: { ...CHEAP, memoryCost: 16_384 } });
    const old = await slow.hash('old');
    const [fresh, salted] = [await slow.hash('new', old), await slow.hash('new')];
    /** The least of several, in microseconds of this process's threads. */
    const costOf = async (hashes: readonly string[]) => {
      const costs: number[] = [];
      for (let i = 0; i < 5; i++) {
        const begun = process.cpuUsage();
        await slow.verify(hashes, 'other');
        const { user, system } = process.cpuUsage(begun);
        costs.push(user + system);
      }
      return Math.min(...costs);
    };
    const [one, shared, apart] = [
      await costOf([old]),
      await costOf([fresh, old]),
      await costOf([salted, old]),
    ];
    expect(shared).toBeLessThan(1.5 * one);
    expect(apart).toBeGreaterThan(1.5 * one);
  });

  it('are told apart also where one hash is damaged', async () => {
    const old = await hasher.hash('old');
    expect(await hasher.verify(['damaged', old], 'old')).toBe(1);
  });
});

describe('the dummy hash', () => {
  it('has the parameters and the shape of a real one', async () => {
    const shape = (hash: string) => hash.replace(/\$[^$]{22}\$[^$]{43}$/, '');
    expect(shape(hasher.dummyHash)).toBe(shape(await hasher.hash('secret')));
  });

  it('comes from the given randomness', () => {
    const random = (count: number) => createHash('shake256', { outputLength: count }).update('x').digest();
    const make = () => createPasswordHasher({ random, cost: CHEAP }).dummyHash;
    expect(make()).toBe(make());
    expect(make()).not.toBe(hasher.dummyHash);
  });
});

describe('needsRehash', () => {
  it('is true only where the parameters have risen', async () => {
    const hash = await hasher.hash('secret');
    const with_ = (change: Partial<typeof CHEAP>) =>
      createPasswordHasher({ random: systemRandom, cost: { ...CHEAP, ...change } }).needsRehash(hash);
    expect(with_({})).toBe(false);
    expect(with_({ memoryCost: 2048 })).toBe(true);
    expect(with_({ timeCost: 3 })).toBe(true);
    expect(with_({ memoryCost: 512 })).toBe(false);
    expect(hasher.needsRehash('damaged')).toBe(false);
  });
});
