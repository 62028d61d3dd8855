// A remote mail server that follows a test's script: a counterpart on a real socket. By default it is friendly and
// complete (STARTTLS, AUTH, PIPELINING, 8BITMIME, SMTPUTF8, SIZE); a script changes single answers, drops the
// connection or keeps silent at any step. With an account it checks logins as our own server does (remote-login.ts),
// over the TLS channel that is really there. It records every command and the octets of every body.

import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import type { Identity } from './identity.ts';
import { beginRemoteLogin, type RemoteAccount, type RemoteLogin } from './remote-login.ts';

export type Step = Readonly<{
  verb:
    | 'CONNECT'
    | 'EHLO'
    | 'STARTTLS'
    | 'AUTH'
    | 'MAIL'
    | 'RCPT'
    | 'DATA'
    | 'BODY-START'
    | 'BODY'
    | 'RSET'
    | 'QUIT';
  line: string;
  /** Number of the connection, from 1. */
  connection: number;
  /** How often this verb came on this connection, from 1. */
  count: number;
}>;

/**
 * Reply lines without CRLF; `DROP`: the connection is cut; `SILENCE`: nothing is said any more on this connection; `RAW:x`:
 * x, without a line end, and nothing more; `LATE:x`: x, by and by; `BYTES:x`: x, octet by octet; undefined: as by default.
 */
export type Script = (step: Step) => string | undefined;

/** Longer than the time-outs of nobody, and long enough to be late. */
const LATE_MS = 400;

export type Remote = Readonly<{
  port: number;
  /** Lines received, all connections together. */
  commands: string[];
  /** Bodies as they were on the wire, without the final dot and its CRLF, still dot-stuffed. */
  bodies: Buffer[];
  connections: () => number;
  open: () => number;
  close: () => Promise<void>;
}>;

export type RemoteOptions = Readonly<{
  identity?: Identity;
  tls?: 'starttls' | 'implicit' | 'none';
  script?: Script;
  keywords?: readonly string[];
  /** Logins are checked; without it every login is right. */
  account?: RemoteAccount;
  maxTlsVersion?: SecureVersion;
  /** Answers DATA with 354 also where no recipient was accepted (RFC 2920 §3.1). */
  takesDataAnyway?: boolean;
}>;

const KEYWORDS = ['PIPELINING', 'SIZE 50000000', '8BITMIME', 'SMTPUTF8', 'AUTH PLAIN LOGIN'];

export async function startRemote(options: RemoteOptions = {}): Promise<Remote> {
  const commands: string[] = [];
  const bodies: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  // Else a reply waits 40 ms for the acknowledgement of the one before.
  const server = createServer({ noDelay: true }, socket => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    converse(socket, connections, options, { commands, bodies });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    commands,
    bodies,
    connections: () => connections,
    open: () => sockets.size,
    close: () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

type Records = Readonly<{ commands: string[]; bodies: Buffer[] }>;

function converse(raw: Socket, connection: number, options: RemoteOptions, records: Records): void {
  const script = options.script ?? (() => undefined);
  const counts = new Map<string, number>();
  let socket: Socket = raw;
  let buffered: Buffer = Buffer.alloc(0);
  let state: 'command' | 'login' | 'body-start' | 'body' = 'command';
  let silent = false;
  let speaking: Promise<void> | null = null;
  let login: RemoteLogin | null = null;
  let sender = false;
  let recipients = 0;

  /** Replies leave in order, also those behind one that takes its time. */
  const after = (slow: (() => Promise<string>) | null, text = '') => {
    if (slow === null && speaking === null) socket.write(text);
    else
      speaking = (speaking ?? Promise.resolve()).then(
        async () => void socket.write(slow ? await slow() : text),
      );
  };

  /** Says what the script says, else the default; gives back which it was. */
  const say = (verb: Step['verb'], line: string, byDefault: string) => {
    const count = (counts.get(verb) ?? 0) + 1;
    counts.set(verb, count);
    const scripted = script({ verb, line, connection, count });
    const answer = (scripted ?? byDefault).replace(/^(?:LATE|BYTES):/, '');
    if (silent) return answer;
    silent = answer === 'SILENCE' || answer.startsWith('RAW:');
    if (answer === 'DROP') socket.destroy();
    else if (answer.startsWith('RAW:')) socket.write(answer.slice('RAW:'.length), 'latin1');
    else if (scripted?.startsWith('LATE:')) after(() => sleep(LATE_MS, wireForm(answer)));
    else if (scripted?.startsWith('BYTES:')) after(() => trickle(socket, wireForm(answer)));
    else if (answer !== '' && answer !== 'SILENCE') after(null, wireForm(answer));
    return answer;
  };

  const object = (text: string) => {
    if (!silent) after(null, `${text}\r\n`);
  };

  const secure = () => {
    if (options.identity === undefined) throw new Error('a remote with TLS needs an identity');
    const { certificate, key } = options.identity;
    raw.removeAllListeners('data');
    const { maxTlsVersion: maxVersion = 'TLSv1.3' } = options;
    const secureContext = createSecureContext({ cert: certificate, key, maxVersion });
    socket = new TLSSocket(raw, { isServer: true, secureContext });
    socket.on('error', () => undefined);
    socket.on('data', receive);
  };

  const capabilities = () => {
    const plain = options.tls !== 'none' && !(socket instanceof TLSSocket);
    const keywords = [...(options.keywords ?? KEYWORDS), ...(plain ? ['STARTTLS'] : [])];
    return ['remote.test', ...keywords]
      .map((k, i) => `250${i === keywords.length ? ' ' : '-'}${k}`)
      .join('\n');
  };

  /** A line of AUTH, or of what follows it. */
  const authenticate = async (line: string) => {
    socket.pause();
    login ??= beginRemoteLogin(socket, options);
    const answer = say('AUTH', line, await login.reply(line));
    state = answer.startsWith('334') ? 'login' : 'command';
    if (state === 'command') login = null;
    socket.resume();
  };

  const commands: Readonly<Record<string, (line: string) => void>> = {
    EHLO: line => say('EHLO', line, capabilities()),
    STARTTLS: line => {
      if (say('STARTTLS', line, '220 go ahead').startsWith('220')) secure();
    },
    AUTH: line => void authenticate(line),
    MAIL: line => {
      recipients = 0;
      sender = say('MAIL', line, '250 2.1.0 sender ok').startsWith('250');
    },
    RCPT: line => {
      if (!sender) object('503 5.5.1 MAIL first');
      else if (say('RCPT', line, '250 2.1.5 recipient ok').startsWith('250')) recipients++;
    },
    DATA: line => {
      if (recipients === 0 && !options.takesDataAnyway) object('503 5.5.1 RCPT first');
      else if (say('DATA', line, '354 go ahead').startsWith('354')) state = 'body-start';
    },
    RSET: line => say('RSET', line, '250 2.0.0 reset'),
    QUIT: line => {
      say('QUIT', line, '221 2.0.0 bye');
      socket.end();
    },
  };

  const receiveLine = (line: string) => {
    records.commands.push(line);
    if (state === 'login') void authenticate(line);
    else {
      const run = commands[/^[A-Z]+/.exec(line)?.[0] ?? ''];
      if (run === undefined) object('500 5.5.1 what?');
      else run(line);
    }
  };

  /** False: more octets are needed. */
  const receiveBody = () => {
    if (state === 'body-start') {
      state = 'body';
      if (say('BODY-START', '', '') !== '') return false;
    }
    const empty = buffered.subarray(0, 3).equals(Buffer.from('.\r\n'));
    const end = empty ? 0 : buffered.indexOf('\r\n.\r\n') + 2;
    if (end === 1) return false;
    records.bodies.push(Buffer.from(buffered.subarray(0, end)));
    buffered = buffered.subarray(end + 3);
    state = 'command';
    say('BODY', '', '250 2.0.0 queued as R1');
    return true;
  };

  const receive = (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length > 0) {
      if (state === 'body-start' || state === 'body') {
        if (!receiveBody()) return;
        continue;
      }
      const end = buffered.indexOf('\r\n');
      if (end < 0) return;
      const line = buffered.subarray(0, end).toString('utf8');
      buffered = buffered.subarray(end + 2);
      receiveLine(line);
    }
  };

  socket.on('data', receive);
  if (options.tls === 'implicit') secure();
  say('CONNECT', '', '220 remote.test ESMTP');
}

function wireForm(answer: string): string {
  return `${answer.replace(/\n/g, '\r\n')}\r\n`;
}

/** Each octet in a packet of its own; the last is left to the caller. */
async function trickle(socket: Socket, text: string): Promise<string> {
  for (const octet of Buffer.from(text.slice(0, -1))) {
    socket.write(Buffer.of(octet));
    await new Promise(resolve => setImmediate(resolve));
  }
  return text.slice(-1);
}
