// Logins as a session sees them, with everything real behind: accounts, verifier, bans, what is remembered. The addresses
// of the clients are chosen, and waiting costs no time but is noted.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditFact } from '../../server/audit/audit-entry.ts';
import { parseConfig } from '../../server/config/schema.ts';
import type { EventName } from '../../server/events.ts';
import { systemRandom } from '../../server/ids.ts';
import { createLoginGuard, type LoginGuard } from '../../server/login-guard.ts';
import type { Alert } from '../../server/notification/alert.ts';
import { cramDigest, cramState } from '../../server/sasl/cram-state.ts';
import { mechanisms } from '../../server/sasl/mechanisms.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { createObservations, prepareObservations } from '../../server/storage/observations.ts';
import { openDatabases } from '../../server/storage/open-database.ts';
import { createAccountConnections } from '../../server/submission/account-connections.ts';
import type { Verdict } from '../../server/submission/authentication.ts';
import { type ConnectionLogins, createLoginsFor } from '../../server/submission/authenticator.ts';
import { type Bench, openBench } from '../accounts/support.ts';
import { AUTH_MESSAGE, createVerifierBench } from '../accounts/verifier-bench.ts';
import { afterTest } from '../storage/fresh-database.ts';

const PASSWORD = 'Correct-Horse-7!';
const MINUTE = 60_000;

let bench: Bench;
let guard: LoginGuard;
let connect: (address: string) => ConnectionLogins;
let logged: Readonly<{ event: EventName; fields: Readonly<Record<string, unknown>> }>[];
let alerts: Alert[];
let audit: Readonly<{ fact: AuditFact; actor: string }>[];
let waits: number[];
/** Passwords and responses that were looked at. */
let verified: number;
/** Looking at them goes wrong. */
let broken: boolean;
/** How a wait is waited for; in most tests it is over at once. */
let waiting: () => Promise<void>;

beforeEach(async () => {
  bench = await openBench();
  [logged, alerts, audit, waits, verified] = [[], [], [], [], 0];
  waiting = async () => undefined;
  broken = false;
  await bench.accounts.add({ name: 'Printer', password: PASSWORD });
  connect = await open();
});
afterEach(async () => {
  await guard.close();
  await bench.close();
});

async function open(limits: object = {}): Promise<typeof connect> {
  const config = parseConfig({ limits });
  if (config.kind !== 'valid') throw new Error('the configuration is wrong');
  const [file] = await openDatabases({
    files: [
      { path: prepareObservations(join(bench.folder, 'observations.db'), true).path, durability: 'relaxed' },
    ],
    onFatal: text => {
      throw new Error(text);
    },
  });
  if (file === undefined) throw new Error('not opened');
  afterTest(() => file.close());
  const { verifier } = createVerifierBench(bench);
  guard = await createLoginGuard({
    config: config.value,
    store: {
      database: bench.database,
      lastingKey: bench.lastingKey,
      observations: await createObservations(file),
    },
    accounts: bench.accounts,
    clock: bench.clock,
    random: systemRandom,
    log: (event, fields) => logged.push({ event, fields: { ...fields } }),
    raise: alert => alerts.push(alert),
    record: (fact, actor) => audit.push({ fact, actor }),
  });
  const loginsFor = createLoginsFor({
    ...guard,
    verifier: {
      ...verifier,
      verify: (credentials, client) => {
        verified += 1;
        if (broken) return Promise.reject(new Error('the disk is gone'));
        return verifier.verify(credentials, client);
      },
    },
    connections: createAccountConnections(config.value.limits.connections_per_account),
    standing: bench.accounts.standing,
    sending: { message: () => null, recipients: () => null },
    exchange: { cramChallenge: () => '<1@x>', scramNonce: () => 'nonce', scramSalt: verifier.scramSalt },
    available: () => true,
    wait: duration => {
      waits.push(duration);
      return waiting();
    },
  });
  return text => {
    const address = parseClientAddress(text);
    if (address === null) throw new Error(`${text} is no address`);
    return loginsFor({ session: 's', address, mechanisms, channelBinding: () => null });
  };
}

const login = (at: string | ConnectionLogins, name: string, password: string): Promise<Verdict> =>
  (typeof at === 'string' ? connect(at) : at).authenticate('PLAIN', {
    kind: 'password',
    name: Buffer.from(name),
    password: Buffer.from(password),
  });

/** CRAM-MD5, without a password with a digest that is right for nobody. */
const cram = (at: string, name: string, password?: string): Promise<Verdict> => {
  const challenge = Buffer.from('<1@x>');
  const digest =
    password === undefined ? Buffer.alloc(16) : cramDigest(cramState(Buffer.from(password)), challenge);
  return connect(at).authenticate('CRAM-MD5', {
    kind: 'cram-md5',
    name: Buffer.from(name),
    challenge,
    digest,
  });
};

/** Wrong credentials of any mechanism. */
const attempt = (at: string, mechanism: string, name: string): Promise<Verdict> => {
  if (mechanism === 'CRAM-MD5') return cram(at, name);
  if (!mechanism.startsWith('SCRAM')) return login(at, name, 'x');
  return connect(at).authenticate(mechanism, {
    kind: 'scram-sha-256',
    name: Buffer.from(name),
    authMessage: AUTH_MESSAGE,
    proof: Buffer.alloc(32),
    intact: true,
  });
};

async function guess(at: string, name: string, count: number): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (let n = 0; n < count; n++) verdicts.push(await login(at, name, `guess ${n}`));
  return verdicts;
}

const kinds = () => alerts.map(({ kind, subject }) => `${kind}: ${subject}`);
const events = (event: EventName) => logged.filter(line => line.event === event).map(({ fields }) => fields);

describe('whatever is wrong', () => {
  it('the verdict, the delay and the level of the log are the same', async () => {
    await bench.accounts.add({ name: 'off', password: PASSWORD });
    await bench.accounts.disable('off');
    await bench.accounts.add({ name: 'old', password: PASSWORD, expiresAt: bench.clock.now() - 1 });
    await bench.accounts.add({ name: 'far', password: PASSWORD, networks: ['10.0.0.0/8'] });
    await bench.accounts.add({ name: 'narrow', password: PASSWORD, mechanisms: ['SCRAM-SHA-256'] });
    await bench.accounts.add({ name: 'weak', password: 'scan' });
    const cases: readonly (readonly [string, (at: string) => Promise<Verdict>])[] = [
      ['unknown-account', at => login(at, 'nobody', PASSWORD)],
      ['wrong-password', at => login(at, 'printer', 'wrong')],
      ['disabled', at => login(at, 'off', PASSWORD)],
      ['expired', at => login(at, 'old', PASSWORD)],
      ['wrong-network', at => login(at, 'far', PASSWORD)],
      ['mechanism-refused', at => login(at, 'narrow', PASSWORD)],
      ['lacks-secret', at => cram(at, 'weak')],
      ['no-credentials', at => connect(at).authenticate('PLAIN', null)],
    ];
    for (const [index, [reason, attempt]] of cases.entries()) {
      const at = `192.168.1.${index + 1}`;
      // After two others, so that there is a delay.
      await guess(at, 'somebody', 2);
      waits = [];
      expect(await attempt(at), reason).toEqual({ kind: 'refused' });
      expect(waits, reason).toEqual([2000]);
      expect(logged.at(-1), reason).toMatchObject({ event: 'auth.failed', fields: { reason } });
    }
    expect(JSON.stringify([logged, audit, alerts])).not.toMatch(/somebody|nobody/);
  });
});

describe('bans', () => {
  it('are told without a word about the account, and nobody looks at the password then', async () => {
    await guess('192.168.1.20', 'printer', 20);
    await guess('192.168.1.21', 'no such name', 20);
    const reply = {
      code: 454,
      enhanced: '4.7.0',
      text: 'Too many failed logins with this name from your address, try again in 5 minutes',
    };
    for (const [at, name, password] of [
      ['192.168.1.20', 'printer', PASSWORD],
      ['192.168.1.21', 'no such name', PASSWORD],
    ] as const) {
      expect(await login(at, name, password)).toMatchObject({ kind: 'not-now', reply });
    }
    expect(await login('192.168.1.22', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
    bench.clock.move(5 * MINUTE);
    expect(await login('192.168.1.20', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });

  it('of the whole address end the sessions that it has already', async () => {
    const before = connect('192.168.1.20');
    for (let n = 0; n < 50; n++) await login('192.168.1.20', `name ${n}`, 'x');
    expect(await login(before, 'printer', PASSWORD)).toEqual({ kind: 'hang-up' });
    expect(kinds()).toContain('banned: 192.168.1.20');
  });

  it('are logged, audited and alerted once, with the account only if it exists', async () => {
    await guess('192.168.1.20', 'printer', 20);
    await guess('192.168.1.21', 'no such name', 20);
    expect(events('auth.banned')).toMatchObject([
      { address: '192.168.1.20', account: 'Printer', failures: 20 },
      { address: '192.168.1.21', failures: 20 },
    ]);
    expect(audit.filter(({ fact }) => fact.action === 'ban.made').map(({ fact }) => fact)).toMatchObject([
      { object: '192.168.1.20', detail: 'Printer, for 5 minutes, after 20 different failed logins' },
      {
        object: '192.168.1.21',
        detail: 'a name that is no account, for 5 minutes, after 20 different failed logins',
      },
    ]);
    const [first] = alerts.filter(({ kind }) => kind === 'banned');
    expect(first?.text).toBe(
      'Printer, from 192.168.1.20, was banned for 5 minutes after 20 different failed logins. If it is a device of yours, correct its login and lift the ban with: postern ban lift 192.168.1.20',
    );
    const attempts = events('auth.failed').length;
    for (let n = 0; n < 100; n++) await login('192.168.1.20', 'printer', PASSWORD);
    expect(events('auth.failed').length).toBe(attempts + 1);
  });

  it('never hit a device that goes on with its old password; it is only slowed down', async () => {
    expect(await login('192.168.1.20', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
    await bench.accounts.setPassword('printer', 'Another-Horse-8!');
    for (let n = 0; n < 300; n++)
      expect(await login('192.168.1.20', 'printer', PASSWORD)).toEqual({ kind: 'refused' });
    expect(waits.slice(0, 5)).toEqual([1000, 2000, 4000, 8000, 8000]);
    expect(events('auth.banned')).toEqual([]);
    expect(await login('192.168.1.20', 'printer', 'Another-Horse-8!')).toMatchObject({ kind: 'verified' });
  });
});

describe('logins all at once', () => {
  const NAMES = ['printer', 'no such name'];
  const together = (count: number, act: (n: number) => Promise<Verdict>) =>
    Promise.all(Array.from({ length: count }, (_, n) => act(n)));
  const counted = (verdicts: readonly Verdict[], kind: Verdict['kind']) =>
    verdicts.filter(verdict => verdict.kind === kind).length;

  it.each(NAMES)('are no more guesses than one after the other: %s', async name => {
    const verdicts = await together(400, () => cram('192.168.1.20', name));
    expect(verified).toBe(20);
    expect([counted(verdicts, 'refused'), counted(verdicts, 'not-now')]).toEqual([20, 380]);
    expect(events('auth.banned')).toHaveLength(1);
    // One ban, of the first level.
    expect(await cram('192.168.1.20', name)).toMatchObject({
      reply: { text: expect.stringContaining('in 5 minutes') },
    });
  });

  it('are no more of them with many names, or from many addresses', async () => {
    await together(400, n => cram('192.168.1.20', `name ${n}`));
    expect(verified).toBe(50);
    verified = 0;
    await together(400, n => cram(`192.168.2.${n % 250}`, 'printer'));
    expect(verified).toBe(100);
  });

  it('are all let in where they are right, by whatever mechanism', async () => {
    connect = await open({ connections_per_account: 1000 });
    const byCram = await together(100, () => cram('192.168.1.20', 'printer', PASSWORD));
    expect(counted(byCram, 'verified')).toBe(100);
    const byPlain = await together(100, () => login('192.168.1.21', 'printer', PASSWORD));
    expect(counted(byPlain, 'verified')).toBe(100);
    expect(events('auth.failed')).toEqual([]);
  });

  it('are all let in on loopback, among any number of wrong ones', async () => {
    connect = await open({ connections_per_account: 1000 });
    const both = await together(200, n => cram('127.0.0.1', 'printer', n % 2 === 0 ? undefined : PASSWORD));
    expect([counted(both, 'verified'), counted(both, 'not-now')]).toEqual([100, 0]);
    expect(verified).toBe(200);
  });

  it('with one wrong password are one failure', async () => {
    const verdicts = await together(100, () => login('192.168.1.20', 'printer', 'the old password'));
    expect(counted(verdicts, 'refused')).toBe(100);
    expect(events('auth.banned')).toEqual([]);
  });

  it('make room for others also when looking at them goes wrong', async () => {
    broken = true;
    const first = await Promise.allSettled(Array.from({ length: 30 }, () => cram('192.168.1.20', 'printer')));
    expect(first.every(({ status }) => status === 'rejected')).toBe(true);
    broken = false;
    expect(await login('192.168.1.20', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });

  it('wait for their turn no longer than their client stays', async () => {
    const before = Array.from({ length: 20 }, () => cram('192.168.1.20', 'printer', PASSWORD));
    const late = connect('192.168.1.20');
    const left = login(late, 'printer', PASSWORD);
    late.ended();
    expect(await left).toEqual({ kind: 'busy' });
    await Promise.all(before);
    expect(verified).toBe(20);
    expect(await login('192.168.1.20', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });
});

describe('a client that has no credentials', () => {
  it('is slowed down, but its address is not banned', async () => {
    for (let n = 0; n < 100; n++) await connect('192.168.1.20').authenticate('PLAIN', null);
    expect(waits.at(-1)).toBe(8000);
    expect(events('auth.banned')).toEqual([]);
    expect(await login('192.168.1.20', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });
});

describe('an answer that is held back', () => {
  it('holds its place no longer than its client stays', async () => {
    waiting = () => new Promise(() => undefined);
    for (let n = 0; n < 300; n++) {
      const connection = connect('192.168.1.20');
      const answer = login(connection, 'printer', 'the old password');
      while (waits.length < n && verified <= n) await new Promise(setImmediate);
      connection.ended();
      expect(await answer).toEqual({ kind: 'refused' });
    }
  });
});

describe('the log of failed logins', () => {
  it('has the first at once, then one line a minute that counts, for each client, name and reason', async () => {
    for (let n = 0; n < 10; n++) await login('192.168.1.20', 'printer', 'the old password');
    await login('192.168.1.20', 'somebody', 'x');
    await login('192.168.1.21', 'printer', 'x');
    await cram('192.168.1.20', 'printer');
    const line = { account: 'Printer', reason: 'wrong-password', address: '192.168.1.20', count: 1 };
    expect(events('auth.failed')).toMatchObject([
      { ...line, mechanism: 'PLAIN' },
      { address: '192.168.1.20', reason: 'unknown-account', count: 1 },
      { ...line, address: '192.168.1.21' },
      { ...line, mechanism: 'CRAM-MD5' },
    ]);
    bench.clock.move(MINUTE);
    await login('192.168.1.20', 'printer', 'the old password');
    expect(events('auth.failed').at(-1)).toMatchObject({ ...line, count: 10 });
  });
});

describe('alerts', () => {
  it('tell of a new address, but not of the first one ever', async () => {
    await login('192.168.1.20', 'printer', PASSWORD);
    await login('192.168.1.20', 'printer', PASSWORD);
    expect(alerts).toEqual([]);
    await login('192.168.1.30', 'printer', PASSWORD);
    await login('192.168.1.30', 'printer', PASSWORD);
    expect(kinds()).toEqual(['new-address: Printer from 192.168.1.30']);
    expect(audit).toEqual([
      {
        fact: { action: 'login.new-address', object: 'Printer', address: '192.168.1.30' },
        actor: 'account:Printer',
      },
    ]);
  });

  it('tell of an account whose logins fail again and again: five different ones, or ten in all', async () => {
    await guess('192.168.1.20', 'printer', 4);
    expect(alerts).toEqual([]);
    await login('192.168.1.20', 'printer', 'guess 4');
    expect(kinds()).toEqual(['repeated-failures: Printer from 192.168.1.20']);
    alerts = [];
    await login('192.168.1.30', 'printer', PASSWORD);
    alerts = [];
    for (let n = 0; n < 10; n++) await login('192.168.1.30', 'printer', 'the old one');
    expect(kinds()).toEqual(['repeated-failures: Printer from 192.168.1.30']);
    expect(alerts[0]?.text).toContain('It probably has an old password');
  });

  it('tell of an address that tries names that are none, and never the names', async () => {
    for (let n = 0; n < 4; n++) await login('192.168.1.20', `Name-${n}`, 'x');
    await guess('192.168.1.20', 'Name-0', 10);
    expect(alerts).toEqual([]);
    await login('192.168.1.20', 'Name-4', 'x');
    expect(kinds()).toEqual(['unknown-accounts: 192.168.1.20']);
    expect(JSON.stringify([alerts, audit, logged])).not.toContain('Name-');
  });

  it('tell of a name that is guessed at from many addresses', async () => {
    await login('192.168.1.20', 'printer', PASSWORD);
    for (let n = 1; n <= 100; n++) await login(`192.168.2.${n}`, 'printer', `guess ${n}`);
    alerts = [];
    expect(await login('192.168.3.1', 'printer', PASSWORD)).toMatchObject({ kind: 'not-now' });
    expect(kinds()).toEqual(['repeated-failures: Printer']);
    expect(await login('192.168.1.20', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });

  it('tell of a password sent in clear, once a minute in the log, with the account only if it exists', async () => {
    const exposed = (at: string, name: string | null) =>
      connect(at).exposed({ mechanism: 'PLAIN', name: name === null ? null : Buffer.from(name) });
    for (let n = 0; n < 3; n++) exposed('192.168.1.20', 'PRINTER');
    for (const name of ['secret in the wrong field', null]) exposed('192.168.1.21', name);
    expect(events('auth.exposed')).toEqual([
      { session: 's', address: '192.168.1.20', account: 'Printer', mechanism: 'PLAIN', count: 1 },
      { session: 's', address: '192.168.1.21', mechanism: 'PLAIN', count: 1 },
    ]);
    bench.clock.move(MINUTE);
    exposed('192.168.1.20', 'printer');
    expect(events('auth.exposed').at(-1)).toMatchObject({ count: 3 });
    expect(alerts[0]?.text).toBe(
      'A password was sent for Printer without encryption from 192.168.1.20. If it was the right one, whoever listens there has it. Switch TLS on in the device, then give it a new password with: postern account password Printer',
    );
    expect(kinds()[3]).toBe('password-exposed: 192.168.1.21');
    expect(JSON.stringify([alerts, logged])).not.toContain('wrong field');
  });
});

describe('a mechanism that an account lacks', () => {
  const offered = (at: string) =>
    connect(at)
      .offered()
      .map(({ name }) => name);

  it('is not offered to that address until the account has it', async () => {
    await bench.accounts.add({ name: 'weak', password: 'scan' });
    expect(offered('192.168.1.20')).toContain('CRAM-MD5');
    expect(await cram('192.168.1.20', 'weak')).toEqual({ kind: 'refused' });
    expect(offered('192.168.1.20')).not.toContain('CRAM-MD5');
    expect(offered('192.168.1.20')).toContain('PLAIN');
    expect(offered('192.168.1.21')).toContain('CRAM-MD5');
    expect(connect('192.168.1.20').accepted()).toEqual(mechanisms);
    expect(await login('192.168.1.20', 'weak', 'scan')).toMatchObject({ kind: 'verified' });
    expect(offered('192.168.1.20')).not.toContain('CRAM-MD5');
    await bench.accounts.setPassword('weak', null);
    expect(offered('192.168.1.20')).toContain('CRAM-MD5');
  });
});

describe('what EHLO leaves out after failures', () => {
  it('is for every account also what it is for names that are none', async () => {
    await bench.accounts.add({ name: 'weak', password: 'scan' });
    await bench.accounts.add({ name: 'veteran', password: PASSWORD });
    await bench.database.commit([
      {
        sql: 'DELETE FROM derived_secret WHERE account_id = (SELECT id FROM account WHERE name = ?)',
        params: ['veteran'],
      },
    ]);
    await bench.accounts.set('printer', { addAliases: ['copier'] });
    await bench.accounts.set('weak', { addAliases: ['thin'] });
    let addresses = 0;
    /** What is left out after each mechanism, at an address of its own. */
    const lacks = async (name: string) => {
      const seen = [];
      for (const { name: mechanism } of mechanisms) {
        addresses += 1;
        const at = `10.0.${addresses >> 8}.${addresses & 255}`;
        await attempt(at, mechanism, name);
        const listed = connect(at).offered();
        seen.push(mechanisms.filter(one => !listed.includes(one)).map(one => one.name));
      }
      return JSON.stringify(seen);
    };
    const real = new Set<string>();
    for (const name of ['printer', 'copier', 'weak', 'thin', 'veteran']) real.add(await lacks(name));
    expect(real.size).toBe(4);
    const pretended = new Set<string>();
    for (let n = 0; n < 200; n++) pretended.add(await lacks(`nobody ${n}`));
    expect(pretended).toEqual(real);
  });
});

describe('connections of one account', () => {
  it('are no failed logins when there are too many', async () => {
    connect = await open({ connections_per_account: 1 });
    const one = connect('192.168.1.1');
    await login(one, 'printer', PASSWORD);
    for (let n = 0; n < 60; n++)
      expect(await cram('192.168.1.2', 'printer', PASSWORD)).toMatchObject({ kind: 'not-now' });
    expect(waits).toEqual([]);
    expect([...events('auth.banned'), ...audit.filter(({ fact }) => fact.action === 'login.failed')]).toEqual(
      [],
    );
    one.ended();
    expect(await login('192.168.1.2', 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });

  it('are limited at the login, and counted out at their end', async () => {
    connect = await open({ connections_per_account: 2 });
    const [one, two, three] = [1, 2, 3].map(n => connect(`192.168.1.${n}`));
    if (!one || !two || !three) throw new Error('no connections');
    expect(await login(one, 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
    expect(await login(two, 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
    expect(await login(three, 'printer', PASSWORD)).toMatchObject({ kind: 'not-now', reply: { code: 454 } });
    one.ended();
    expect(await login(three, 'printer', PASSWORD)).toMatchObject({ kind: 'verified' });
  });
});

describe('probes', () => {
  it('are one line an hour for each client', () => {
    for (let n = 0; n < 60; n++) connect('192.168.1.20').probed();
    bench.clock.move(60 * MINUTE);
    connect('192.168.1.20').probed();
    expect(events('auth.probed')).toMatchObject([{ count: 1 }, { count: 60 }]);
  });

  it('are only connections on which no login was tried', async () => {
    const connection = connect('192.168.1.20');
    expect(connection.tried()).toBe(false);
    await login(connection, 'printer', 'wrong');
    expect(connection.tried()).toBe(true);
  });
});
