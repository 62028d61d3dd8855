// Changes of secrets while the server runs, as clients see them: a new password with and without a changeover, and a new
// sealing key. Every mechanism follows at the same time.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import {
  type Account,
  addAccount,
  field,
  type Installation,
  install,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { ALL_REFUSED, ALL_SENT, createLogins, type Logins } from './clients/every-mechanism.ts';

const skip = mustSkip('end-to-end rotation', suiteNeeds['end-to-end']);
let at: Installation;
let server: Server;
let logins: Logins;

beforeAll(async () => {
  if (skip) return;
  at = await install();
  logins = createLogins(at);
  server = await at.serve();
});

afterAll(async () => at?.remove());

describe.skipIf(skip)('a new password', () => {
  let old: Account;

  beforeAll(async () => {
    old = await addAccount(at, 'rotated');
  });

  /** Sets a generated one. */
  const rotate = async (...options: readonly string[]): Promise<Account> => {
    const made = await at.json(['account', 'password', old.name, ...options]);
    return { name: old.name, password: String(field(made, 'password')) };
  };

  it('with --grace 7d leaves the old one in force beside it, for every mechanism', async () => {
    const next = await rotate('--grace', '7d');
    await waitFor('the new one', async () => !(await logins.isRefused('PLAIN', next)));
    expect(await logins.all(next)).toEqual(ALL_SENT);
    expect(await logins.all(old)).toEqual(ALL_SENT);
    old = next;
  });

  it('is the only one when the grace is over', async () => {
    const next = await rotate('--grace', '5s');
    await waitFor('the new one', async () => !(await logins.isRefused('PLAIN', next)));
    expect(await logins.one('CRAM-MD5', old)).toEqual({ kind: 'sent' });
    await waitFor('the end of the grace', () => logins.isRefused('PLAIN', old));
    expect(await logins.all(old)).toEqual(ALL_REFUSED);
    expect(await logins.all(next)).toEqual(ALL_SENT);
    old = next;
  });

  it('without a grace is the only one at once', async () => {
    const next = await rotate();
    await waitFor('the refusal of the old one', () => logins.isRefused('PLAIN', old));
    expect(await logins.all(old)).toEqual(ALL_REFUSED);
    expect(await logins.all(next)).toEqual(ALL_SENT);
  });
});

describe.skipIf(skip)('a new sealing key, made while the server runs', () => {
  it('changes nothing for any mechanism, now or after a restart', async () => {
    const account = await addAccount(at, 'sealed');
    expect(await logins.all(account)).toEqual(ALL_SENT);
    const rotated = await at.cli(['key', 'rotate']);
    expect(rotated.code, rotated.stderr).toBe(0);
    expect(await logins.all(account)).toEqual(ALL_SENT);
    await server.stop();
    server = await at.serve();
    expect(await logins.all(account)).toEqual(ALL_SENT);
  });
});
