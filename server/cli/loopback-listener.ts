// Waits on the loopback address for a browser of this machine that comes back from the provider (RFC 8252 §7.3). It answers
// with a page that says so and holds nothing of what the browser brought. Only a GET that carries the state of this very
// consent is the answer (RFC 6749 §10.12): any page that a person looks at can make the browser ask here.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export type LoopbackListener = Readonly<{
  port: number;
  /** Resolves with the whole address that the browser asked for, once the browser has its page. */
  answer: (consent: Expected) => Promise<string>;
  close: () => void;
}>;

type Expected = Readonly<{ redirectUri: string; isAnswer: (address: string) => boolean }>;

const TRIES = 5;
/** Providers put codes of some thousand characters into the address. */
const MOST_HEADER_OCTETS = 65_536;

/** `redirectUri` without a port: one that is free. Null: it is no address of this machine, or its port is taken. */
export async function listenOnLoopback(redirectUri: string): Promise<LoopbackListener | null> {
  const { protocol, hostname, port } = new URL(redirectUri);
  if (protocol !== 'http:' || !['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) return null;
  if (port !== '') return listenAt(Number(port));
  for (let tried = 0; tried < TRIES; tried++) {
    const listener = await listenAt(0);
    if (listener !== null) return listener;
  }
  return null;
}

/** On both loopback addresses: which one `localhost` is, each browser decides for itself. */
async function listenAt(wanted: number): Promise<LoopbackListener | null> {
  const expected: { current: ((request: IncomingMessage, response: ServerResponse) => void) | null } = {
    current: null,
  };
  const makeServer = () =>
    createServer(
      { maxHeaderSize: MOST_HEADER_OCTETS, headersTimeout: 10_000, requestTimeout: 10_000 },
      (request, response) => {
        if (expected.current === null) refuse(response);
        else expected.current(request, response);
      },
    );
  const first = makeServer();
  const port = await listen(first, wanted, '127.0.0.1');
  if (typeof port === 'string') return null;
  const second = makeServer();
  const sixth = await listen(second, port, '::1');
  const close = () => {
    for (const server of [first, second]) {
      server.close();
      server.closeAllConnections();
    }
  };
  // Somebody else's on the other address would get the code. A machine without IPv6 has no other address.
  if (sixth === 'EADDRINUSE') {
    close();
    return null;
  }
  return {
    port,
    answer: consent =>
      new Promise(resolve => {
        expected.current = (request, response) => {
          const address = addressOf(request, consent);
          if (address === null) refuse(response);
          else
            response
              .once('close', () => resolve(address))
              .writeHead(200, HEADERS)
              .end(PAGE);
        };
      }),
    close,
  };
}

/** Null: it is not what we wait for. */
function addressOf({ method, url }: IncomingMessage, { redirectUri, isAnswer }: Expected): string | null {
  if (method !== 'GET' || url === undefined || !/^\/(?!\/)/.test(url)) return null;
  const address = new URL(redirectUri).origin + url;
  return isAnswer(address) ? address : null;
}

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  Connection: 'close',
} as const;

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Postern</title>
<body style="font: 1.1em sans-serif; margin: 3em auto; max-width: 30em; padding: 0 1em">
<p>Postern has your answer. You can close this window and go back to the terminal, which says how it went.
</html>
`;

function refuse(response: ServerResponse): void {
  response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' });
  response.end('Postern waits here for a browser that comes back from a provider. This was not it.\n');
}

/** The port, or the code of the error. */
function listen(server: Server, port: number, host: string): Promise<number | string> {
  return new Promise(resolve => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 'unknown');
    });
  });
}
