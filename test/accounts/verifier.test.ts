// Who gets in, and why not: by every mechanism, with the same answers and the same work.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPasswordHasher } from '../../server/accounts/password.ts';
import { systemRandom } from '../../server/ids.ts';
import { type Bench, CHEAP, openBench } from './support.ts';
import {
  addressOf,
  cram,
  createVerifierBench,
  logins,
  octets,
  outcomeOf,
  plain,
  scram,
  type VerifierBench,
} from './verifier-bench.ts';

const DAY = 86_400_000;
const PASSWORD = 'MiPasw0rd$Ñ';

let bench: Bench;
let gate: VerifierBench;

beforeEach(async () => {
  bench = await openBench();
  await bench.accounts.add({ name: 'Jürgen', password: PASSWORD, sender: 'j@example.net' });
  gate = createVerifierBench(bench);
});
afterEach(() => bench.close());

const verify = (name: string | Uint8Array, password: string | Uint8Array) =>
  plain(gate.verifier, name, password);
const hashesOf = (name: string) =>
  bench.accounts.lookup(name)?.credentials.map(({ passwordHash }) => passwordHash) ?? [];

describe('what matches', () => {
  const windows1252 = Buffer.concat([Buffer.from('MiPasw0rd$'), Uint8Array.of(0xd1)]);

  it.each<[string, string | Uint8Array, string | Uint8Array]>([
    ['composed UTF-8', 'Jürgen', 'MiPasw0rd$\u00d1'],
    ['decomposed UTF-8', 'Ju\u0308rgen', 'MiPasw0rd$N\u0303'],
    ['windows-1252', Buffer.from('J\u00fcrgen', 'latin1'), windows1252],
    ['capitals', 'JÜRGEN', 'MiPasw0rd$Ñ'],
  ])('%s, by every mechanism', async (_, name, password) => {
    const accountId = bench.accounts.show('jürgen')?.account.id;
    const principal = { accountId, name: 'Jürgen', sender: 'j@example.net', credentialVersion: 1 };
    const proof = { PLAIN: null, 'CRAM-MD5': null, 'SCRAM-SHA-256': expect.any(Uint8Array) };
    for (const [mechanism, login] of Object.entries(logins)) {
      const serverSignature = proof[mechanism as keyof typeof proof];
      expect(await login(gate.verifier, name, password), mechanism).toEqual({
        kind: 'verified',
        principal,
        cached: false,
        serverSignature,
      });
    }
  });

  it.each<[string, string | Uint8Array]>([
    ['another case', 'mipasw0rd$ñ'],
    ['without the tilde', 'MiPasw0rd$N'],
    ['a blank more', 'MiPasw0rd$Ñ '],
    ['nothing', ''],
    ['13 KB', 'x'.repeat(13_000)],
    ['octets of no encoding', Uint8Array.of(0xff, 0xfe, 0)],
  ])('not %s', async (_, password) => {
    for (const login of Object.values(logins))
      expect(outcomeOf(await login(gate.verifier, 'jürgen', password))).toBe('wrong-password');
  });

  it('an alias, for which SCRAM has a salt of its own', async () => {
    await bench.accounts.add({
      name: 'scanner',
      aliases: ['scan@example.net'],
      password: 'eighteen letters!!',
    });
    for (const name of ['scanner', 'SCAN@example.net'])
      for (const [mechanism, login] of Object.entries(logins))
        expect(outcomeOf(await login(gate.verifier, name, 'eighteen letters!!')), mechanism).toBe('verified');
    const salts = ['scanner', 'scan@example.net'].map(name => gate.verifier.scramSalt(octets(name)).salt);
    expect(salts[0]).not.toEqual(salts[1]);
  });
});

describe('SCRAM', () => {
  it('refuses an exchange that was tampered with, whatever the proof', async () => {
    const refused = await gate.verifier.verify(
      {
        kind: 'scram-sha-256',
        name: octets('jürgen'),
        authMessage: octets('x'),
        proof: octets(''),
        intact: false,
      },
      { mechanism: 'SCRAM-SHA-256-PLUS', address: addressOf('::1') },
    );
    expect(refused).toMatchObject({ kind: 'refused', reason: 'wrong-password', credential: null });
  });

  it('gives every name a salt, the same each time, that does not tell whether there is such an account', async () => {
    const salt = (name: string) => gate.verifier.scramSalt(octets(name));
    for (const name of ['jürgen', 'nobody', '']) {
      expect(salt(name)).toEqual(salt(name.toUpperCase()));
      expect(salt(name)).toMatchObject({ iterations: 15_000, salt: expect.objectContaining({ length: 16 }) });
    }
    // A name becomes an account's and keeps its salt, until it gets a second password.
    const before = salt('nobody');
    await bench.accounts.add({ name: 'nobody' });
    expect(salt('nobody')).toEqual(before);
    await bench.accounts.setPassword('nobody', null);
    expect(salt('nobody')).not.toEqual(before);
  });
});

describe('refusals', () => {
  it('name only accounts that exist', async () => {
    const accountId = bench.accounts.show('jürgen')?.account.id;
    const wrong = await verify('jürgen', 'wrong');
    expect(wrong).toMatchObject({ reason: 'wrong-password', account: 'Jürgen', accountId });
    const unknown = await verify(PASSWORD, 'jürgen');
    expect(unknown).toMatchObject({ kind: 'refused', reason: 'unknown-account', accountId: null });
    expect(JSON.stringify(unknown)).not.toContain('MiPas');
    expect(unknown).not.toHaveProperty('account');
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

  it('have a tag for the name, known or not, which is the same after a restart', async () => {
    const tagOf = async (name: string) => {
      const refused = await verify(name, 'wrong');
      return refused.kind === 'refused' ? refused.nameTag : '';
    };
    expect(await tagOf('jürgen')).toMatch(/^[\w-]{22}$/);
    expect(await tagOf('nobody')).toBe(gate.verifier.identify(octets('NOBODY')).tag);
    expect(await tagOf('nobody')).not.toBe(await tagOf('jürgen'));
    const restarted = createVerifierBench({ ...bench, ...(await bench.elsewhere()) });
    const [before, after] = [gate, restarted].map(one => one.verifier.identify(octets('nobody')));
    expect(after).toEqual(before);
  });

  it('have no fingerprint where each answer is another', async () => {
    for (const login of [cram, scram])
      expect(await login(gate.verifier, 'jürgen', 'wrong')).toMatchObject({ credential: null });
  });

  it('record no use', async () => {
    await verify('jürgen', 'wrong');
    expect(gate.used).toEqual([]);
  });
});

describe('gates', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['disabled', () => bench.accounts.disable('jürgen')],
    ['expired', () => bench.accounts.set('jürgen', { expiresAt: bench.clock.now() })],
    ['wrong-network', () => bench.accounts.set('jürgen', { networks: ['10.0.0.0/8', '2001:db8::/32'] })],
    ['mechanism-refused', () => bench.accounts.set('jürgen', { mechanisms: ['SCRAM-SHA-256-PLUS'] })],
  ])('%s: told only to whoever knows the password, whatever the mechanism', async (reason, close) => {
    await close();
    for (const [mechanism, login] of Object.entries(logins)) {
      expect(outcomeOf(await login(gate.verifier, 'jürgen', PASSWORD)), mechanism).toBe(reason);
      expect(outcomeOf(await login(gate.verifier, 'jürgen', 'wrong')), mechanism).toBe('wrong-password');
    }
    expect(gate.used).toEqual([]);
  });

  it('let in what fits', async () => {
    const { accounts, clock } = bench;
    await accounts.set('jürgen', {
      expiresAt: clock.now() + 1,
      networks: ['10.0.0.0/8', '192.168.0.0/16'],
      mechanisms: ['CRAM-MD5', 'PLAIN'],
    });
    expect(outcomeOf(await verify('jürgen', PASSWORD))).toBe('verified');
    expect(outcomeOf(await cram(gate.verifier, 'jürgen', PASSWORD))).toBe('verified');
    expect(outcomeOf(await plain(gate.verifier, 'jürgen', PASSWORD, addressOf('10.1.2.3')))).toBe('verified');
    expect(outcomeOf(await plain(gate.verifier, 'jürgen', PASSWORD, addressOf('192.169.0.1')))).toBe(
      'wrong-network',
    );
    clock.move(1);
    expect(outcomeOf(await verify('jürgen', PASSWORD))).toBe('expired');
  });
});

describe('the cache', () => {
  it('spares the second login the computation, however the password is encoded', async () => {
    await verify('jürgen', PASSWORD);
    expect(await verify('JÜRGEN', 'MiPasw0rd$N\u0303')).toMatchObject({ kind: 'verified', cached: true });
    expect(gate.compared).toHaveLength(1);
    expect(gate.used).toHaveLength(2);
  });

  it('does not spare wrong ones, and lasts ten minutes', async () => {
    await verify('jürgen', PASSWORD);
    expect(await verify('jürgen', 'wrong')).toMatchObject({ kind: 'refused' });
    bench.clock.move(10 * 60_000);
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'verified', cached: false });
    expect(gate.compared).toHaveLength(3);
  });

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    ['disabled', () => bench.accounts.disable('jürgen'), () => bench.accounts.enable('jürgen')],
    [
      'expired',
      () => bench.accounts.set('jürgen', { expiresAt: 1 }),
      () => bench.accounts.set('jürgen', { expiresAt: null }),
    ],
    [
      'wrong-network',
      () => bench.accounts.set('jürgen', { networks: ['10.0.0.0/8'] }),
      () => bench.accounts.set('jürgen', { networks: null }),
    ],
    [
      'mechanism-refused',
      () => bench.accounts.set('jürgen', { mechanisms: ['LOGIN'] }),
      () => bench.accounts.set('jürgen', { mechanisms: null }),
    ],
  ])('is of no use while the account is %s', async (reason, close, open) => {
    await verify('jürgen', PASSWORD);
    await close();
    expect(outcomeOf(await verify('jürgen', PASSWORD))).toBe(reason);
    expect(gate.compared).toHaveLength(2);
    await open();
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'verified', cached: true });
  });

  it('forgets the old password when a new one is set, also when the old one comes back', async () => {
    await verify('jürgen', PASSWORD);
    await bench.accounts.setPassword('jürgen', 'another one');
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'refused', reason: 'wrong-password' });
    expect(await verify('jürgen', 'another one')).toMatchObject({ kind: 'verified', cached: false });
    await bench.accounts.setPassword('jürgen', PASSWORD);
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'verified', cached: false });
  });

  it('forgets a removed account, also when another takes its name and password', async () => {
    await verify('jürgen', PASSWORD);
    await bench.accounts.remove('jürgen');
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ reason: 'unknown-account' });
    await bench.accounts.add({ name: 'jürgen', password: PASSWORD });
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'verified', cached: false });
  });
});

describe('a changeover', () => {
  const NEW = 'the new password';
  beforeEach(async () => {
    await bench.accounts.setPassword('jürgen', NEW, { grace: 7 * DAY });
  });

  it('lets both passwords in, by every mechanism, and says which it was', async () => {
    for (const [mechanism, login] of Object.entries(logins))
      for (const [password, credentialVersion] of [
        [PASSWORD, 1],
        [NEW, 2],
      ] as const)
        expect(await login(gate.verifier, 'jürgen', password), mechanism).toMatchObject({
          kind: 'verified',
          principal: { credentialVersion },
        });
  });

  it('costs one computation, and each password is remembered for itself', async () => {
    const [first, second] = [await verify('jürgen', PASSWORD), await verify('jürgen', NEW)];
    expect([first, second]).toMatchObject([{ cached: false }, { cached: false }]);
    expect(await gate.workOf(() => verify('jürgen', 'wrong'))).toMatchObject({ argon2: 1 });
    expect(await verify('jürgen', PASSWORD)).toMatchObject({
      cached: true,
      principal: { credentialVersion: 1 },
    });
    expect(await verify('jürgen', NEW)).toMatchObject({ cached: true, principal: { credentialVersion: 2 } });
  });

  it('ends for the old password at its hour, also in the cache', async () => {
    bench.clock.move(7 * DAY - 1);
    for (const login of Object.values(logins))
      expect(outcomeOf(await login(gate.verifier, 'jürgen', PASSWORD))).toBe('verified');
    bench.clock.move(1);
    for (const login of Object.values(logins)) {
      expect(outcomeOf(await login(gate.verifier, 'jürgen', PASSWORD))).toBe('wrong-password');
      expect(outcomeOf(await login(gate.verifier, 'jürgen', NEW))).toBe('verified');
    }
  });
});

describe('many at once', () => {
  it('share one computation where name and password are the same', async () => {
    const results = await Promise.all(Array.from({ length: 50 }, () => verify('jürgen', PASSWORD)));
    expect(results.every(result => result.kind === 'verified')).toBe(true);
    expect(gate.compared).toHaveLength(1);
    await Promise.all(Array.from({ length: 50 }, () => verify('nobody', 'x')));
    expect(gate.compared).toHaveLength(2);
    expect(gate.compared).toEqual([hashesOf('jürgen'), [bench.hasher.dummyHash]]);
  });

  it('get "busy" beyond the line, which says nothing about the password', async () => {
    gate = createVerifierBench(bench, { limits: { places: 1, line: 1 } });
    const results = await Promise.all([verify('a', '1'), verify('b', '2'), verify('jürgen', PASSWORD)]);
    expect(results.map(result => result.kind)).toEqual(['refused', 'refused', 'busy']);
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'verified' });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['disabled', () => bench.accounts.disable('jürgen'), 'disabled'],
    ['removed', () => bench.accounts.remove('jürgen'), 'unknown-account'],
    ['given a new password', () => bench.accounts.setPassword('jürgen', 'new'), 'wrong-password'],
  ])('are judged by what the account is at the end: %s meanwhile', async (_, change, reason) => {
    const verifying = Promise.withResolvers<void>();
    const changed = Promise.withResolvers<void>();
    gate = createVerifierBench(bench, {
      hasher: {
        ...bench.hasher,
        verify: async (hashes, password) => {
          verifying.resolve();
          await changed.promise;
          return bench.hasher.verify(hashes, password);
        },
      },
    });
    const result = verify('jürgen', PASSWORD);
    await verifying.promise;
    await change();
    changed.resolve();
    expect(await result).toMatchObject({ kind: 'refused', reason });
  });
});

describe('what another process changed a moment ago', () => {
  it('counts already: an account, a password, a secret', async () => {
    const other = await bench.elsewhere();
    await other.accounts.add({ name: 'fresh', password: 'made by a command' });
    expect(outcomeOf(await verify('fresh', 'made by a command'))).toBe('verified');
    await other.accounts.setPassword('fresh', 'set by a command');
    expect(outcomeOf(await cram(gate.verifier, 'fresh', 'set by a command'))).toBe('verified');
  });
});

describe('a hash of lower cost', () => {
  const dearer = createPasswordHasher({ random: systemRandom, cost: { ...CHEAP, timeCost: 3 } });
  const hash = () => hashesOf('jürgen')[0] ?? '';

  it('is renewed at the next login, without touching the credential version', async () => {
    const before = bench.accounts.lookup('jürgen')?.account;
    gate = createVerifierBench(bench, { hasher: dearer });
    await verify('jürgen', PASSWORD);
    await expect.poll(hash, { timeout: 10_000 }).toContain(',t=3,');
    expect(bench.accounts.lookup('jürgen')?.account).toEqual(before);
    expect(await verify('jürgen', PASSWORD)).toMatchObject({ kind: 'verified', cached: true });
    expect(await dearer.verify([hash()], PASSWORD)).toBe(0);
  });

  it('stays where the password was wrong, and while a changeover lasts', async () => {
    gate = createVerifierBench(bench, { hasher: dearer });
    await verify('jürgen', 'wrong');
    expect(hash()).toContain(',t=2,');
    await bench.accounts.setPassword('jürgen', 'the new password', { grace: DAY });
    await verify('jürgen', 'the new password');
    await sleep(100);
    expect(hashesOf('jürgen').map(one => one.split('$')[3])).toEqual(['m=1024,t=2,p=1', 'm=1024,t=2,p=1']);
  });
});
