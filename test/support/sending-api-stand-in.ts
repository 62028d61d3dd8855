// Stands in for a sending API: an HTTP or HTTPS server on 127.0.0.1 that does what the provider documents
// (sending-api-providers.ts): checks the credentials, the form of the request and its limits, and records messages and
// recipients. A test can have it answer with any error, keep silent, or cut the connection at any point.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import {
  type Provider,
  type ProviderName,
  providers,
  type StandInSettings,
} from './sending-api-providers.ts';

export type HeardRequest = Readonly<{
  method: string;
  /** With its query. */
  target: string;
  headers: Readonly<Record<string, string | undefined>>;
  /** All of it, or what had come when it was cut. */
  body: Buffer;
  /** All that was announced has come. */
  whole: boolean;
  /** Number of the connection, from 1. */
  connection: number;
}>;

export type Taken = Readonly<{
  recipients: readonly string[];
  /** As the provider was told; null: it was not told. */
  reversePath: string | null;
  message: Buffer;
}>;

export type StandInAnswer = Readonly<{
  status: number;
  body: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** What is done with one request instead of what the provider does. */
export type Deed =
  | Readonly<{ kind: 'answer'; status: number; body?: unknown; headers?: Readonly<Record<string, string>> }>
  /** Answered after the header of the request, before its body was read. */
  | Readonly<{ kind: 'early-answer'; status: number; body?: unknown }>
  /** Nothing is said, ever. `taken`: the message was taken all the same. */
  | Readonly<{ kind: 'hang'; taken?: boolean }>
  /** The connection ends: after the header, in the middle of the body, after the whole request. */
  | Readonly<{ kind: 'cut'; when: 'header' | 'body' | 'end'; taken?: boolean }>
  /** What it always does; to skip one in a row. */
  | Readonly<{ kind: 'as-usual' }>;

export type StandIn = Readonly<{
  port: number;
  /** What it took, in order. */
  taken: readonly Taken[];
  requests: readonly HeardRequest[];
  /** For the next requests, one each. */
  next: (...deeds: readonly Deed[]) => void;
  /** For all requests from now on; null: as usual. */
  always: (deed: Deed | null) => void;
  connections: () => number;
  /** Those of them that are not closed. */
  open: () => number;
  close: () => Promise<void>;
}>;

/** PEM, or files with it. */
export type StandInIdentity = Readonly<{ certificate: string; key: string }>;

export async function startStandIn(
  name: ProviderName,
  settings: StandInSettings & Readonly<{ identity?: StandInIdentity; port?: number }>,
): Promise<StandIn> {
  const provider = providers[name];
  const taken: Taken[] = [];
  const requests: HeardRequest[] = [];
  const planned: Deed[] = [];
  const sockets = new Map<Socket, number>();
  let standing: Deed | null = null;
  let connections = 0;

  const listener: RequestListener = (message, response) => {
    const deed = planned.shift() ?? standing ?? { kind: 'as-usual' };
    const connection = sockets.get(message.socket) ?? 0;
    const record = (request: HeardRequest, accepted: Taken | null) => {
      requests.push(request);
      if (accepted !== null) taken.push(accepted);
    };
    void serve({ deed, message, response, provider, settings, connection, record });
  };
  const { identity } = settings;
  const pem = (text: string) => (text.includes('-----BEGIN') ? text : readFileSync(text, 'utf8'));
  const server =
    identity === undefined
      ? createServer(listener)
      : createSecureServer({ cert: pem(identity.certificate), key: pem(identity.key) }, listener);
  server.on(identity === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.set(socket, ++connections);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>(resolve => void server.listen(settings.port ?? 0, '127.0.0.1', resolve));
  const address = server.address();

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    taken,
    requests,
    next: (...deeds) => void planned.push(...deeds),
    always: deed => {
      standing = deed;
    },
    connections: () => connections,
    open: () => sockets.size,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets.keys()) socket.destroy();
      }),
  };
}

type Service = Readonly<{
  deed: Deed;
  message: IncomingMessage;
  response: ServerResponse;
  provider: Provider;
  settings: StandInSettings;
  connection: number;
  /** Before anything is answered: a test that has the answer finds the record. */
  record: (request: HeardRequest, accepted: Taken | null) => void;
}>;

async function serve({
  deed,
  message,
  response,
  provider,
  settings,
  connection,
  record,
}: Service): Promise<void> {
  const heard = (body: Buffer, whole: boolean): HeardRequest => ({
    method: message.method ?? '',
    target: message.url ?? '',
    headers: Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
    ),
    body,
    whole,
    connection,
  });
  if (deed.kind === 'early-answer') {
    record(heard(Buffer.alloc(0), false), null);
    answer(response, { status: deed.status, body: textOf(deed.body) });
    return;
  }
  if (deed.kind === 'cut' && deed.when !== 'end') {
    record(heard(deed.when === 'body' ? await firstPiece(message) : Buffer.alloc(0), false), null);
    message.socket.destroy();
    return;
  }
  const { body, whole } = await readAll(message);
  const request = heard(body, whole);
  const usual = whole ? provider(request, settings) : null;
  const isTaken = deed.kind === 'as-usual' || (deed.kind !== 'answer' && deed.taken === true);
  record(request, usual !== null && isTaken ? await usual.taken : null);
  if (usual === null) return;
  switch (deed.kind) {
    case 'as-usual':
      return answer(response, usual.answer);
    case 'answer':
      return answer(response, { ...deed, body: textOf(deed.body) });
    case 'hang':
      return;
    case 'cut':
      message.socket.destroy();
      return;
    default:
      return deed satisfies never;
  }
}

function answer(response: ServerResponse, { status, body, headers }: StandInAnswer): void {
  const type = /^[[{]/.test(body) ? 'application/json' : 'text/html';
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(body);
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
}

async function readAll(message: IncomingMessage): Promise<Readonly<{ body: Buffer; whole: boolean }>> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message) pieces.push(piece);
  } catch {
    return { body: Buffer.concat(pieces), whole: false };
  }
  return { body: Buffer.concat(pieces), whole: message.complete };
}

function firstPiece(message: IncomingMessage): Promise<Buffer> {
  return new Promise(resolve => {
    message.once('data', (piece: Buffer) => resolve(piece));
    message.once('close', () => resolve(Buffer.alloc(0)));
    message.on('error', () => undefined);
  });
}
