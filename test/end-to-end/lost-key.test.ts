// The sealing key is lost while accounts depend on it: PLAIN and LOGIN go on, the rest is not offered, and the operator's
// way back needs no restart.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type Account, addAccount, type Installation, install, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { createLogins, type Logins, OFFERED } from './clients/every-mechanism.ts';

const skip = mustSkip('end-to-end lost key', suiteNeeds['end-to-end']);
let at: Installation;
let server: Server;
let logins: Logins;
let account: Account;

beforeAll(async () => {
  if (skip) return;
  at = await install();
  logins = createLogins(at);
  account = await addAccount(at, 'scanner');
  rmSync(join(at.data, 'sealing.key'));
  server = await at.serve();
});

afterAll(async () => at?.remove());

const offered = () => logins.offeredTo(logins.newAddress());

describe.skipIf(skip)('a server without its sealing key', () => {
  it('says so, offers what needs no key, and lets the account in', async () => {
    expect(server.log()).toContainEqual(
      expect.objectContaining({ event: 'key.missing', text: expect.stringContaining('postern key reset') }),
    );
    expect(await offered()).toBe('250-AUTH PLAIN LOGIN');
    for (const mechanism of ['PLAIN', 'LOGIN'] as const)
      expect(await logins.one(mechanism, account)).toEqual({ kind: 'sent' });
  });

  it('offers everything again after "key reset", and each account gains what it lacks at its next login', async () => {
    const reset = await at.cli(['key', 'reset', '--yes']);
    expect(reset.code, reset.stderr).toBe(0);
    await waitFor('all mechanisms', async () => (await offered()) === OFFERED);
    expect(await logins.one('CRAM-MD5', account)).toEqual({ kind: 'refused' });
    expect(await logins.one('PLAIN', account)).toEqual({ kind: 'sent' });
    for (const mechanism of ['CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'] as const)
      await waitFor(mechanism, async () => (await logins.one(mechanism, account)).kind === 'sent');
    expect(server.log().map(({ event }) => event)).toEqual(
      expect.arrayContaining(['key.rotated', 'auth.derived']),
    );
  });
});
