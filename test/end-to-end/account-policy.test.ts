// What an account may do, set on the command line while the server runs and asked from outside: senders, recipients,
// networks, expiry, sizes, sending limits and the share of the queue. Nothing is relayed: no upstream is there to take it.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, addAccount, type Installation, install, type Server } from '../support/postern.ts';
import { openWire, type Wire } from '../support/wire.ts';

/** A change by the command line takes effect within a second. */
const TAKES_EFFECT = 1_000;
const MESSAGE = 'Subject: a scan\r\n\r\nhello\r\n';

let at: Installation;
let server: Server;
let count = 0;

beforeAll(async () => {
  at = await install();
  // The first command makes data folder, key and CA.
  await addAccount(at, 'first');
  server = await at.serve();
});
afterAll(() => at.remove());

/** A new account with these settings, ready to log in. */
async function accountWith(...settings: readonly string[]): Promise<Account> {
  const account = await addAccount(at, `device${count++}`);
  if (settings.length > 0) await set(account, ...settings);
  return account;
}

async function set(account: Account, ...settings: readonly string[]): Promise<void> {
  const done = await at.cli(['account', 'set', account.name, ...settings]);
  if (done.code !== 0) throw new Error(done.stderr);
  await sleep(TAKES_EFFECT);
}

async function connect(from = '127.0.0.1'): Promise<Wire> {
  const ca = readFileSync(at.ca, 'utf8');
  const wire = await openWire({ port: at.ports.implicit, ca, implicitTls: true, from, timeout: 60_000 });
  await wire.reply();
  await say(wire, 'EHLO device');
  return wire;
}

const auth = ({ name, password }: Account) =>
  `AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString('base64')}`;

/** The reply to a line, without the line end. */
async function say(wire: Wire, line: string): Promise<string> {
  await wire.send(`${line}\r\n`);
  return (await wire.reply()).join('\n');
}

/** The replies to each of the lines in one session, up to the first refusal. The data are said after a 354. */
async function dialogue(account: Account, lines: readonly string[], data = MESSAGE): Promise<string> {
  const wire = await connect();
  try {
    let reply = '';
    for (const line of [auth(account), ...lines]) {
      reply = await say(wire, line);
      if (/^[45]/.test(reply)) return reply;
    }
    return reply.startsWith('354') ? await say(wire, `${data}.`) : reply;
  } finally {
    wire.close();
  }
}

type Message = Readonly<{ from?: string; to?: readonly string[]; data?: string; size?: number }>;

function submit(
  account: Account,
  { from = 'scan@example.com', to, data, size }: Message = {},
): Promise<string> {
  const parameters = size === undefined ? '' : ` SIZE=${size}`;
  const recipients = (to ?? ['office@example.org']).map(address => `RCPT TO:<${address}>`);
  return dialogue(account, [`MAIL FROM:<${from}>${parameters}`, ...recipients, 'DATA'], data);
}

const QUEUED = /^250 2\.0\.0 Ok: queued as /;

/** Reply and reason of each refusal that the log has for the account. The log is written a moment after the reply. */
function refusals(account: Account): readonly string[] {
  return server
    .log()
    .filter(line => line.event === 'message.refused' && line['account'] === account.name)
    .map(line => `${String(line['reply']).slice(0, 9)} ${line['reason']}`);
}

describe('an account may be held to', () => {
  it('senders: addresses, domains and sub-domains, in reverse-path and header, and always its own', async () => {
    const account = await accountWith(
      ...['--sender', 'own@example.com', '--senders', 'scan@example.com,@printers.example,@*.lan.example'],
    );
    const senders = ['own@example.com', 'SCAN@example.com', 'x@printers.example', 'y@floor2.lan.example', ''];
    for (const from of senders) expect(await submit(account, { from })).toMatch(QUEUED);
    expect(await submit(account, { from: 'ceo@example.com' })).toBe(
      '550 5.7.1 This account may not send as <ceo@example.com>',
    );
    expect(await submit(account, { data: `From: Scanner <scan@example.com>\r\n${MESSAGE}` })).toMatch(QUEUED);
    expect(await submit(account, { data: `From: "Boss" <ceo@example.com>\r\n${MESSAGE}` })).toBe(
      '550 5.7.1 This account may not send as <ceo@example.com>, named in the From header',
    );
    expect(await submit(account, { data: `From: Scanner\r\n${MESSAGE}` })).toMatch(
      /^550 5\.7\.1 The From header has a name, or an address without its domain, .*; write it as "Name" <address>$/,
    );
    await expect
      .poll(() => refusals(account))
      .toEqual(['550 5.7.1 senders', '550 5.7.1 senders', '550 5.7.1 senders']);
  });

  it('senders, and others allowed all the same', async () => {
    const account = await accountWith('--senders', 'scan@example.com', '--other-senders', 'allow');
    const data = `From: ceo@example.com\r\n${MESSAGE}`;
    expect(await submit(account, { from: 'ceo@example.com', data })).toMatch(QUEUED);
  });

  it('recipients', async () => {
    const account = await accountWith('--recipients', 'office@example.org,@example.net');
    expect(await submit(account, { to: ['Office@example.org', 'anybody@example.net'] })).toMatch(QUEUED);
    expect(await submit(account, { to: ['office@example.org', 'x@example.org'] })).toBe(
      '550 5.7.1 This account may not send to <x@example.org>',
    );
    await expect.poll(() => refusals(account)).toEqual(['550 5.7.1 recipients']);
  });

  it('networks', async () => {
    const account = await accountWith('--networks', '127.0.9.0/24');
    for (const [from, reply] of [
      ['127.0.9.7', '235 2.7.0 Authentication successful'],
      ['127.0.0.1', '535 5.7.8 Authentication credentials invalid'],
    ] as const) {
      const wire = await connect(from);
      expect(await say(wire, auth(account))).toBe(reply);
      wire.close();
    }
  });

  it('an expiry date, in the middle of a session too', async () => {
    const account = await accountWith();
    const wire = await connect();
    expect(await say(wire, auth(account))).toMatch(/^235/);
    expect(await say(wire, 'MAIL FROM:<scan@example.com>')).toMatch(/^250/);
    await say(wire, 'RSET');
    await set(account, '--expires', new Date(Date.now() + 500).toISOString());
    expect(await say(wire, 'MAIL FROM:<scan@example.com>')).toMatch(/^530 5\.7\.0/);
    wire.close();
    expect(await dialogue(account, [])).toBe('535 5.7.8 Authentication credentials invalid');
  });

  it('recipients of a message, and its size, declared or not', async () => {
    const account = await accountWith('--recipients-per-message', '2', '--message-size', '100000');
    const to = ['a@example.org', 'b@example.org', 'c@example.org'];
    expect(await submit(account, { to: to.slice(1) })).toMatch(QUEUED);
    expect(await submit(account, { to })).toBe('452 4.5.3 Too many recipients, at most 2');
    const tooLarge = '552 5.3.4 Message too large, this account may send at most 100000 octets';
    expect(await submit(account, { size: 100_001 })).toBe(tooLarge);
    expect(await submit(account, { data: `${MESSAGE}${`${'x'.repeat(98)}\r\n`.repeat(1_100)}` })).toBe(
      tooLarge,
    );
    await expect
      .poll(() => refusals(account))
      .toEqual(['452 4.5.3 recipients-per-message', '552 5.3.4 message-size', '552 5.3.4 message-size']);
  });
});

describe('limits of what an account sends', () => {
  it.each([
    ['--per-minute', 'a minute', /try again in \d+ seconds$/],
    ['--per-hour', 'an hour', /try again in (60|59|58) minutes$/],
    ['--per-day', 'a day', /try again in 24 hours, at \d\d:\d\d UTC$/],
  ])('%s: exactly as many of 24 sessions at once, and it is said when', async (option, period, when) => {
    const account = await accountWith(option, '3');
    const replies = await Promise.all(Array.from({ length: 24 }, () => submit(account)));
    expect(replies.filter(reply => QUEUED.test(reply))).toHaveLength(3);
    const refused = replies.filter(reply => !QUEUED.test(reply));
    for (const reply of refused) {
      expect(reply).toContain(`450 4.7.1 This account may send 3 messages ${period}; `);
      expect(reply).toMatch(when);
    }
    // Said once a minute, for whoever looks why; the others are counted.
    await expect.poll(() => refusals(account)).toEqual([`450 4.7.1 ${option.slice(2)}`]);
  });

  it('end a session that asks with DATA again and again, and the log says it once', async () => {
    const account = await accountWith('--per-hour', '1');
    const wire = await connect();
    for (const line of [auth(account), 'MAIL FROM:<scan@example.com>', 'RCPT TO:<a@example.org>'])
      expect(await say(wire, line)).toMatch(/^2/);
    expect(await submit(account)).toMatch(QUEUED);
    await wire.send('DATA\r\n'.repeat(1_000));
    const replies: string[] = [];
    for (let reply = await wire.reply(); reply.length > 0; reply = await wire.reply()) replies.push(...reply);
    expect(replies).toHaveLength(20);
    expect(replies[0]).toMatch(/^450 4\.7\.1 This account may send one message an hour; try again in /);
    expect(replies.at(-1)).toMatch(/^421 4\.7\.0 .*Too many errors/);
    await expect.poll(() => refusals(account)).toEqual(['450 4.7.1 per-hour']);
  });

  it('--recipients-per-day: counted at RCPT, with those of this message', async () => {
    const account = await accountWith('--recipients-per-day', '3');
    const to = ['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org'];
    expect(await submit(account, { to })).toMatch(
      /^452 4\.5\.3 This account may send to 3 recipients in 24 hours; try again in 24 hours, at \d\d:\d\d UTC$/,
    );
    expect(await submit(account, { to: to.slice(2) })).toMatch(QUEUED);
    expect(await submit(account, { to: to.slice(2) })).toMatch(/^452 4\.5\.3/);
    expect(await submit(account)).toMatch(QUEUED);
    expect(await submit(account)).toMatch(/^452 4\.5\.3/);
  });

  it('never count what was refused or vanished', async () => {
    const account = await accountWith('--per-day', '1', '--senders', '@example.com');
    for (let i = 0; i < 3; i++) {
      expect(await submit(account, { data: `From: x@evil.example\r\n${MESSAGE}` })).toMatch(/^550/);
      const wire = await connect();
      const lines = [auth(account), 'MAIL FROM:<scan@example.com>', 'RCPT TO:<a@example.org>', 'DATA'];
      for (const line of lines) await say(wire, line);
      await wire.send(MESSAGE);
      wire.close();
    }
    await expect.poll(() => submit(account), { timeout: 10_000 }).toMatch(QUEUED);
    expect(await submit(account)).toMatch(/^450/);
  });

  it('take effect while the server runs, and survive its restart and its crash', async () => {
    const account = await accountWith('--per-day', '2');
    expect(await submit(account)).toMatch(QUEUED);
    expect(await submit(account)).toMatch(QUEUED);
    expect(await submit(account)).toMatch(/^450/);
    for (const end of [() => server.stop(), () => server.kill9()]) {
      await end();
      server = await at.serve();
      expect(await submit(account)).toMatch(/^450 4\.7\.1 This account may send 2 messages a day/);
    }
    await set(account, '--per-day', '3');
    expect(await submit(account)).toMatch(QUEUED);
    expect(await submit(account)).toMatch(/^450 4\.7\.1 This account may send 3 messages a day/);
    await set(account, '--per-day', 'none');
    expect(await submit(account)).toMatch(QUEUED);
  });
});

describe('a share of the queue', () => {
  const full =
    '452 4.3.1 Mail of this account that waits here has reached its share of the queue, try again later';
  const large = `${MESSAGE}${`${'x'.repeat(98)}\r\n`.repeat(600)}`;

  it('in octets is for what waits: what was taken away makes room again', async () => {
    const account = await accountWith('--queue-share', '100K');
    expect(await submit(account, { data: large })).toMatch(QUEUED);
    expect(await submit(account, { size: 60_000 })).toBe(full);
    expect(await submit(account, { data: large })).toBe(full);
    await expect.poll(() => refusals(account)).toEqual(['452 4.3.1 queue-share', '452 4.3.1 queue-share']);
    expect((await at.cli(['queue', 'delete', '--account', account.name])).code).toBe(0);
    expect(await submit(account, { data: large })).toMatch(QUEUED);
  });

  it('in percent leaves room while the disk has some', async () => {
    const account = await accountWith('--queue-share', '50%');
    expect(await submit(account, { data: large })).toMatch(QUEUED);
  });
});
