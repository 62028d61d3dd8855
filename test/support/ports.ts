// Free TCP ports on the loopback for servers that must be told their port before they start.

import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

const taken = new Set<number>();

/** Below the range from which the kernel picks outgoing ports, so that no connection takes one in between. */
const LOWEST = 15_000;
const HIGHEST = 32_000;
const MAX_TRIES = 200;

/** A port on which nothing listens now; never the same one twice in this process. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < MAX_TRIES; i++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (taken.has(port)) continue;
    if (await isFree(port)) {
      taken.add(port);
      return port;
    }
  }
  throw new Error('no free port found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether something accepts connections on a port of 127.0.0.1 or at a Unix socket's path. */
export function canConnect(at: number | string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = typeof at === 'number' ? connect(at, '127.0.0.1') : connect(at);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
