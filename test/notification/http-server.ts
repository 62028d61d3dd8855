// A real HTTP server on the loopback that remembers what it was sent, and answers as a test wants.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { afterTest } from '../storage/fresh-database.ts';

export type Received = Readonly<{ url: string; headers: IncomingHttpHeaders; body: string }>;

export type HttpServer = Readonly<{
  /** `http://127.0.0.1:PORT` */
  origin: string;
  received: Received[];
  /** How the next requests are answered; 200 at first. */
  answerWith: (answer: (response: ServerResponse) => void) => void;
}>;

/** Closed after the test, or when what `cleanUp` was given is called. */
export async function startHttpServer(cleanUp = afterTest): Promise<HttpServer> {
  const received: Received[] = [];
  let answer = (response: ServerResponse): void => void response.writeHead(200).end('thanks');
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      received.push({ url: request.url ?? '', headers: request.headers, body });
      answer(response);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  cleanUp(async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    received,
    answerWith: next => {
      answer = next;
    },
  };
}
