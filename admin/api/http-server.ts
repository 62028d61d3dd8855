// A small HTTP server for a handful of fixed answers: GET and HEAD on known paths, short deadlines, bounded connections.
// It never uses the Host header or any other word of the request than method and path, and takes no body.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatListenAddress, type ListenAddress } from '../../server/config/values.ts';
import { refusedStart } from '../../server/refused-start.ts';

export type Answer = Readonly<{
  status: number;
  /** Content type and whatever else. */
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array;
}>;

/** Answers by path. They must not reject. */
export type Routes = Readonly<Record<string, () => Promise<Answer>>>;

export type HttpServer = Readonly<{
  /** Where it listens; the port that was free if 0 was asked for. */
  address: ListenAddress;
  /** Closes at once: an answer is short. */
  close: () => Promise<void>;
}>;

/** Milliseconds. Probes and browsers ask at once; whoever drips its request must not hold a place. */
const REQUEST_TIMEOUT = 10_000;
const KEEP_ALIVE_TIMEOUT = 5_000;
const MAX_HEADER_OCTETS = 8 * 1024;
const MAX_CONNECTIONS = 100;

/** Resolves once it listens. Rejects with a refused start, which names `key`, where it cannot. */
export async function openHttpServer(
  listen: ListenAddress,
  routes: Routes,
  key: 'admin.listen' | 'public.listen',
): Promise<HttpServer> {
  const server = createServer(
    {
      headersTimeout: REQUEST_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      maxHeaderSize: MAX_HEADER_OCTETS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void answerTo(request, routes).then(answer => send(response, request, answer)),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listening(server, listen, key);
  const bound = server.address() as AddressInfo;
  return {
    address: { address: bound.address, port: bound.port },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function textAnswer(status: number, text: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` };
}

async function answerTo({ method, url = '/' }: IncomingMessage, routes: Routes): Promise<Answer> {
  const path = url.split('?', 1)[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) {
    return textAnswer(404, `There is nothing here. What there is: ${Object.keys(routes).join(', ')}`);
  }
  if (method === 'GET' || method === 'HEAD') return route();
  const refused = textAnswer(405, 'Only GET and HEAD are possible here.');
  return { ...refused, headers: { ...refused.headers, allow: 'GET, HEAD' } };
}

function send(response: ServerResponse, request: IncomingMessage, answer: Answer): void {
  // A body that nobody asked for is not read: the connection ends with the answer.
  const hasBody = 'content-length' in request.headers || 'transfer-encoding' in request.headers;
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(hasBody ? { connection: 'close' } : {}),
  });
  response.end(answer.body);
}

function listening(server: Server, listen: ListenAddress, key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(refusedStart(bindingText(listen, key, error), error));
    });
    server.listen({ host: listen.address, port: listen.port }, resolve);
  });
}

function bindingText(listen: ListenAddress, key: string, error: NodeJS.ErrnoException): string {
  const place = `Cannot listen on ${formatListenAddress(listen)} (${key})`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `${place}: another program has the port. Stop that program, or set ${key} to another port.`;
    case 'EACCES':
      return `${place}: this user may not use ports below 1024. Set ${key} to a higher port, or grant CAP_NET_BIND_SERVICE.`;
    case 'EADDRNOTAVAIL':
      return `${place}: this machine does not have that address. Set ${key} to one that it has.`;
    default:
      return `${place}: ${error.message}. Set ${key} to another address.`;
  }
}
