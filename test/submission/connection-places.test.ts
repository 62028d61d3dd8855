// Whatever becomes of a client, its place is free again afterwards: real listeners and real sockets, with more clients of
// each kind than there are places, one after the other and all at once.

import { connect as connectRaw, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Admission, createAdmission } from '../../server/submission/admission.ts';
import { createSubmission, type Submission } from '../../server/submission/server.ts';
import { listenerTls } from '../../server/tls/secure-context.ts';
import { waitFor } from '../support/process.ts';
import { makeWorld } from '../tls/world.ts';
import { free, unlimited } from './policies.ts';

const PLACES = 6;
const CLIENTS = 2 * PLACES;
/** The door is shut for it. */
const BANNED = '127.0.0.66';
const unwelcome = { code: 554, enhanced: '5.7.1', text: 'No' } as const;
/** A TLS record that promises 512 octets of ClientHello and brings eleven of them. */
const HALF_HELLO = Buffer.from('160301020001 0001fc0303a1b2c3d4'.replace(/ /g, ''), 'hex');

const world = makeWorld();
let material: ReturnType<typeof listenerTls>;
let admission: Admission;
let submission: Submission;
let ports: Readonly<{ starttls: number; implicit: number }>;
let clients: Socket[];

beforeAll(async () => {
  material = listenerTls((await world.open()).current());
});
afterAll(() => world.end());

beforeEach(async () => {
  clients = [];
  admission = createAdmission({
    hostname: 'postern.test',
    connections: PLACES,
    connectionsPerAddress: PLACES,
    keyOf: ({ text }) => text,
    isKnown: () => true,
  });
  submission = open();
  const listening = await submission.listen();
  if (listening.kind === 'failed') throw new Error(listening.failure.text);
  const [starttls, implicit] = listening.bound.map(({ port }) => port);
  ports = { starttls: starttls ?? 0, implicit: implicit ?? 0 };
  return async () => {
    for (const client of clients) client.destroy();
    await submission.stop(0);
  };
});

function open(): Submission {
  return createSubmission({
    listeners: (['starttls', 'implicit'] as const).map(tls => ({
      ...{ address: '127.0.0.1', port: 0, tls, mechanisms: ['PLAIN'] },
    })),
    material,
    admission,
    connections: PLACES,
    settings: {
      hostname: 'postern.test',
      limits: () => ({ messageSize: 1_000, sizeLimitOf: null, recipients: 10 }),
      ...{ failedLogins: 5, commands: 100, commandsBeforeLogin: 40, wrongCommands: 20, unknownCommands: 10 },
    },
    context: {
      deadlines: { idle: 60_000, login: 60_000, command: 60_000, dataRate: 0 },
      commandLine: 512,
      door: ({ address }) => (address.text === BANNED ? unwelcome : null),
      intake: {
        takePlace: () => Promise.reject(new Error('nobody logs in here')),
        receive: () => Promise.reject(new Error('nobody logs in here')),
        busy: () => false,
      },
      loginsFor: () => ({
        authenticate: async () => ({ kind: 'refused' }),
        offered: () => [],
        accepted: () => [],
        exchange: {
          cramChallenge: () => '<1.2@postern.test>',
          scramNonce: () => 'nonce',
          scramSalt: () => ({ salt: new Uint8Array(16), iterations: 15_000 }),
          channelBinding: () => null,
        },
        standing: () => free,
        sending: unlimited,
        exposed: () => undefined,
        tried: () => false,
        probed: () => undefined,
        ended: () => undefined,
      }),
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      log: () => undefined,
      logsCommands: false,
    },
  });
}

async function connect(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connectRaw({ port, host: '127.0.0.1', localAddress });
  clients.push(socket);
  socket.on('error', () => undefined);
  await new Promise(resolve => socket.once('connect', resolve));
  return socket;
}

/** All that comes until it ends with one of these replies, or the server closes. */
async function hear(socket: Socket, ...codes: readonly string[]): Promise<string> {
  let text = '';
  const add = (chunk: Buffer) => {
    text += chunk.toString('latin1');
  };
  socket.on('data', add);
  await waitFor(`one of ${codes}`, () => socket.closed || codes.some(code => text.includes(`${code} `)));
  socket.off('data', add);
  return text;
}

async function tell(socket: Socket, line: string, code: string): Promise<void> {
  const heard = hear(socket, code);
  socket.write(`${line}\r\n`);
  await heard;
}

async function starttls(): Promise<Socket> {
  const socket = await connect(ports.starttls);
  await hear(socket, '220');
  await tell(socket, 'STARTTLS', '220');
  return socket;
}

async function handshake(socket: Socket): Promise<Socket> {
  if (socket.destroyed) return socket; // it found no place
  const secure = connectTls({ socket, rejectUnauthorized: false });
  secure.on('error', () => undefined);
  await new Promise(resolve => secure.once('secureConnect', resolve).once('close', resolve));
  return secure;
}

async function greeted(port: number, from?: string): Promise<Socket> {
  const socket = await connect(port, from);
  await hear(socket, '220', '554', '421');
  return socket;
}

async function implicit(): Promise<Socket> {
  const secure = await handshake(await connect(ports.implicit));
  await tell(secure, 'NOOP', '250');
  return secure;
}

async function upgraded(): Promise<Socket> {
  const secure = await handshake(await starttls());
  await tell(secure, 'EHLO x', '250');
  return secure;
}

const kinds: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['connect and leave', async () => (await greeted(ports.starttls)).end()],
  ['connect and reset', async () => (await greeted(ports.starttls)).resetAndDestroy()],
  ['leave before the greeting', async () => (await connect(ports.starttls)).resetAndDestroy()],
  ['say QUIT', async () => tell(await greeted(ports.starttls), 'QUIT', '221')],
  ['say STARTTLS, then QUIT', async () => tell(await upgraded(), 'QUIT', '221')],
  ['say STARTTLS, then leave', async () => (await upgraded()).end()],
  ['say STARTTLS, then vanish', async () => (await upgraded()).destroy()],
  ['leave instead of the handshake', async () => (await starttls()).end()],
  ['reset instead of the handshake', async () => (await starttls()).resetAndDestroy()],
  ['leave in the middle of the handshake', async () => (await starttls()).end(HALF_HELLO)],
  [
    'reset in the middle of the handshake',
    async () => {
      const socket = await starttls();
      socket.write(HALF_HELLO);
      await sleep(20);
      socket.resetAndDestroy();
    },
  ],
  [
    'vanish in the middle of a real handshake',
    async () => {
      const socket = await starttls();
      if (socket.destroyed) return;
      const secure = connectTls({ socket, rejectUnauthorized: false });
      secure.on('error', () => undefined);
      // The server has said its part, and waits for Finished.
      secure.once('keylog', () => secure.destroy());
    },
  ],
  ['go on in clear after STARTTLS', async () => (await starttls()).write('EHLO x\r\nQUIT\r\n')],
  [
    'say STARTTLS and more in one write, then leave',
    async () => {
      const socket = await greeted(ports.starttls);
      await tell(socket, 'STARTTLS\r\nNOOP', '220');
      socket.end();
    },
  ],
  ['connect with TLS and say QUIT', async () => tell(await implicit(), 'QUIT', '221')],
  ['connect with TLS and vanish', async () => (await implicit()).destroy()],
  ['connect to implicit TLS and leave', async () => (await connect(ports.implicit)).end()],
  ['connect to implicit TLS and reset', async () => (await connect(ports.implicit)).resetAndDestroy()],
  ['speak in clear to implicit TLS', async () => (await connect(ports.implicit)).write('EHLO x\r\n')],
  ['leave in the middle of implicit TLS', async () => (await connect(ports.implicit)).end(HALF_HELLO)],
  ['are refused at the door', async () => greeted(ports.starttls, BANNED)],
];

/** How much longer than the client itself a connection may live: the library's time for a half-closed one. */
const ENDED = 10_000;
const someRoom = () => waitFor('a place to be free', () => admission.open() < PLACES, ENDED);
const allFree = () => waitFor('every place to be free', () => admission.open() === 0, ENDED);

describe('the place of clients that', () => {
  it.each(kinds)('%s', async (_kind, come) => {
    for (let i = 0; i < CLIENTS; i++) {
      await someRoom();
      await come();
    }
    await allFree();
    await Promise.all(Array.from({ length: CLIENTS }, come));
    await allFree();
    const next = await greeted(ports.starttls);
    expect(next.readyState).toBe('open');
    expect(admission.open()).toBe(1);
  });

  it('are still there when the server stops, in every state', async () => {
    const states = [
      () => greeted(ports.starttls),
      upgraded,
      starttls,
      async () => (await starttls()).write(HALF_HELLO),
      implicit,
      async () => (await connect(ports.implicit)).write(HALF_HELLO),
    ];
    for (const state of states) await state();
    expect(admission.open()).toBe(PLACES);
    await submission.stop(100);
    await allFree();
  });
});
