// What accounts and listeners change about mechanisms, as clients see it: which logins succeed, and what EHLO offers.

import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import {
  type Account,
  addAccount,
  field,
  type Installation,
  install,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { ALL_REFUSED, ALL_SENT, createLogins, type Logins, OFFERED } from './clients/every-mechanism.ts';
import { plainToken, say } from './gate.ts';

const skip = mustSkip('end-to-end mechanisms', suiteNeeds['end-to-end']);
let at: Installation;
let server: Server;
let logins: Logins;
/** `narrow` is a listener with fewer mechanisms. */
let ports: Readonly<{ implicit: number; narrow: number }>;

beforeAll(async () => {
  if (skip) return;
  ports = { implicit: await freePort(), narrow: await freePort() };
  const address = '127.0.0.1';
  at = await install({
    listeners: [
      { port: ports.implicit, address, tls: 'implicit' },
      { port: ports.narrow, address, tls: 'implicit', mechanisms: ['PLAIN', 'SCRAM-SHA-256'] },
    ],
  });
  logins = createLogins(at, ports.implicit);
  server = await at.serve();
});

afterAll(async () => at?.remove());

async function done(args: readonly string[], stdin = ''): Promise<void> {
  const result = await at.cli(args, { stdin });
  expect(result.code, result.stderr).toBe(0);
}

describe.skipIf(skip)('an account', () => {
  it('that is narrowed to a mechanism logs in with that one only', async () => {
    const account = await addAccount(at, 'narrowed');
    expect(await logins.all(account)).toEqual(ALL_SENT);
    await done(['account', 'set', account.name, '--mechanisms', 'SCRAM-SHA-256']);
    await waitFor('the refusal', () => logins.isRefused('PLAIN', account));
    expect(await logins.all(account)).toEqual({ ...ALL_REFUSED, 'SCRAM-SHA-256': { kind: 'sent' } });
    // The list offered says nothing about accounts.
    expect(await logins.offeredTo(logins.newAddress())).toBe(OFFERED);
    await done(['account', 'set', account.name, '--mechanisms', '*']);
    await waitFor('the login', async () => !(await logins.isRefused('PLAIN', account)));
    expect(await logins.all(account)).toEqual(ALL_SENT);
  });
});

describe.skipIf(skip)('a listener with fewer mechanisms', () => {
  it('offers only those, and answers others with 504 as if it had never heard of them', async () => {
    const account = await addAccount(at, 'elsewhere');
    const wire = await logins.connect(ports.narrow);
    const reply = await say(wire, 'EHLO device.example', '250');
    expect(reply).toContain('250-AUTH PLAIN SCRAM-SHA-256');
    const told = await Promise.all(
      ['LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256-PLUS', 'NEVER-HEARD-OF'].map(async mechanism => {
        const own = await logins.connect(ports.narrow);
        const answer = await say(own, `AUTH ${mechanism}`, '504');
        own.close();
        return answer;
      }),
    );
    expect(new Set(told.flat()).size).toBe(1);
    await say(wire, 'AUTH CRAM-MD5', '504');
    await say(wire, `AUTH PLAIN ${plainToken(account)}`, '235');
    wire.close();
  });
});

describe.skipIf(skip)('a weak password that a person chose', () => {
  const weak: Account = { name: 'old-copier', password: 'copier1' };
  let device: string;

  it('does not log in by CRAM-MD5, and by everything else', async () => {
    const added = await at.cli(['account', 'add', weak.name, '--password-stdin'], {
      stdin: `${weak.password}\n`,
    });
    expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('CRAM-MD5') });
    expect(await logins.all(weak)).toEqual({ ...ALL_SENT, 'CRAM-MD5': { kind: 'refused' } });
  });

  it('does not keep smtplib out, which tries CRAM-MD5 first and then PLAIN', async () => {
    expect(await logins.bySmtplib(weak, logins.newAddress())).toEqual({ kind: 'sent' });
  });

  it('takes CRAM-MD5 from the offer to an address that failed with it, and from no other', async () => {
    device = logins.newAddress();
    expect(await logins.one('CRAM-MD5', weak, device)).toEqual({ kind: 'refused' });
    expect(await logins.offeredTo(device)).toBe(OFFERED.replace(' CRAM-MD5', ''));
    expect(await logins.offeredTo(logins.newAddress())).toBe(OFFERED);
    expect(await logins.one('PLAIN', weak, device)).toEqual({ kind: 'sent' });
  });

  it('takes it from no other device there: who uses it all the same gets in, and has it listed again', async () => {
    const gateway = logins.newAddress();
    const other = await addAccount(at, 'other-device');
    expect(await logins.one('CRAM-MD5', weak, gateway)).toEqual({ kind: 'refused' });
    expect(await logins.offeredTo(gateway)).toBe(OFFERED.replace(' CRAM-MD5', ''));
    const wire = await logins.connect(ports.implicit, gateway);
    await say(wire, 'EHLO device.example', '250');
    const [challenge = ''] = await say(wire, 'AUTH CRAM-MD5', '334');
    const octets = Buffer.from(challenge.slice(4), 'base64');
    const digest = createHmac('md5', other.password).update(octets).digest('hex');
    await say(wire, Buffer.from(`${other.name} ${digest}`).toString('base64'), '235');
    wire.close();
    expect(await logins.offeredTo(gateway)).toBe(OFFERED);
  });

  it('has it listed again once the operator lifts what holds at that address', async () => {
    const address = logins.newAddress();
    expect(await logins.one('CRAM-MD5', weak, address)).toEqual({ kind: 'refused' });
    expect(await logins.offeredTo(address)).toBe(OFFERED.replace(' CRAM-MD5', ''));
    // The server writes what it has seen every few seconds.
    await waitFor('the command', async () => (await at.cli(['ban', 'lift', address])).code === 0);
    await waitFor('the list', async () => (await logins.offeredTo(address)) === OFFERED);
  });

  it('is shown with what it lacks', async () => {
    const list = await at.json(['account', 'list']);
    const shown = Array.isArray(list) ? list.find(item => field(item, 'name') === weak.name) : undefined;
    expect(JSON.stringify(field(shown, 'lacks'))).toContain('CRAM-MD5');
  });

  it('logs in by CRAM-MD5 too with --allow-weak-derived, and is offered it again', async () => {
    const args = ['account', 'password', weak.name, '--password-stdin', '--allow-weak-derived'];
    await done(args, `${weak.password}\n`);
    await waitFor('the login', async () => !(await logins.isRefused('CRAM-MD5', weak)));
    expect(await logins.all(weak)).toEqual(ALL_SENT);
    expect(await logins.offeredTo(device)).toBe(OFFERED);
  });
});

describe.skipIf(skip)('an account from before CRAM-MD5 and SCRAM were known', () => {
  let account: Account;
  let device: string;

  beforeAll(async () => {
    account = await addAccount(at, 'veteran');
    forgetDerived(account.name);
    await waitFor('the server to notice', () => logins.isRefused('CRAM-MD5', account));
  });

  it('is refused with them, and no longer offered CRAM-MD5 and SCRAM where it tried them', async () => {
    device = logins.newAddress();
    expect(await logins.one('CRAM-MD5', account, device)).toEqual({ kind: 'refused' });
    expect(await logins.one('SCRAM-SHA-256', account, device)).toEqual({ kind: 'refused' });
    expect(await logins.offeredTo(device)).toBe('250-AUTH PLAIN LOGIN');
  });

  it('gains them by a login that sends the password, and is offered them again', async () => {
    expect(await logins.one('PLAIN', account)).toEqual({ kind: 'sent' });
    await waitFor('the secrets', () =>
      server.log().some(line => line.event === 'auth.derived' && line['account'] === account.name),
    );
    expect(await logins.all(account)).toEqual(ALL_SENT);
    expect(await logins.offeredTo(device)).toBe(OFFERED);
  });
});

/** What a database looks like that was made before these mechanisms: the argon2 hash, and nothing else, not judged yet. */
function forgetDerived(name: string): void {
  const database = new Sqlite(join(at.data, 'postern.db'), { timeout: 5000 });
  const version = 'account_id = (SELECT id FROM account WHERE name = ?)';
  database.prepare(`DELETE FROM derived_secret WHERE ${version}`).run(name);
  database
    .prepare(`UPDATE credential SET made_by = 'unknown', withholds_cram = NULL WHERE ${version}`)
    .run(name);
  database.close();
}
