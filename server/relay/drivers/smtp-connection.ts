// The only importer of nodemailer: its SMTPConnection, with the few inner members that Postern needs declared here.
// nodemailer's own types leave them out, so they are no promise: the version is pinned, and
// test/relay/drivers/smtp-connection.test.ts exercises each of them against a real socket.
// It brings the connection up: greeting, EHLO, STARTTLS. The login is ours (smtp-login.ts), and so is what comes after it:
// `handOver` gives the socket to smtp-line.ts, and nodemailer sees no message.

import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { DurationMs } from '../../clock.ts';
import type { Stage } from '../../queue/outcome.ts';
import type { Upstream } from '../upstream.ts';
import { MAX_REPLY } from './reply-reader.ts';

/** nodemailer's error, as far as we read it. */
export type SmtpError = Error &
  Readonly<{
    code?: string | undefined;
    originalCode?: string | undefined;
    response?: string | undefined;
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

/** Members of SMTPConnection that its types hide. `_responseActions`: the handlers of the replies still to come. */
type Inner = {
  _ehloLines?: readonly string[];
  _responseActions: ((reply: string) => void)[];
  _sendCommand(line: string, logged?: string): void;
  _actionEHLO(reply: string): void;
  _onError(error: Error, code: string, reply: string, command: string): void;
  _onSocketData: (chunk: Buffer) => void;
  _onSocketError: (error: Error) => void;
  _onSocketTimeout: () => void;
  _onSocketEnd: () => void;
  _onSocketClose: () => void;
};

/** The library's class with its inner members visible: the one place where its types are widened. */
const Connection = SMTPConnection as unknown as new (
  options: SMTPConnection.Options,
) => SMTPConnection & Inner;

/** For the answer to QUIT. */
const LAST_WORD: DurationMs = 5000;

export class UpstreamConnection extends Connection {
  #lastCommand: Stage | null = null;

  /** `socket` is connected already. */
  constructor(target: SmtpTarget, socket: Socket) {
    super(connectionOptions(target, socket));
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

  /**
   * Gives away the socket: from now on nothing that happens to it is heard here. Null: it is closed already, or something
   * has come that was not asked for.
   */
  handOver(): Socket | null {
    const socket = this._socket;
    if (!socket || !this.usable || this._responseActions.length > 0) return null;
    socket.removeListener('data', this._onSocketData);
    socket.removeListener('error', this._onSocketError);
    socket.removeListener('timeout', this._onSocketTimeout);
    socket.removeListener('end', this._onSocketEnd);
    socket.removeListener('close', this._onSocketClose);
    return socket;
  }

  override _sendCommand(line: string, logged?: string): void {
    // A base64 line of AUTH can look like a bare word, but has no space.
    const verb = /^(EHLO |HELO |STARTTLS$|AUTH )/.exec(line)?.[1] ?? '';
    this.#lastCommand = STAGES.get(verb) ?? this.#lastCommand;
    super._sendCommand(line, logged);
  }

  /** HELO is for those who do not know EHLO (RFC 5321 §3.2); after any other refusal it would only hide the reason. */
  override _actionEHLO(reply: string): void {
    if (reply.startsWith('2') || EHLO_UNKNOWN.has(reply.slice(0, 3))) super._actionEHLO(reply);
    else this._onError(new Error('EHLO was refused'), 'ECONNECTION', reply, 'EHLO');
  }
}

const EHLO_UNKNOWN: ReadonlySet<string> = new Set(['500', '502', '504']);

const STAGES: ReadonlyMap<string, Stage> = new Map([
  ['EHLO ', 'ehlo'],
  ['HELO ', 'ehlo'],
  ['STARTTLS', 'starttls'],
  ['AUTH ', 'auth'],
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
