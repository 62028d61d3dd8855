// One authenticated connection that carries messages, one after the other. `send` never rejects and says for each
// recipient what the upstream answered, or where the connection broke; judging it is classify.ts's. A session that
// cannot be trusted to be in step any more closes itself.

import { Readable, Transform } from 'node:stream';
import type { DurationMs } from '../../clock.ts';
import type { DeliveryRequest } from '../../queue/delivery.ts';
import type { Stage } from '../../queue/outcome.ts';
import type { Capabilities } from '../capabilities.ts';
import type { RemoteReply } from '../remote-reply.ts';
import { parseRemoteReply } from '../remote-reply.ts';
import { createBodyStream } from './body-stream.ts';
import type { SmtpError, Transmission, TransmissionResult, UpstreamConnection } from './smtp-connection.ts';

export type TransactionStage = Extract<Stage, 'mail' | 'rcpt' | 'data' | 'body'>;

export type Sent =
  /** The final dot was answered with 2xx. `refusals`: by position, the recipients that were refused before. */
  | Readonly<{ kind: 'accepted'; reply: RemoteReply; refusals: ReadonlyMap<number, RemoteReply> }>
  /** Every recipient was refused at RCPT. */
  | Readonly<{ kind: 'no-recipients'; refusals: ReadonlyMap<number, RemoteReply> }>
  /** One answer for all recipients that were not refused already. */
  | Readonly<{
      kind: 'refused';
      stage: TransactionStage;
      reply: RemoteReply;
      refusals: ReadonlyMap<number, RemoteReply>;
    }>
  /** The connection broke, or went out of step. `answered`: the upstream had replied to something of this message. */
  | Readonly<{ kind: 'lost'; stage: Stage; detail: string; bodyConsumed: boolean; answered: boolean }>
  /** Our own stored message could not be read to its end; the upstream never saw a final dot. */
  | Readonly<{ kind: 'unreadable'; detail: string }>;

export type Session = Readonly<{
  capabilities: Capabilities;
  send: (request: DeliveryRequest) => Promise<Sent>;
  /** Brings the session back in step after a refusal; false: it must not be used again. */
  reset: () => Promise<boolean>;
  usable: () => boolean;
  /** QUIT, then closed; returns at once. */
  quit: () => void;
  /** Closed at once; what is under way ends as lost. */
  close: () => void;
}>;

/** Whatever trickles in or out: a message gets this long, and more with its size (4 KiB/s is a bad mobile link). */
const MESSAGE_DEADLINE: DurationMs = 20 * 60_000;
const SLOWEST_OCTETS_PER_MS = 4;

/** Somebody waits for the outcome meanwhile; a new connection is cheaper than a long wait. */
const RESET_DEADLINE: DurationMs = 10_000;

export function createSmtpSession(connection: UpstreamConnection, capabilities: Capabilities): Session {
  return {
    capabilities,
    usable: () => connection.usable,
    send: request => send(connection, request),
    reset: () => reset(connection),
    quit: () => connection.leave(),
    close: () => connection.abort(new Error('closed by Postern')),
  };
}

async function send(connection: UpstreamConnection, request: DeliveryRequest): Promise<Sent> {
  const body = openBody(request, connection);
  const transmission: Transmission = {
    smtputf8: request.smtputf8,
    body: body.wire,
    onPhase: request.onPhase,
    bodyConsumed: false,
  };
  const deadline = setTimeout(
    () => connection.abort(new Error('the message took too long')),
    MESSAGE_DEADLINE + request.size / SLOWEST_OCTETS_PER_MS,
  );
  request.onPhase('envelope');
  try {
    const result = await transmitted(connection, request, transmission, body.source);
    const sent = toSent(connection, request, transmission, result);
    if (sent.kind === 'lost' || sent.kind === 'unreadable') connection.close();
    return sent;
  } finally {
    clearTimeout(deadline);
    if (body.source instanceof Readable) body.source.destroy();
    if (body.wire instanceof Transform) body.wire.destroy();
  }
}

function transmitted(
  connection: UpstreamConnection,
  request: DeliveryRequest,
  transmission: Transmission,
  message: Buffer | Readable,
): Promise<TransmissionResult> {
  const envelope = {
    from: request.reversePath === '' ? (false as const) : request.reversePath,
    to: [...request.forwardPaths],
    size: request.size,
    use8BitMime: request.bodyType === '8bitmime',
  };
  return beforeEnd<TransmissionResult>(
    connection,
    done => connection.transmit(envelope, message, transmission, done),
    {
      error: new Error('connection closed'),
      response: '',
      refusals: [],
    },
  );
}

async function reset(connection: UpstreamConnection): Promise<boolean> {
  if (!connection.usable) return false;
  const deadline = setTimeout(() => connection.abort(new Error('no answer to RSET')), RESET_DEADLINE);
  const inStep = await beforeEnd(connection, done => connection.reset(error => done(error === null)), false);
  clearTimeout(deadline);
  return inStep;
}

/** `close()` forgets what is under way without a word; then only `end` tells of it. */
function beforeEnd<T>(
  connection: UpstreamConnection,
  step: (done: (result: T) => void) => void,
  ended: T,
): Promise<T> {
  return new Promise(resolve => {
    const onEnd = () => setImmediate(() => resolve(ended));
    connection.once('end', onEnd);
    step(result => {
      connection.off('end', onEnd);
      resolve(result);
    });
  });
}

type Body = Readonly<{ source: Buffer | Readable; wire: Uint8Array | Transform }>;

function openBody({ content, size }: DeliveryRequest, connection: UpstreamConnection): Body {
  if (content.kind === 'octets') return { source: WRITTEN_BY_OURSELVES, wire: content.octets };
  return {
    source: content.open(),
    wire: createBodyStream({ octets: size, hash: content.hash }, () => connection.bodyRead()),
  };
}

/** nodemailer only asks whether there is a message: the octets go out by themselves. */
const WRITTEN_BY_OURSELVES = Buffer.from('.');

function toSent(
  connection: UpstreamConnection,
  { forwardPaths }: DeliveryRequest,
  { bodyConsumed }: Transmission,
  result: TransmissionResult,
): Sent {
  const { error } = result;
  const refusals = refusalsOf(forwardPaths, result.refusals);
  if (error === null) return acceptedBy(parseRemoteReply(result.response), refusals);
  if (error.code === 'ESTREAM') return { kind: 'unreadable', detail: error.message };
  const stage = stageOf(error, connection.stageNow);
  const answered = connection.lastServerResponse !== false;
  if (error.response === undefined || stage === null) {
    return { kind: 'lost', stage: connection.stageNow, detail: detailOf(error), bodyConsumed, answered };
  }
  const reply = parseRemoteReply(error.response);
  // A refusal before the end of the body leaves the rest of it in the pipe; nonsense leaves the dialogue out of step.
  if ((stage === 'body' && !bodyConsumed) || reply.code === null || reply.code < 400) connection.close();
  // The answers to a RCPT that was sent along with a refused MAIL say only that there was none.
  if (stage === 'mail') return { kind: 'refused', stage, reply, refusals: new Map() };
  if (refusals.size === forwardPaths.length) return { kind: 'no-recipients', refusals };
  return { kind: 'refused', stage, reply, refusals };
}

/** nodemailer looks only at the first character: "2 what" after the final dot may mean anything. */
function acceptedBy(reply: RemoteReply, refusals: ReadonlyMap<number, RemoteReply>): Sent {
  if (reply.code !== null) return { kind: 'accepted', reply, refusals };
  return {
    kind: 'lost',
    stage: 'body',
    detail: `answered "${reply.line}"`,
    bodyConsumed: true,
    answered: true,
  };
}

/** nodemailer's words for the step that was refused; null: no step of the transaction was. */
function stageOf(error: SmtpError, stageNow: Stage): TransactionStage | null {
  switch (error.command) {
    case 'MAIL FROM':
      return 'mail';
    case 'RCPT TO':
      return 'rcpt';
    case 'DATA':
      return error.code === 'EMESSAGE' ? 'body' : 'data';
    default:
      // A 421 to RCPT ends the connection before the other replies.
      return stageNow === 'mail' && /^421/.test(error.response ?? '') ? 'rcpt' : null;
  }
}

/** Refusals come in the order of RCPT, which is that of the request. */
function refusalsOf(
  forwardPaths: readonly string[],
  errors: readonly SmtpError[],
): ReadonlyMap<number, RemoteReply> {
  const refusals = new Map<number, RemoteReply>();
  let next = 0;
  for (const [position, path] of forwardPaths.entries()) {
    const error = errors[next];
    if (error?.recipient !== path) continue;
    refusals.set(position, parseRemoteReply(error.response ?? ''));
    next++;
  }
  return refusals;
}

function detailOf(error: SmtpError): string {
  const code = error.originalCode ?? error.code;
  const message = error.message.replace(/\p{Cc}/gu, ' ').slice(0, 300);
  return code === undefined || message.includes(code) ? message : `${message}, ${code}`;
}
