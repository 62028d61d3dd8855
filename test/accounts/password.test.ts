import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPasswordHasher, MAX_PASSWORD, PASSWORD_COST } from '../../server/accounts/password.ts';
import { systemRandom } from '../../server/ids.ts';
import { CHEAP } from './support.ts';

const hasher = createPasswordHasher({ random: systemRandom, cost: CHEAP });

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
    expect(await hasher.verify(hash, 'MiPasw0rd$Ñ')).toBe(true);
    expect(await hasher.verify(hash, 'mipasw0rd$ñ')).toBe(false);
  });

  it('matches nothing where it is damaged, empty or the dummy', async () => {
    for (const hash of ['', 'x', '$argon2id$v=19$m=1024,t=2,p=1$$', hasher.dummyHash])
      for (const password of ['', 'x']) expect(await hasher.verify(hash, password)).toBe(false);
  });

  it('counts every octet up to the limit, and matches nothing longer', async () => {
    const longest = 'x'.repeat(MAX_PASSWORD);
    const hash = await hasher.hash(longest);
    expect(await hasher.verify(hash, longest)).toBe(true);
    expect(await hasher.verify(hash, longest.slice(1))).toBe(false);
    expect(await hasher.verify(hash, `${longest}x`)).toBe(false);
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
