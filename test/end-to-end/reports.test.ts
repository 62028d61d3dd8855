// What people are told of their mail, by a whole server: each report is a message that arrives at a real remote server, at
// the address that it should, once. What must not be said is checked after something later was.

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { simpleParser } from 'mailparser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Remote, type Script, startRemote } from '../relay/remote.ts';
import {
  type Account,
  addAccount,
  addUpstream,
  field,
  type Installation,
  install,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { login, say } from './gate.ts';

type Arrived = Readonly<{ from: string; to: readonly string[]; text: string }>;

const HOUR = 3_600_000;
/** Any other recipient is taken. */
const REFUSED = 'refused@destination.test';
const LATER = 'later@destination.test';

const arrived: Arrived[] = [];
let remote: Remote;
let at: Installation;
let server: Server;
let scanner: Account;
let owned: Account;

beforeAll(async () => {
  remote = await startRemote({ tls: 'none', script: recording() });
  at = await install({ queue: { retry_min: '1s', retry_max: '1s', delay_after: '3s', reports_per_hour: 5 } });
  await addUpstream(at, 'main', { url: `smtp+notls://127.0.0.1:${remote.port}` });
  scanner = await addAccount(at, 'scanner');
  owned = await addAccount(at, 'owned');
  const done = await at.cli(['account', 'set', 'owned', '--owner', 'owner@people.test']);
  expect(done.code, done.stderr).toBe(0);
  server = await at.serve();
});

afterAll(async () => {
  await at?.remove();
  await remote?.close();
});

/** A server that refuses one recipient, puts another off, and keeps what it takes with its envelope. */
function recording(): Script {
  const envelopes = new Map<number, { from: string; to: string[] }>();
  return ({ verb, line, connection }) => {
    const address = /<(.*?)>/.exec(line)?.[1] ?? '';
    if (verb === 'MAIL') envelopes.set(connection, { from: address, to: [] });
    if (verb === 'RCPT' && address === REFUSED) return '550 5.1.1 No such mailbox';
    if (verb === 'RCPT' && address === LATER) return '451 4.2.1 Mailbox busy';
    if (verb === 'RCPT') envelopes.get(connection)?.to.push(address);
    const envelope = envelopes.get(connection);
    if (verb === 'BODY' && envelope) {
      arrived.push({ ...envelope, text: remote.bodies.at(-1)?.toString('latin1') ?? '' });
    }
    return undefined;
  };
}

type Letter = Readonly<{ from: string; to?: string; notify?: string; subject: string; account?: Account }>;

/** Submits a message and returns its id. */
async function send({ from, to = REFUSED, notify, subject, account = scanner }: Letter): Promise<string> {
  const wire = await login({ at, account });
  try {
    await say(wire, `MAIL FROM:<${from}>`, '250');
    await say(wire, `RCPT TO:<${to}>${notify === undefined ? '' : ` NOTIFY=${notify}`}`, '250');
    await say(wire, 'DATA', '354');
    await wire.send(`From: ${from || 'device@device.test'}\r\nSubject: ${subject}\r\n\r\nbody\r\n.\r\n`);
    const [reply = ''] = await wire.reply();
    return /queued as (\w+)/.exec(reply)?.[1] ?? '';
  } finally {
    wire.close();
  }
}

const reportsTo = (address: string) => arrived.filter(({ from, to }) => from === '' && to.includes(address));

const reportTo = (address: string, naming = '') =>
  waitFor(`a report to ${address}`, () => reportsTo(address).find(({ text }) => text.includes(naming)));

/** A failure that is sent later than all before, and its report: what was to be said before has been said then. */
async function afterAnotherReport(name: string): Promise<void> {
  await send({ from: `${name}@marker.test`, subject: name });
  await reportTo(`${name}@marker.test`);
}

async function states(id: string): Promise<readonly unknown[]> {
  const list = await at.json(['queue', 'list', '--all']);
  const found = Array.isArray(list) ? list.find(item => field(item, 'id') === id) : undefined;
  const recipients = field(found, 'recipients');
  return Array.isArray(recipients) ? recipients.map(one => field(one, 'state')) : [];
}

async function done(...args: readonly string[]): Promise<void> {
  const result = await at.cli(args);
  expect(result.code, result.stderr).toBe(0);
}

describe('a message that a remote server refuses', () => {
  it('is reported to its sender, in words, fields and with its header', async () => {
    const id = await send({ from: 'anna@device.test', subject: 'A contract' });
    const report = await reportTo('anna@device.test');
    const mail = await simpleParser(report.text);
    expect(mail.subject).toBe('Not delivered: A contract');
    expect(mail.from?.text).toContain('postmaster@postern.test');
    expect(mail.text).toContain(`To ${REFUSED}:`);
    expect(mail.text).toContain('550 5.1.1 No such mailbox');
    expect(report.text).toContain(
      `Final-Recipient: rfc822; ${REFUSED}\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; [127.0.0.1]\r\n`,
    );
    expect(report.text).toContain('Subject: A contract\r\n');
    expect(server.log().filter(line => line.event === 'report.queued')).toMatchObject([
      { kind: 'failure', forward_path: 'anna@device.test', about: [id] },
    ]);
  });

  it('is reported to the owner of the device where it has one', async () => {
    await send({ from: 'printer@device.test', subject: 'For the owner', account: owned });
    await reportTo('owner@people.test', 'For the owner');
    expect(reportsTo('printer@device.test')).toEqual([]);
  });

  it('is not reported where the client said so', async () => {
    const id = await send({ from: 'quiet@device.test', subject: 'Quiet', notify: 'NEVER' });
    await waitFor('the failure', async () => (await states(id)).includes('failed'));
    await afterAnotherReport('after-never');
    expect(reportsTo('quiet@device.test')).toEqual([]);
  });

  it('from nobody is told to the operator', async () => {
    const id = await send({ from: '', subject: 'From nobody' });
    const alert = await waitFor('the alert', () =>
      server.log().find(line => line.event === 'alert' && line['kind'] === 'mail-failed'),
    );
    expect(alert).toMatchObject({ subject: 'scanner', text: expect.stringContaining(`queue show ${id}`) });
  });

  it('whose report is refused too ends there, and the operator is told', async () => {
    const id = await send({ from: REFUSED, subject: 'To and from nowhere' });
    const reports = await waitFor('the refused report', async () => {
      const list = await at.json(['queue', 'list', '--sender', '<>', '--recipient', REFUSED, '--all']);
      const own = Array.isArray(list) ? list.filter(item => field(item, 'account') === null) : [];
      return JSON.stringify(own).includes('"failed"') ? own : undefined;
    });
    expect(reports).toHaveLength(1);
    expect(await states(id)).toEqual(['failed']);
    const alert = await waitFor('the alert', () =>
      server.log().find(line => line.event === 'alert' && String(line['text']).includes(`queue show ${id}`)),
    );
    expect(alert).toMatchObject({
      kind: 'mail-failed',
      text: expect.stringContaining(`Nor could the report of that to ${REFUSED}: main refused`),
    });
    await afterAnotherReport('after-refusal');
    const list = await at.json(['queue', 'list', '--recipient', REFUSED, '--sender', '<>', '--all']);
    expect(Array.isArray(list) ? list.filter(item => field(item, 'account') === null) : []).toHaveLength(1);
  });
});

describe('a message that was passed on', () => {
  it('is reported where the client asked and the upstream cannot', async () => {
    await send({
      ...{ from: 'asked@device.test', to: 'good@destination.test' },
      ...{ subject: 'Tell me', notify: 'SUCCESS' },
    });
    const { text } = await reportTo('asked@device.test');
    expect(text).toContain('Subject: Passed on: Tell me\r\n');
    expect(text).toContain('Action: relayed\r\nStatus: 2.0.0\r\n');
  });

  it('is not reported where nobody asked', async () => {
    await send({ from: 'silent@device.test', to: 'good@destination.test', subject: 'As usual' });
    await afterAnotherReport('after-success');
    expect(reportsTo('silent@device.test')).toEqual([]);
  });
});

describe('a message that is late', () => {
  it('is reported once, and what an operator gives up is reported too', async () => {
    const id = await send({ from: 'waits@device.test', to: LATER, subject: 'Patience' });
    const { text } = await reportTo('waits@device.test');
    expect(text).toContain('Subject: Late: Patience\r\n');
    expect(text).toContain('Action: delayed\r\nStatus: 4.2.1\r\n');
    await done('queue', 'bounce', id, '--yes');
    await reportTo('waits@device.test', 'Subject: Not delivered: Patience');
    expect(reportsTo('waits@device.test')).toHaveLength(2);
  });

  it('is not reported while its upstream is paused', async () => {
    await done('upstream', 'pause', 'main');
    const id = await send({ from: 'paused@device.test', to: 'good@destination.test', subject: 'Paused' });
    // Longer than the delay, and what the operator gives up is noticed meanwhile: the reporter looked.
    await waitFor('some time', async () => {
      const list = await at.json(['queue', 'list', '--older-than', '5s']);
      return JSON.stringify(list).includes(id);
    });
    expect(await at.json(['queue', 'list', '--sender', '<>', '--recipient', 'paused@device.test'])).toEqual(
      [],
    );
    await done('upstream', 'resume', 'main');
    await waitFor('the message', () => arrived.some(({ text }) => text.includes('Subject: Paused')));
    await afterAnotherReport('after-pause');
    expect(reportsTo('paused@device.test')).toEqual([]);
  });
});

describe('many failures of one sender', () => {
  it('come as a few reports, and then together, each of them once', async () => {
    const ids: string[] = [];
    for (let i = 10; i < 60; i++) ids.push(await send({ from: 'flood@device.test', subject: `Flood ${i}` }));
    await waitFor('all failures', async () => (await states(ids.at(-1) ?? '')).includes('failed'));
    await afterAnotherReport('after-flood');
    const first = reportsTo('flood@device.test').length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(5);
    await server.stop();
    anHourPasses();
    server = await at.serve();
    const named = () =>
      ids.map((_, i) => {
        const naming = new RegExp(`(Not delivered|Subject): (Not delivered: )?Flood ${i + 10}\\b`);
        return reportsTo('flood@device.test').filter(({ text }) => naming.test(text)).length;
      });
    await waitFor('the digest', () => named().every(count => count > 0));
    expect(named()).toEqual(ids.map(() => 1));
    expect(reportsTo('flood@device.test').length).toBeLessThanOrEqual(10);
  });

  /** In the rows that say which reports were sent when. */
  function anHourPasses(): void {
    const database = new Sqlite(join(at.data, 'postern.db'));
    database.prepare(`UPDATE message SET queued_at = queued_at - ? WHERE kind = 'dsn'`).run(HOUR);
    database.close();
  }
});
