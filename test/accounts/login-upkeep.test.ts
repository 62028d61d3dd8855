// An account that lacks what CRAM-MD5 or SCRAM need gains it at its next login with the password in clear.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, openBench } from './support.ts';
import {
  cram,
  createVerifierBench,
  type Login,
  logins,
  outcomeOf,
  plain,
  scram,
  type VerifierBench,
} from './verifier-bench.ts';

const PASSWORD = 'eighteen letters!!';
const WEAK = 'printer12';

let bench: Bench;
let gate: VerifierBench;
beforeEach(async () => {
  bench = await openBench();
  gate = createVerifierBench(bench);
});
afterEach(() => bench.close());

/** As accounts were before these mechanisms were known: nothing derived, and the strength of the password unknown. */
async function addOld(name: string, password: string): Promise<void> {
  await bench.accounts.add({ name, password });
  await bench.database.commit([
    { sql: 'DELETE FROM derived_secret' },
    { sql: `UPDATE credential SET withholds_cram = NULL, made_by = 'unknown'` },
  ]);
  await bench.accounts.reload();
}

const credentialOf = (name: string) => bench.accounts.lookup(name)?.credentials[0];
const kindsOf = (name: string) => credentialOf(name)?.derived.map(({ kind }) => kind) ?? [];
const login = async (by: Login, name: string, password: string) =>
  outcomeOf(await by(gate.verifier, name, password));

describe('an account from before', () => {
  it('cannot log in by challenge and response, says so, and can after its next login', async () => {
    await addOld('scanner', PASSWORD);
    for (const by of [cram, scram]) expect(await login(by, 'scanner', PASSWORD)).toBe('lacks-secret');
    expect(await login(plain, 'scanner', PASSWORD)).toBe('verified');
    await expect.poll(() => kindsOf('scanner'), { timeout: 10_000 }).toEqual(['cram', 'scram']);
    for (const by of Object.values(logins)) expect(await login(by, 'scanner', PASSWORD)).toBe('verified');
    expect(gate.logged).toEqual(['auth.derived scanner']);
    expect(credentialOf('scanner')?.withholdsCram).toBe(false);
  });

  it('with a weak password gains no CRAM-MD5 state, and that is remembered', async () => {
    await addOld('scanner', WEAK);
    await login(plain, 'scanner', WEAK);
    await expect.poll(() => kindsOf('scanner'), { timeout: 10_000 }).toEqual(['scram']);
    expect(credentialOf('scanner')?.withholdsCram).toBe(true);
    expect(await login(scram, 'scanner', WEAK)).toBe('verified');
    expect(await login(cram, 'scanner', WEAK)).toBe('lacks-secret');
    await login(plain, 'scanner', WEAK);
    await sleep(100);
    expect(kindsOf('scanner')).toEqual(['scram']);
  });

  it('gains nothing by a wrong password', async () => {
    await addOld('scanner', PASSWORD);
    await login(plain, 'scanner', 'wrong');
    await sleep(100);
    expect(kindsOf('scanner')).toEqual([]);
  });

  it('gains it once, however often it logs in at the same time', async () => {
    await addOld('scanner', PASSWORD);
    await Promise.all(Array.from({ length: 20 }, () => login(plain, 'scanner', PASSWORD)));
    await expect.poll(() => gate.logged.length, { timeout: 10_000 }).toBe(1);
    await sleep(100);
    expect(gate.logged).toHaveLength(1);
  });
});

describe('a new name', () => {
  it.each([
    ['an alias', { addAliases: ['scan'] }],
    ['another name', { name: 'scan' }],
  ])('%s gains its SCRAM keys at the next login, also one that is remembered', async (_, change) => {
    await bench.accounts.add({ name: 'scanner', password: PASSWORD });
    await bench.accounts.set('scanner', change);
    await login(plain, 'scan', PASSWORD);
    await expect.poll(() => login(scram, 'scan', PASSWORD), { timeout: 10_000 }).toBe('verified');
  });
});

describe('both passwords of a changeover', () => {
  it('are looked after, each by its own login', async () => {
    await addOld('scanner', PASSWORD);
    await bench.accounts.setPassword('scanner', 'another long one', { grace: 86_400_000 });
    expect(await login(scram, 'scanner', PASSWORD)).toBe('lacks-secret');
    expect(await login(scram, 'scanner', 'another long one')).toBe('verified');
    expect(await login(plain, 'scanner', PASSWORD)).toBe('verified');
    await expect.poll(() => login(scram, 'scanner', PASSWORD), { timeout: 10_000 }).toBe('verified');
  });
});

describe('what fails', () => {
  it('leaves the login right, and is tried again after a minute', async () => {
    await addOld('scanner', PASSWORD);
    // Another process has replaced the sealing key by one that cannot be found.
    const [row] = await bench.database.read(`SELECT value FROM meta WHERE name = 'sealing_key_id'`);
    const setKey = (id: string) =>
      bench.database.commit([
        { sql: `UPDATE meta SET value = ? WHERE name = 'sealing_key_id'`, params: [id] },
      ]);
    await setKey('0123456789abcdef');
    expect(await login(plain, 'scanner', PASSWORD)).toBe('verified');
    await sleep(200);
    await setKey(String(row?.['value']));
    await bench.sealer.refresh();
    expect(await login(plain, 'scanner', PASSWORD)).toBe('verified');
    await sleep(100);
    expect(kindsOf('scanner')).toEqual([]);
    bench.clock.move(60_000);
    expect(await login(plain, 'scanner', PASSWORD)).toBe('verified');
    await expect.poll(() => kindsOf('scanner'), { timeout: 10_000 }).toEqual(['cram', 'scram']);
  });
});
