// An upstream whose answers a test gives when it likes: it takes commands at once, and says what became of a message only when
// told. In clear, on loopback. So a test can act while a delivery is in flight.

import { createServer, type Socket } from 'node:net';
import { waitFor } from './process.ts';

export type PatientUpstream = Readonly<{
  url: string;
  /** Bodies that were taken whole, dots as they came, in their order. */
  bodies: () => readonly string[];
  /** Waits until so many messages wait for their answer. */
  inFlight: (count?: number) => Promise<void>;
  /** Answers every message that waits now, and from now on at once. */
  answer: (reply: string) => void;
  close: () => Promise<void>;
}>;

export async function startPatientUpstream(): Promise<PatientUpstream> {
  const sockets = new Set<Socket>();
  const waiting = new Set<Socket>();
  const bodies: string[] = [];
  let atOnce: string | null = null;

  const onBody = (socket: Socket, body: string) => {
    bodies.push(body);
    if (atOnce === null) waiting.add(socket);
    else socket.write(`${atOnce}\r\n`);
  };
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      waiting.delete(socket);
    });
    converse(socket, body => onBody(socket, body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  return {
    url: `smtp+notls://127.0.0.1:${address.port}`,
    bodies: () => bodies,
    inFlight: async (count = 1) => {
      await waitFor(`${count} messages in flight`, () => waiting.size >= count);
    },
    answer: reply => {
      atOnce = reply;
      for (const socket of waiting) socket.write(`${reply}\r\n`);
      waiting.clear();
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

const DOT = '\r\n.\r\n';

function converse(socket: Socket, onBody: (body: string) => void): void {
  let input = '';
  let inBody = false;
  socket.setEncoding('latin1');
  socket.write('220 patient.test ESMTP\r\n');
  socket.on('data', chunk => {
    input += String(chunk);
    for (;;) {
      const end = input.indexOf(inBody ? DOT : '\r\n');
      if (end < 0) return;
      const text = input.slice(0, end);
      input = input.slice(end + (inBody ? DOT.length : 2));
      if (inBody) {
        inBody = false;
        onBody(`${text}\r\n`);
      } else {
        inBody = /^DATA/i.test(text);
        socket.write(answerTo(text));
        if (/^QUIT/i.test(text)) socket.end();
      }
    }
  });
}

function answerTo(command: string): string {
  if (/^EHLO/i.test(command)) return '250-patient.test\r\n250 8BITMIME\r\n';
  if (/^DATA/i.test(command)) return '354 go on\r\n';
  if (/^QUIT/i.test(command)) return '221 bye\r\n';
  return '250 ok\r\n';
}
