// The only importer of nodemailer: its SMTPConnection, with the few inner members that Postern needs declared here.
// nodemailer's own types leave them out, so they are no promise: the version is pinned, and
// test/relay/drivers/smtp-connection.test.ts exercises each of them against a real socket.
// What is changed: the body leaves in one write, SMTPUTF8 can be asked for, the login is ours (smtp-login.ts), and we
// know how far a message has come.

import type { Socket } from 'node:net';
import { type Readable, Transform } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { DurationMs } from '../../clock.ts';
import type { Phase } from '../../queue/delivery.ts';
import type { Stage } from '../../queue/outcome.ts';
import type { Upstream } from '../upstream.ts';
import { dotStuffed } from './dot-stuffing.ts';

/** nodemailer's error, as far as we read it. */
export type SmtpError = Error &
  Readonly<{
    code?: string | undefined;
    originalCode?: string | undefined;
    command?: string | undefined;
    response?: string | undefined;
    recipient?: string | undefined;
  }>;

export type Timeouts = Readonly<{
  /** For the name look-up, for the connection, and for TLS and greeting. */
  connect: DurationMs;
  /** From the look-up to the end of authentication, whatever trickles in. */
  dial: DurationMs;
  /** Without an octet, while a reply to a command is awaited (RFC 5321 §4.5.3.2: 5 minutes). */
  command: DurationMs;
  /** Until the reply to the final dot (RFC 5321 §4.5.3.2.6: 10 minutes). */
  finalReply: DurationMs;
}>;

export type SmtpTarget = Pick<Upstream, 'scheme' | 'host' | 'port'> &
  Readonly<{
    ehloName: string;
    secureContext: SecureContext;
    timeouts: Timeouts;
    /** Shows the certificate whatever it is. Only to look at it: nothing secret may follow. */
    acceptAnyCertificate?: boolean;
  }>;

/** A message on its way: what must be sent, and how far it has come. */
export type Transmission = {
  readonly smtputf8: boolean;
  /** The whole body as stored, or a stream of it as it must be on the wire, with the final dot. */
  readonly body: Uint8Array | Transform;
  readonly onPhase: (phase: Phase) => void;
  /** Every octet, the final dot included, was handed to the connection: from here on a silence is ambiguous. */
  bodyConsumed: boolean;
};

export type SmtpEnvelope = {
  /** `false`: the null reverse-path. */
  from: string | false;
  to: string[];
  size: number;
  use8BitMime: boolean;
};

/** `refusals`: the recipients refused at RCPT, in the order of the envelope, whatever came later. */
export type TransmissionResult = Readonly<{
  error: SmtpError | null;
  response: string;
  refusals: readonly SmtpError[];
}>;

type SendCallback = (error: SmtpError | null, reply?: string) => void;

/** What nodemailer's `send` does with the stream that takes the message. */
type SendStream = { write: (chunk: Uint8Array) => unknown; end: () => unknown };

/** Members of SMTPConnection that its types hide. `_responseActions`: the handlers of the replies still to come. */
type Inner = {
  _ehloLines?: readonly string[];
  _responseActions: ((reply: string) => void)[];
  _sendCommand(line: string, logged?: string): void;
  _actionSMTPStream(reply: string, callback: SendCallback): void;
  _createSendStream(callback: SendCallback): SendStream;
};

/** The library's class with its inner members visible: the one place where its types are widened. */
const Connection = SMTPConnection as unknown as new (
  options: SMTPConnection.Options,
) => SMTPConnection & Inner;

/** For the answer to QUIT. */
const LAST_WORD: DurationMs = 5000;

/** A reply larger than this is no SMTP reply. */
const MAX_REPLY = 64 * 1024;

export class UpstreamConnection extends Connection {
  readonly #timeouts: Timeouts;
  #lastCommand: Stage | null = null;
  #transmission: Transmission | null = null;

  /** `socket` is connected already. */
  constructor(target: SmtpTarget, socket: Socket) {
    super(connectionOptions(target, socket));
    this.#timeouts = target.timeouts;
  }

  /** Where the dialogue stands: what we wait for, or did last. */
  get stageNow(): Stage {
    if (this.upgrading === true) return 'starttls';
    return this.#lastCommand ?? (this.stage === 'connected' ? 'greeting' : 'connect');
  }

  /** Another command can be sent. */
  get usable(): boolean {
    return !this.destroyed && this._socket !== false && this._socket?.writable === true;
  }

  get ehloLines(): readonly string[] {
    return this._ehloLines ?? [];
  }

  /** The TLS socket; null while the connection is not protected. */
  get tlsSocket(): TLSSocket | null {
    return this._socket instanceof TLSSocket ? this._socket : null;
  }

  /** Says QUIT; neither an upstream that does not answer it nor the wait for it keeps the process alive. */
  leave(): void {
    if (!this.usable) return this.close();
    this.quit();
    if (!this._socket) return;
    this._socket.setTimeout(LAST_WORD);
    this._socket.unref();
  }

  /** Ends whatever is under way as failed, at once. */
  abort(error: Error): void {
    if (this._socket) this._socket.destroy(error);
    else this.close();
  }

  /** Sends one line of AUTH, which is secret, and gives its reply as received. */
  authenticate(line: string, done: (reply: string) => void, fail: (error: SmtpError) => void): void {
    // nodemailer drops what is sent on a closed connection without a word.
    if (!this.usable) return fail(new Error('connection closed'));
    this._responseActions.push(done);
    this._sendCommand(line, 'AUTH');
  }

  /** Like `send`, with what nodemailer cannot be told in an envelope. */
  transmit(
    envelope: SmtpEnvelope,
    message: Buffer | Readable,
    transmission: Transmission,
    done: (result: TransmissionResult) => void,
  ): void {
    this.#transmission = transmission;
    // So that a reply to this message can be told from the one before.
    this.lastServerResponse = false;
    // nodemailer keeps its books in the object that it is given: they outlive an error after RCPT.
    const books: SmtpEnvelope & { rejectedErrors?: readonly SmtpError[] } = { ...envelope };
    this.send(books, message, (error: SmtpError | null, info?: Readonly<{ response: string }>) =>
      done({
        error: info === undefined ? (error ?? new Error('no answer')) : error,
        response: info?.response ?? '',
        refusals: books.rejectedErrors ?? [],
      }),
    );
  }

  override _sendCommand(line: string, logged?: string): void {
    // A base64 line of AUTH can look like a bare word, but has no space and no colon.
    const verb = /^(EHLO |HELO |STARTTLS$|AUTH |MAIL FROM:)/.exec(line)?.[1] ?? '';
    this.#lastCommand = STAGES.get(verb) ?? this.#lastCommand;
    const wantsUtf8 = verb === 'MAIL FROM:' && this.#transmission?.smtputf8 === true;
    // nodemailer asks for SMTPUTF8 only where an address needs it, but a header can need it too (RFC 6531 §3.4).
    super._sendCommand(wantsUtf8 && !/ SMTPUTF8\b/.test(line) ? `${line} SMTPUTF8` : line, logged);
  }

  override _createSendStream(callback: SendCallback): SendStream {
    this.#lastCommand = 'body';
    const transmission = this.#transmission;
    if (transmission === null) return super._createSendStream(callback);
    transmission.onPhase('body');
    const answered: SendCallback = (error, reply) => {
      if (this._socket) this._socket.setTimeout(this.#timeouts.command);
      // A success before the end of the message is none: nothing that we sent was answered by it.
      if (error === null && !transmission.bodyConsumed)
        callback(new Error('Answered before the end of the message'));
      else callback(error, reply);
    };
    this._responseActions.push(reply => this._actionSMTPStream(reply, answered));
    return transmission.body instanceof Transform
      ? this.#writePieces(transmission.body, answered)
      : this.#writeWhole(transmission.body);
  }

  /** Every octet of the body has been read. */
  bodyRead(): void {
    if (this.#transmission === null) return;
    this.#transmission.bodyConsumed = true;
    if (this._socket) this._socket.setTimeout(this.#timeouts.finalReply);
    this.#transmission.onPhase('awaiting-reply');
  }

  /** One write for body and final dot: two would cost a system call and a TLS record more for each message. */
  #writeWhole(octets: Uint8Array): SendStream {
    if (this._socket) this._socket.write(dotStuffed(octets));
    this.bodyRead();
    // nodemailer writes the message into what it gets here; it is on its way already.
    return { write: () => true, end: () => undefined };
  }

  /** nodemailer pipes the stored message into what it gets here. */
  #writePieces(body: Transform, answered: SendCallback): SendStream {
    body.once('error', error => answered(Object.assign(error, { code: 'ESTREAM' })));
    if (this._socket) body.pipe(this._socket, { end: false });
    return body;
  }
}

/** RCPT and DATA are sent together with MAIL where the upstream allows it, so they are no stages of their own here. */
const STAGES: ReadonlyMap<string, Stage> = new Map([
  ['EHLO ', 'ehlo'],
  ['HELO ', 'ehlo'],
  ['STARTTLS', 'starttls'],
  ['AUTH ', 'auth'],
  ['MAIL FROM:', 'mail'],
]);

function connectionOptions(target: SmtpTarget, socket: Socket): SMTPConnection.Options {
  const { timeouts } = target;
  const plain = target.scheme === 'smtp+notls';
  return {
    connection: socket,
    host: target.host,
    port: target.port,
    name: target.ehloName,
    secure: target.scheme === 'smtps',
    // Without it nodemailer sends the password in clear where STARTTLS is not offered.
    requireTLS: !plain,
    ignoreTLS: plain,
    connectionTimeout: timeouts.connect,
    greetingTimeout: timeouts.connect,
    socketTimeout: timeouts.command,
    maxResponseSize: MAX_REPLY,
    logger: false,
    tls: {
      secureContext: target.secureContext,
      // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
      rejectUnauthorized: target.acceptAnyCertificate !== true,
    },
  };
}
