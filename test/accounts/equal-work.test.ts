// Whatever is wrong with a login, it costs the same: passwords computed, keyed digests and values unsealed are counted for
// each way to fail and each mechanism. Otherwise a stopwatch tells which names are accounts.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, openBench } from './support.ts';
import { createVerifierBench, logins, outcomeOf, type VerifierBench, type Work } from './verifier-bench.ts';

const PASSWORD = 'Ñandú 4711 dreizehn';
const DAY = 86_400_000;

let bench: Bench;
let gate: VerifierBench;

/** Name and password of a login that fails, and the reason it is given in the log. */
const paths: readonly (readonly [reason: string, name: string, password: string])[] = [
  ['unknown-account', 'nobody', PASSWORD],
  ['unknown-account', '', PASSWORD],
  ['unknown-account', 'removed', PASSWORD],
  ['wrong-password', 'plain', 'wrong'],
  ['wrong-password', 'changeover', 'wrong'],
  ['wrong-password', 'changed-over', PASSWORD],
  ['wrong-password', 'disabled', 'wrong'],
  ['disabled', 'disabled', PASSWORD],
  ['expired', 'expired', PASSWORD],
  ['wrong-network', 'elsewhere', PASSWORD],
  ['mechanism-refused', 'narrow', PASSWORD],
];

beforeAll(async () => {
  bench = await openBench();
  const { accounts, clock } = bench;
  for (const name of [
    'plain',
    'disabled',
    'removed',
    'changeover',
    'changed-over',
    'expired',
    'elsewhere',
    'narrow',
  ])
    expect(await accounts.add({ name, password: PASSWORD })).toMatchObject({ kind: 'done' });
  await accounts.set('narrow', { mechanisms: ['SCRAM-SHA-256-PLUS'] });
  await accounts.set('elsewhere', { networks: ['10.0.0.0/8'] });
  await accounts.set('expired', { expiresAt: clock.now() });
  await accounts.setPassword('changed-over', 'the newer password', { grace: DAY });
  clock.move(2 * DAY);
  await accounts.setPassword('changeover', 'the newer password', { grace: DAY });
  await accounts.disable('disabled');
  await accounts.remove('removed');
  gate = createVerifierBench(bench);
  // What is remembered must make no difference to who cannot log in.
  await logins['PLAIN']?.(gate.verifier, 'plain', PASSWORD);
});
afterAll(() => bench.close());

describe.each(Object.entries(logins))('%s', (mechanism, login) => {
  const expected: Work = {
    PLAIN: { argon2: 1, hmac: 2, unseal: 0 },
    'CRAM-MD5': { argon2: 0, hmac: 2 * 5 + 1, unseal: 2 },
    // One more for the salt, and one for the signature.
    'SCRAM-SHA-256': { argon2: 0, hmac: 1 + 2 * 5 + 1 + 1, unseal: 2 },
  }[mechanism] ?? { argon2: -1, hmac: -1, unseal: -1 };

  it.each(paths)('%s costs what the others do (%s)', async (reason, name, password) => {
    let outcome = '';
    const work = await gate.workOf(async () => {
      outcome = outcomeOf(await login(gate.verifier, name, password));
    });
    expect([outcome, work]).toEqual([reason, expected]);
  });
});

describe('a secret that is lacking', () => {
  it.each(['CRAM-MD5', 'SCRAM-SHA-256'])('%s costs what one that is there does', async mechanism => {
    const login = logins[mechanism];
    if (login === undefined) throw new Error(mechanism);
    const wrong = await gate.workOf(() => login(gate.verifier, 'plain', 'wrong'));
    const { id } = bench.accounts.lookup('plain')?.account ?? { id: '' };
    const saved = await bench.database.read('SELECT * FROM derived_secret WHERE account_id = ?', [id]);
    await bench.database.commit([{ sql: 'DELETE FROM derived_secret WHERE account_id = ?', params: [id] }]);
    await bench.accounts.reload();
    let outcome = '';
    const lacking = await gate.workOf(async () => {
      outcome = outcomeOf(await login(gate.verifier, 'plain', PASSWORD));
    });
    expect([outcome, lacking]).toEqual(['lacks-secret', wrong]);
    await bench.database.commit(
      saved.map(row => ({
        sql: 'INSERT INTO derived_secret (account_id, version, kind, login_name, sealed) VALUES (?, ?, ?, ?, ?)',
        params: ['account_id', 'version', 'kind', 'login_name', 'sealed'].map(column => row[column] ?? null),
      })),
    );
    await bench.accounts.reload();
  });
});
