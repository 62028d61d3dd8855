// Passwords put into every field and every protocol state, each used once: afterwards none of them is in the log, the
// database, the audit, an alert, an error or an output, in any encoding.
//
// What nobody can tell from a name is kept like one: what a client calls itself in EHLO stands in Received of its message,
// what it gives as an address is its address. A password that was typed there is in that message and nowhere else.

import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addAccount, type Installation, install, type Server } from '../support/postern.ts';
import type { Finished } from '../support/process.ts';
import { openWire } from '../support/wire.ts';
import { coreOf, createCanaries, encodings, filesBelow } from './canaries/canary.ts';
import { type CommandPlace, commandPlaces, lookCommands, runPlaces } from './canaries/command-places.ts';
import { base64, type WirePlace, wirePlaces } from './canaries/wire-places.ts';

const NAME = 'kitchen scanner';
const { make, foundIn } = createCanaries();
const password = make('the right password');
const inReceived = make('the name in EHLO, with a message');

let at: Installation;
let server: Server;
let upstream: Readonly<{ port: number; server: TcpServer }>;
let printed: ReadonlyMap<CommandPlace, Finished>;
const replies: string[] = [];
let visits = 0;
const looked: string[] = [];

beforeAll(async () => {
  upstream = await startEcho();
  at = await install({ limits: { failed_logins: 100 } });
  await addAccount(at, NAME, password.text);
  server = await at.serve();
  const guessed = guesses();
  printed = await runPlaces(at, commandPlaces(`smtp+notls://relay@127.0.0.1:${upstream.port}`), make);
  for (const place of wirePlaces) await visit(place, make(place.where).text);
  await swapped();
  await elsewhere();
  await sendMessage();
  await guessed;
  for (let i = 0; i < lookCommands.length; i += 2) {
    const shown = await Promise.all(lookCommands.slice(i, i + 2).map(args => at.cli(args)));
    for (const { stdout, stderr } of shown) looked.push(stdout, stderr);
  }
}, 300_000);

afterAll(async () => {
  await at?.remove();
  upstream?.server.close();
});

describe('the search', () => {
  it('finds a secret in every encoding', () => {
    const canary = make('a planted one');
    for (const [name, form] of encodings(canary.core)) {
      const within = Buffer.concat([Buffer.from('{"a":"'), form, Buffer.from('"}')]);
      expect(foundIn(within), name).toContain(`a planted one, as ${name}`);
    }
    for (const around of ['', 'x', 'xy']) {
      const token = base64(`${around}\0${canary.text}${around}`);
      expect(foundIn(Buffer.from(token)), around).toEqual([
        'a planted one, as base64',
        'a planted one, as base64 for URLs',
      ]);
    }
  });
});

describe('a password', () => {
  it('is nowhere in the log, though every session and command is logged', () => {
    expect(server.log().filter(line => line.event === 'session.command').length).toBeGreaterThan(100);
    expect(foundIn(Buffer.from(server.stdout()))).toEqual([]);
    expect(foundIn(Buffer.from(server.stderr()))).toEqual([]);
  });

  it('is in no reply', () => {
    expect(foundIn(Buffer.from(replies.join('\n')))).toEqual([]);
  });

  it('is in no output of a command and in no error text', () => {
    for (const [{ where, code }, done] of printed) {
      expect(done.code, `${where}: ${done.stderr}`).toBe(code);
      expect(foundIn(Buffer.from(`${done.stdout}\n${done.stderr}`)), where).toEqual([]);
    }
  });

  it('is in no list of accounts, upstreams, alerts, bans, audit or queue', () => {
    const all = looked.join('\n');
    for (const kind of ['password-exposed', 'unknown-accounts', 'repeated-failures', 'login.failed'])
      expect(all.includes(kind), kind).toBe(true);
    expect(foundIn(Buffer.from(all))).toEqual([]);
  });

  it('is in no file of the data folder but as part of a message', () => {
    const files = filesBelow(at.data);
    expect(files.some(([path]) => path.endsWith('-wal'))).toBe(true);
    for (const [path, octets] of files) {
      const found = foundIn(octets).filter(one => one !== `${inReceived.where}, as plain text`);
      expect(found, path).toEqual([]);
    }
  });

  it('is in no file after the server has written all of it and ended', async () => {
    expect((await server.stop()).code).toBe(0);
    for (const [path, octets] of filesBelow(at.data)) {
      expect(
        foundIn(octets).filter(one => one !== `${inReceived.where}, as plain text`),
        path,
      ).toEqual([]);
    }
  });
});

/** Has the conversation of a place, keeping every reply. */
async function visit({ state, lines }: WirePlace, secret: string, from = nextAddress()): Promise<void> {
  const wire = await openWire({
    port: state === 'clear' ? at.ports.starttls : at.ports.implicit,
    ca: readFileSync(at.ca, 'utf8'),
    implicitTls: state !== 'clear',
    from,
  });
  const login = state === 'in' ? [`AUTH PLAIN ${base64(`\0${NAME}\0${password.text}`)}`] : [];
  try {
    await wire.reply();
    for (const line of ['EHLO client.example', ...login, ...lines(secret, NAME)]) {
      await wire.send(Buffer.concat([Buffer.from(line), Buffer.from('\r\n')]));
      replies.push(...(await wire.reply()));
    }
  } finally {
    wire.close();
  }
}

/** Each a client of its own: the throttle slows down who fails again and again. */
function nextAddress(): string {
  return `127.0.3.${++visits}`;
}

/** The account's own password in the field of its name, in every mechanism that has one. */
async function swapped(): Promise<void> {
  const conversations = [
    [`AUTH PLAIN ${base64(`\0${password.text}\0${NAME}`)}`],
    ['AUTH LOGIN', base64(password.text), base64(NAME)],
    ['AUTH CRAM-MD5', base64(`${password.text} ${'0'.repeat(32)}`)],
    [`AUTH SCRAM-SHA-256 ${base64(`n,,n=${password.text},r=abc`)}`, base64('c=biws,r=abc')],
  ];
  for (const lines of conversations)
    await visit({ where: 'swapped', state: 'tls', lines: () => lines }, password.text);
}

/** So many wrong logins from one address that the operator is told: of an account, and of names that are none. */
async function guesses(): Promise<void> {
  const guess = (where: string, plain: (secret: string) => string): Promise<void>[] => {
    const lines = (secret: string) => [`AUTH PLAIN ${base64(plain(secret))}`];
    const from = nextAddress();
    // At the same time: each answer waits longer than the one before.
    return Array.from({ length: 5 }, (_, i) =>
      visit({ where, state: 'tls', lines }, make(`${where} ${i}`).text, from),
    );
  };
  await Promise.all([
    ...guess('guessed password', secret => `\0${NAME}\0${secret}`),
    ...guess('guessed name', secret => `\0${secret}\0x`),
  ]);
}

/** What is no SMTP: HTTP for the operator, the name in a TLS handshake, and noise where a handshake should be. */
async function elsewhere(): Promise<void> {
  const inHttp = make('an HTTP request').text;
  const headers = { authorization: `Basic ${base64(`admin:${inHttp}`)}`, cookie: `p=${coreOf(inHttp)}` };
  const address = `http://127.0.0.1:${at.ports.admin}/metrics?password=${encodeURIComponent(inHttp)}`;
  replies.push(await (await fetch(address, { headers })).text());
  const port = at.ports.implicit;
  const ca = readFileSync(at.ca, 'utf8');
  const servername = `${coreOf(make('the name in a TLS handshake').text)}.test`;
  await ended(connectTls({ port, ca, servername, host: '127.0.0.1' }));
  const raw = connect(port, '127.0.0.1');
  raw.write(`AUTH PLAIN ${base64(make('clear text where TLS is expected').text)}\r\n`);
  await ended(raw);
}

/** Resolves when the connection is over; our side ends it soon. */
function ended(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  setTimeout(() => socket.destroy(), 300);
  return new Promise(resolve => socket.once('close', () => resolve()));
}

/** A message after right logins, from a client that calls itself by its password. */
async function sendMessage(): Promise<void> {
  const lines = (secret: string) => [
    `EHLO ${secret}`,
    'MAIL FROM:<a@sender.test>',
    'RCPT TO:<b@destination.test>',
    'DATA',
    'Subject: x\r\n\r\ntext\r\n.',
    'QUIT',
  ];
  await visit({ where: inReceived.where, state: 'in', lines }, inReceived.core);
}

/** An upstream that repeats whatever it does not like, as some do with unknown commands, decoded as well. */
async function startEcho(): Promise<typeof upstream> {
  const echo = createServer(socket => {
    socket.on('error', () => {});
    socket.write('220 echo.test ESMTP\r\n');
    socket.on('data', (chunk: Buffer) => {
      const line = chunk.toString('latin1').trimEnd();
      if (line.startsWith('EHLO')) return socket.write('250-echo.test\r\n250 AUTH PLAIN LOGIN\r\n');
      const last = line.split(' ').at(-1) ?? '';
      const decoded = Buffer.from(last, 'base64')
        .toString('latin1')
        .replace(/[\r\n\0]/g, ' ');
      return socket.write(`535 5.7.8 No such login: ${line} (${decoded})\r\n`);
    });
  });
  await new Promise<void>(resolve => echo.listen(0, '127.0.0.1', resolve));
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, server: echo };
}
