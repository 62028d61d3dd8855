// 500 clients that are half open or slow, in every way that we know: others are served meanwhile as if they were not there,
// and each of the 500 is cleared away when its time is up.

import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, addAccount, type Installation, install, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { openWire } from '../support/wire.ts';

const EACH = 100;
/** A TLS record that promises 512 octets of ClientHello and brings eleven of them. */
const HALF_HELLO = Buffer.from('16030102000100 01fc0303a1b2c3d4'.replace(/ /g, ''), 'hex');
/** Deadlines of half a minute at most; what must be prompt is not nearly that slow. */
const PROMPT = 2_000;

let at: Installation;
let server: Server;
let account: Account;
let ca: string;
const slow: Socket[] = [];
let stopDripping = () => {};

beforeAll(async () => {
  at = await install({ limits: { login_timeout: '15s', command_timeout: '5s', idle_timeout: '20s' } });
  account = await addAccount(at, 'scanner');
  server = await at.serve();
  ca = readFileSync(at.ca, 'utf8');
});
afterAll(async () => {
  stopDripping();
  for (const socket of slow) socket.destroy();
  await at.remove();
});

/** Connects from an address of its own kind and collects what the server says. */
async function open(port: number, kind: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.3.${kind}` });
  socket.on('error', () => {}); // seen as a close
  await new Promise(resolve => socket.once('connect', resolve));
  socket.resume();
  slow.push(socket);
  return socket;
}

async function openMany(count: number, one: () => Promise<void>): Promise<void> {
  for (let i = 0; i < count; i += 20) {
    await Promise.all(Array.from({ length: Math.min(20, count - i) }, one));
  }
}

/** Logs in and begins a message that never ends. */
async function beginData(): Promise<Socket> {
  const raw = await open(at.ports.implicit, 5);
  const socket = connectTls({ socket: raw, ca, servername: 'localhost' });
  socket.on('error', () => {});
  let text = '';
  socket.on('data', chunk => {
    text += chunk.toString('latin1');
  });
  const token = Buffer.from(`\0${account.name}\0${account.password}`).toString('base64');
  const commands = ['EHLO slow', `AUTH PLAIN ${token}`, 'MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA'];
  socket.write(`${commands.join('\r\n')}\r\n`);
  await waitFor('354', () => text.includes('\r\n354 '), 60_000);
  socket.write('Subject: this will take a while\r\n\r\n');
  return socket;
}

/** How long a client with a new connection needs from connecting to 250 for its message, in milliseconds. */
async function submitOne(): Promise<number> {
  const begun = performance.now();
  const wire = await openWire({ port: at.ports.implicit, ca, implicitTls: true, from: '127.0.4.1' });
  const token = Buffer.from(`\0${account.name}\0${account.password}`).toString('base64');
  await expectReply(wire, '', '220');
  for (const [line, code] of [
    ['EHLO quick', '250'],
    [`AUTH PLAIN ${token}`, '235'],
    ['MAIL FROM:<quick@b.test>', '250'],
    ['RCPT TO:<c@d.test>', '250'],
    ['DATA', '354'],
    ['Subject: quick\r\n\r\nhello\r\n.', '250'],
  ] as const) {
    await expectReply(wire, line, code);
  }
  wire.close();
  return performance.now() - begun;
}

async function expectReply(
  wire: Awaited<ReturnType<typeof openWire>>,
  line: string,
  code: string,
): Promise<void> {
  if (line !== '') await wire.send(`${line}\r\n`);
  const reply = await wire.reply();
  if (!reply[0]?.startsWith(code)) throw new Error(`${line}: ${reply.join(' | ')}`);
}

describe(`${5 * EACH} half-open and slow connections`, () => {
  it('do not keep another client from sending its mail, and are cleared away', async () => {
    const dripping: (() => void)[] = [];
    await openMany(EACH, async () => void (await open(at.ports.implicit, 1)));
    await openMany(EACH, async () => {
      const socket = await open(at.ports.implicit, 2);
      socket.write(HALF_HELLO);
      dripping.push(() => socket.write(Buffer.from([0])));
    });
    await openMany(EACH, async () => {
      const socket = await open(at.ports.starttls, 3);
      socket.write('EHLO slow\r\nSTARTTLS\r\n');
      await sleep(50);
      socket.write(HALF_HELLO);
    });
    await openMany(EACH, async () => {
      const socket = await open(at.ports.starttls, 4);
      dripping.push(() => socket.write('E'));
    });
    await openMany(EACH, async () => {
      const socket = await beginData();
      dripping.push(() => socket.write('x'));
    });
    const timer = setInterval(() => {
      for (const drip of dripping) drip();
    }, 1_000);
    stopDripping = () => clearInterval(timer);
    expect(slow).toHaveLength(5 * EACH);

    const times: number[] = [];
    for (let round = 0; round < 10; round++) times.push(await submitOne());
    expect(Math.max(...times)).toBeLessThan(PROMPT);

    await waitFor('all of them to be cleared away', () => slow.every(socket => socket.destroyed), 90_000);
    stopDripping();
    expect(await submitOne()).toBeLessThan(PROMPT);
    // Those that logged in are named one by one; of the others a few lines tell.
    const lines = server.log().filter(({ level }) => level === 'warn');
    expect(lines.filter(({ account: name }) => name === undefined).length).toBeLessThan(20);
    expect(lines.length).toBeLessThan(EACH + 20);
  });
});
