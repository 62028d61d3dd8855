// The line to an upstream once it is logged in: commands out, replies in, each awaited for a bounded time. Never throws and
// never rejects: whatever breaks the line ends what is awaited as lost, with the reason. Who uses it takes one reply for
// each command, in order.

import type { Socket } from 'node:net';
import type { DurationMs } from '../../clock.ts';
import type { RemoteReply } from '../remote-reply.ts';
import { parseRemoteReply } from '../remote-reply.ts';
import { createReplyReader } from './reply-reader.ts';

export type Lost = Readonly<{ kind: 'lost'; detail: string }>;
export type Answer = Readonly<{ kind: 'reply'; reply: RemoteReply }> | Lost;

export type SmtpLine = Readonly<{
  socket: Socket;
  /** Nothing is broken, and nothing has come that was not asked for. */
  usable: () => boolean;
  write: (octets: string | Uint8Array) => void;
  /** The next reply. */
  reply: () => Promise<Answer>;
  /** From now on: so long without an octet, in either direction, breaks the line. */
  patience: (time: DurationMs) => void;
  /** Broken at once; what is awaited is lost with this reason. */
  cut: (reason: string) => void;
  /** QUIT, then closed; returns at once and keeps nothing alive. */
  leave: () => void;
}>;

/** For the answer to QUIT. */
const LAST_WORD: DurationMs = 5000;

/** `socket` is connected, and nobody else listens to its data. */
export function createSmtpLine(socket: Socket): SmtpLine {
  const reader = createReplyReader();
  const replies: RemoteReply[] = [];
  let waiting: ((answer: Answer) => void) | null = null;
  let broken: Lost | null = null;
  let leaving = false;

  const breakOff = (detail: string) => {
    broken ??= { kind: 'lost', detail };
    const tell = waiting;
    waiting = null;
    tell?.(broken);
  };

  const take = (chunk: Buffer) => {
    const texts = reader.push(chunk);
    if (texts === null) return cut('it sends without end');
    if (leaving) return void socket.end();
    for (const text of texts) {
      const reply = understood(text);
      const tell = waiting;
      waiting = null;
      if (tell === null) replies.push(reply);
      else tell({ kind: 'reply', reply });
    }
  };

  const cut = (reason: string) => {
    breakOff(reason);
    socket.destroy();
  };

  const isQuiet = () => replies.length === 0 && reader.pending() === 0;
  const usable = () => broken === null && !leaving && isQuiet() && socket.writable && !socket.destroyed;

  socket.on('data', take);
  socket.on('error', error => breakOff(describe(error)));
  socket.on('timeout', () => cut('no answer in time'));
  // `end` without `close` is possible while something is still to be written: nothing more will be answered.
  socket.on('end', () => breakOff('the connection was closed'));
  socket.on('close', () => breakOff('the connection was closed'));

  return {
    socket,
    usable,
    write: octets => {
      if (broken === null) socket.write(octets);
    },
    reply: () => {
      const next = replies.shift();
      if (next !== undefined) return Promise.resolve({ kind: 'reply', reply: next });
      if (broken === null && socket.destroyed) breakOff('the connection was closed');
      if (broken !== null) return Promise.resolve(broken);
      return new Promise(resolve => {
        waiting = resolve;
      });
    },
    patience: time => void socket.setTimeout(time),
    cut,
    leave: () => {
      if (!usable()) return cut('closed by Postern');
      leaving = true;
      socket.write('QUIT\r\n');
      socket.setTimeout(LAST_WORD);
      socket.unref();
    },
  };
}

/** A reply whose lines have different codes is none (RFC 5321 §4.2.1): it could be taken for a yes as well as for a no. */
function understood(text: string): RemoteReply {
  const reply = parseRemoteReply(text);
  if (!text.includes('\n')) return reply;
  const codes = new Set(text.split('\n').map(line => line.slice(0, 3)));
  return codes.size === 1 ? reply : { ...reply, code: null };
}

function describe(error: Error): string {
  const message = error.message.replace(/\p{Cc}/gu, ' ').slice(0, 300);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === '' || message.includes(code) ? message : `${message}, ${code}`;
}
