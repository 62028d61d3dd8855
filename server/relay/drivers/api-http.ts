// Requests to a sending API over one connection, one after the other (HTTP/1.1). Node's client writes and parses them; here is
// what mail needs besides: whether the whole request had been handed over when a connection broke, for then the API may
// have taken the message; an answer that is bounded; and an end to every wait. Redirects are not followed: whom the operator
// did not name gets neither token nor mail. Rejects only for a mistake of ours, and then the connection is closed.

import { Agent, type ClientRequest, type IncomingMessage, request as newRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { DurationMs } from '../../clock.ts';
import type { ApiResponse } from '../apis/sending-api.ts';
import type { ApiBody } from './api-body.ts';

export type HttpRequest = Readonly<{
  method: string;
  path: string;
  /** With Host; Content-Length is added. */
  headers: Readonly<Record<string, string>>;
  body: ApiBody;
  patience: HttpPatience;
  /** The last octets are about to be handed over: from here on a silence is ambiguous. */
  onWhole: () => void;
}>;

export type HttpPatience = Readonly<{
  /** So long without an octet in either direction, while the request is sent. */
  progress: DurationMs;
  /** The same, once all of it was. */
  answer: DurationMs;
  /** Whatever trickles in or out. */
  total: DurationMs;
}>;

export type HttpAnswer =
  /** `whole`: the request had been handed over before the answer began. */
  | Readonly<{ kind: 'response'; response: ApiResponse; whole: boolean }>
  /** `bodyConsumed`: every octet had been handed to the connection, or may have been. */
  | Readonly<{ kind: 'lost'; detail: string; bodyConsumed: boolean }>
  /** The stored message could not be read; the request never came to its end. */
  | Readonly<{ kind: 'unreadable'; detail: string }>;

export type HttpConnection = Readonly<{
  /** One at a time. */
  ask: (request: HttpRequest) => Promise<HttpAnswer>;
  /** Another request can be sent: nothing is broken, and the server keeps the connection open. */
  usable: () => boolean;
  close: (reason: string) => void;
}>;

/** What is read of an answer's body. */
const MOST_ANSWER = 64 * 1024;

/** `socket` is connected, protected if it must be, and has nobody else who listens to it. */
export function createHttpConnection(socket: Socket): HttpConnection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  // Whatever comes after its time finds a listener: an error without one would end the process.
  socket.on('error', () => undefined);
  // What has come unasked, such as a 408 to an idle connection, would be taken for the answer to what is asked next.
  const usable = () =>
    socket.writable && !socket.destroyed && !socket.readableEnded && socket.readableLength === 0;
  return {
    usable,
    close: reason => void socket.destroy(new Error(reason)),
    ask: async request => {
      // Lets a close that has come meanwhile be seen before anything is written.
      await new Promise(resolve => setImmediate(resolve));
      if (!usable()) return { kind: 'lost', detail: 'the connection was closed', bodyConsumed: false };
      let isInStep = false;
      try {
        const answer = await exchange(agent, socket, request);
        isInStep = answer.kind === 'response' && answer.whole;
        return answer;
      } finally {
        if (!isInStep) socket.destroy();
      }
    },
  };
}

/** How far a request has come. */
type Progress = {
  /** Its last octets were given to Node's client. */
  whole: boolean;
  /** And by that to the operating system. */
  flushed: boolean;
  /** Its status has come: from here on it is answered, whatever happens to the rest of the answer. */
  answer: IncomingMessage | null;
  settled: boolean;
};

function exchange(agent: Agent, socket: Socket, request: HttpRequest): Promise<HttpAnswer> {
  const { method, path, headers, body, patience } = request;
  const length = { 'content-length': String(body.length) };
  const sent = newRequest({ agent, method, path, headers: { ...headers, ...length }, setHost: false });
  return new Promise((resolve, reject) => {
    const progress: Progress = { whole: false, flushed: false, answer: null, settled: false };
    const settle = (answer: HttpAnswer) => {
      if (progress.settled) return;
      progress.settled = true;
      watch.stop();
      if (answer.kind !== 'response') sent.destroy();
      resolve(answer);
    };
    const lose = (detail: string, { lastWriteFailed = false } = {}) => {
      if (progress.answer !== null) return;
      const bodyConsumed = progress.flushed || (progress.whole && !lastWriteFailed);
      settle({ kind: 'lost', detail, bodyConsumed });
    };
    const watch = startWatch(socket, patience, detail => {
      progress.answer?.destroy();
      lose(detail);
    });
    /** One bad message must not end the server: it is that message's delivery that ends. */
    const mistaken = (error: unknown) => {
      progress.settled = true;
      watch.stop();
      sent.destroy();
      reject(error);
    };
    sent.on('finish', () => {
      progress.flushed = progress.whole;
    });
    sent.on('error', error => lose(describe(error), { lastWriteFailed: isFailedWrite(error) }));
    sent.on('close', () => lose('the connection was closed'));
    sent.on('response', message => {
      const { whole } = progress;
      progress.answer = message;
      readAnswer(message).then(response => settle({ kind: 'response', response, whole }), mistaken);
    });
    const onWhole = () => {
      progress.whole = true;
      watch.expectAnswer();
      request.onWhole();
    };
    write(sent, body, progress, onWhole).then(problem => {
      if (problem !== null) settle(problem);
    }, mistaken);
  });
}

type Watch = Readonly<{ expectAnswer: () => void; stop: () => void }>;

/** Calls `giveUp` when nothing has moved for too long, or all of it takes too long. */
function startWatch(socket: Socket, patience: HttpPatience, giveUp: (detail: string) => void): Watch {
  const onTimeout = () => giveUp('no answer in time');
  const deadline = setTimeout(() => giveUp('it took too long'), patience.total);
  socket.setTimeout(patience.progress);
  socket.on('timeout', onTimeout);
  return {
    expectAnswer: () => void socket.setTimeout(patience.answer),
    stop: () => {
      clearTimeout(deadline);
      socket.removeListener('timeout', onTimeout);
    },
  };
}

/** What it was to hand over, the last octets among it, never left: nothing is ambiguous about that. */
function isFailedWrite(error: Error): boolean {
  return 'syscall' in error && error.syscall === 'write';
}

/** Null: everything was given to `sent`, or there is no use in that any more. */
async function write(
  sent: ClientRequest,
  { length, pieces }: ApiBody,
  progress: Progress,
  onWhole: () => void,
): Promise<Extract<HttpAnswer, { kind: 'unreadable' }> | null> {
  const isOver = () => progress.settled || progress.answer !== null || sent.destroyed;
  if (length === 0) {
    onWhole();
    sent.end();
    return null;
  }
  let given = 0;
  for await (const piece of pieces()) {
    if (isOver()) return null;
    if (piece.kind === 'unreadable') return piece;
    given += piece.octets.length;
    if (given > length) break;
    if (given === length) {
      onWhole();
      sent.end(piece.octets);
      return null;
    }
    if (!sent.write(piece.octets) && !isOver()) await drained(sent);
  }
  return isOver() ? null : { kind: 'unreadable', detail: `it has ${given} octets instead of ${length}` };
}

const STIRS = ['drain', 'response', 'close'] as const;

/** Until more can be written, or an answer or the end has come. */
function drained(sent: ClientRequest): Promise<void> {
  return new Promise(resolve => {
    const stirred = () => {
      for (const event of STIRS) sent.off(event, stirred);
      resolve();
    };
    for (const event of STIRS) sent.on(event, stirred);
  });
}

/** Ends also where the body is cut: what the status says has been said. */
async function readAnswer(message: IncomingMessage): Promise<ApiResponse> {
  const pieces: Buffer[] = [];
  let room = MOST_ANSWER;
  try {
    for await (const piece of message) {
      if (!Buffer.isBuffer(piece)) continue;
      pieces.push(piece.subarray(0, room));
      room -= piece.length;
      if (room <= 0) break;
    }
  } catch {
    // It broke off, or we had waited long enough.
  }
  return {
    status: message.statusCode ?? 0,
    headers: Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
    ),
    body: Buffer.concat(pieces).toString('utf8'),
  };
}

/** Of errors of the connection; nothing that was sent or received is in it. */
function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('HPE_')) return 'it does not answer like a web server';
  const message = error.message.replace(/\p{Cc}/gu, ' ').slice(0, 300);
  return code === '' || message.includes(code) ? message : `${message}, ${code}`;
}
