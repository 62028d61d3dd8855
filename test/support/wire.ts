// One raw SMTP connection for tests: sends octets exactly as given, reads lines and replies with a deadline.
// Knows no SMTP beyond the shape of a reply, so that a test can be as wrong as it likes.

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

export type WireOptions = Readonly<{
  port: number;
  /** PEM of the CA to trust. */
  ca: string;
  implicitTls?: boolean;
  /** Source address within 127.0.0.0/8. */
  from?: string;
  /** Milliseconds to wait for a line. */
  timeout?: number;
}>;

export type Wire = Readonly<{
  /** Resolves when the octets were handed to the kernel, or the connection is gone. */
  send: (octets: string | Uint8Array) => Promise<void>;
  /** The next line without CRLF, or null when the server has closed. Rejects after the timeout. */
  line: () => Promise<string | null>;
  /** Puts a line back, to be read next. */
  unread: (line: string) => void;
  /** The next reply, all its lines; empty when the server has closed. */
  reply: () => Promise<readonly string[]>;
  /** TLS over this connection. What was received before and not read is kept: it would be the server's fault. */
  upgrade: () => Promise<void>;
  close: () => void;
}>;

export async function openWire(options: WireOptions): Promise<Wire> {
  let socket = await plainSocket(options);
  let text = '';
  let closed = false;
  let wake: () => void = () => {};
  const listen = () => {
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      wake();
    });
    socket.on('close', () => {
      closed = true;
      wake();
    });
    socket.on('error', () => {}); // seen as a close
  };
  const upgrade = async () => {
    socket.removeAllListeners('data');
    socket.removeAllListeners('close');
    socket = await tlsSocket(socket, options.ca);
    listen();
  };
  if (options.implicitTls) await upgrade();
  else listen();
  const line = async (): Promise<string | null> => {
    const deadline = performance.now() + (options.timeout ?? 20_000);
    for (;;) {
      const end = text.indexOf('\r\n');
      if (end >= 0) {
        const found = text.slice(0, end);
        text = text.slice(end + 2);
        return found;
      }
      if (closed) return null;
      if (!(await wakes(deadline)))
        throw new Error(`no line from the server in time; so far: ${JSON.stringify(text)}`);
    }
  };
  const wakes = (deadline: number) =>
    new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), Math.max(0, deadline - performance.now()));
      wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  return {
    line,
    unread: back => {
      text = `${back}\r\n${text}`;
    },
    upgrade,
    reply: () => readReply(line),
    send: octets =>
      new Promise(resolve => {
        if (closed || socket.destroyed) resolve();
        else socket.write(octets, () => resolve());
      }),
    close: () => socket.destroy(),
  };
}

async function readReply(line: Wire['line']): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    const next = await line();
    if (next === null) return lines;
    lines.push(next);
    if (next[3] !== '-') return lines;
  }
}

function plainSocket(options: WireOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port: options.port,
      host: '127.0.0.1',
      noDelay: true,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}

function tlsSocket(socket: Socket, ca: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, ca, servername: 'localhost' });
    secure.once('error', reject);
    secure.once('close', () => reject(new Error('closed during the TLS handshake')));
    secure.once('secureConnect', () => {
      secure.removeAllListeners('error');
      secure.removeAllListeners('close');
      resolve(secure);
    });
  });
}
