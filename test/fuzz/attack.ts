// One hostile connection over a real socket: what it sends, in which pieces, and how it leaves. Every attack ends by
// itself in bounded time, whatever the server does.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { lookAlikes } from '../support/look-alikes.ts';
import { octetsOf, text } from './octets.ts';

export type Attack = Readonly<{
  /** implicit: TLS from the start · upgraded: STARTTLS · clear: no TLS at all · garbage: no TLS where it is demanded */
  way: 'implicit' | 'upgraded' | 'clear' | 'garbage';
  /** Sent one after the other, each as its own write. */
  pieces: readonly Buffer[];
  /** Whether a moment passes between the pieces. */
  slow: boolean;
  /** fin: says that nothing more comes · reset: drops the connection · stay: waits to be closed, a while. */
  leaves: 'fin' | 'reset' | 'stay';
  /** Source address: one client's failed logins must not slow the others down. */
  from: string;
}>;

export type Target = Readonly<{
  ports: Readonly<{ starttls: number; implicit: number }>;
  ca: string;
}>;

/** How long an attack waits for the server to close, in milliseconds, and for anything else. */
const STAY = 400;
const PATIENCE = 5_000;
/** Between the pieces of a slow one. */
const BETWEEN = 3;

/** Carries it out; resolves when it has left, with what the server said. */
export async function carryOut(attack: Attack, target: Target): Promise<string> {
  const { way, from } = attack;
  const port = way === 'implicit' || way === 'garbage' ? target.ports.implicit : target.ports.starttls;
  const raw = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
  raw.on('error', () => {}); // seen as a close
  const gone = new Promise<void>(resolve => raw.once('close', () => resolve()));
  const heard: string[] = [];
  const socket = await Promise.race([secured(raw, attack, target, heard), gone, sleep(PATIENCE)]);
  if (socket) {
    socket.on('data', chunk => heard.push(chunk.toString('latin1')));
    await send(socket, attack);
    if (attack.leaves === 'reset') raw.resetAndDestroy();
    else if (attack.leaves === 'fin') socket.end();
    await Promise.race([gone, sleep(STAY)]);
    socket.destroy();
  }
  raw.destroy();
  return heard.join('');
}

/** The socket to talk on. May never resolve where the server closes first. */
async function secured(raw: Socket, { way }: Attack, { ca }: Target, heard: string[]): Promise<Socket> {
  if (way === 'clear' || way === 'garbage') return raw;
  if (way === 'upgraded') {
    raw.write('EHLO attacker.example\r\nSTARTTLS\r\n');
    await hears(raw, / Ready to start TLS\r\n$/, heard);
  }
  const secure = connectTls({ socket: raw, ca, servername: 'localhost' });
  secure.on('error', () => {});
  return new Promise(resolve => {
    secure.once('secureConnect', () => resolve(secure));
  });
}

function hears(raw: Socket, wanted: RegExp, heard: string[]): Promise<void> {
  return new Promise(resolve => {
    const onData = (chunk: Buffer) => {
      heard.push(chunk.toString('latin1'));
      if (!wanted.test(heard.join(''))) return;
      raw.removeListener('data', onData);
      resolve();
    };
    raw.on('data', onData);
  });
}

async function send(socket: Socket, { pieces, slow }: Attack): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    if (slow) await sleep(BETWEEN);
  }
}

const CLIENT_HELLO = '\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03';

/** `credentials`: lines that log in. Attacks that begin as valid dialogues and go wrong somewhere, and pure noise. */
export function attacks(credentials: readonly string[]): fc.Arbitrary<Attack> {
  const command = fc.constantFrom(
    ...[
      'EHLO attacker.example',
      'HELO x',
      'STARTTLS',
      'NOOP',
      'RSET',
      'QUIT',
      'VRFY x',
      'DATA',
      'AUTH LOGIN',
      'AUTH CRAM-MD5',
    ],
    ...[
      'MAIL FROM:<attacker@sender.test>',
      'RCPT TO:<a@destination.test>',
      'Subject: x',
      '',
      '.',
      '*',
      'AUTH SCRAM-SHA-256',
    ],
    ...credentials,
  );
  const lookAlike = fc.constantFrom(...lookAlikes.map(([, octets]) => octets));
  const valid = fc
    .constantFrom(...credentials)
    .map(login =>
      [
        'EHLO attacker.example',
        login,
        'MAIL FROM:<attacker@sender.test>',
        'RCPT TO:<a@destination.test>',
        'DATA',
        'Subject: x',
        '',
        'text',
        '.',
        'QUIT',
        '',
      ].join('\r\n'),
    );
  const dialogue = fc.oneof(
    { weight: 3, arbitrary: valid },
    {
      weight: 3,
      arbitrary: mutated(
        valid,
        fc.oneof(
          text,
          lookAlike,
          command.map(line => `\r\n${line}\r\n`),
        ),
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .array(fc.oneof(command, text), { maxLength: 30 })
        .map(lines => `${lines.join('\r\n')}\r\n`),
    },
    { weight: 1, arbitrary: fc.array(text, { maxLength: 20 }).map(parts => CLIENT_HELLO + parts.join('')) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(text, fc.integer({ min: 1, max: 60_000 }))
        .map(([unit, times]) => unit.repeat(times).slice(0, 200_000)),
    },
  );
  return fc
    .record({
      way: fc.constantFrom('implicit', 'implicit', 'implicit', 'upgraded', 'clear', 'garbage'),
      octets: dialogue.map(octetsOf),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      slow: fc.boolean(),
      leaves: fc.constantFrom('fin', 'fin', 'reset', 'stay'),
      host: fc.tuple(fc.integer({ min: 2, max: 250 }), fc.integer({ min: 1, max: 250 })),
    })
    .map(({ octets, cuts, host, ...rest }) => {
      const places = [
        0,
        ...cuts.map(cut => Math.floor(cut * octets.length)).sort((a, b) => a - b),
        octets.length,
      ];
      const pieces = places.slice(1).map((end, i) => octets.subarray(places[i], end));
      return { ...rest, pieces, from: `127.0.${host.join('.')}` } as const;
    });
}

/** With a few places overwritten, cut out, doubled or filled with something else. */
function mutated(valid: fc.Arbitrary<string>, filling: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(20),
    how: fc.constantFrom('insert', 'replace', 'double', 'cut'),
    filling,
  });
  return fc.tuple(valid, fc.array(mutation, { minLength: 1, maxLength: 4 })).map(([given, mutations]) =>
    mutations.reduce((whole, { at, length, how, filling: put }) => {
      const start = Math.floor(at * whole.length);
      const [head, middle, tail] = [
        whole.slice(0, start),
        whole.slice(start, start + length),
        whole.slice(start + length),
      ];
      const between = { insert: put + middle, replace: put, double: middle + middle, cut: '' }[how];
      return head + between + tail;
    }, given),
  );
}
