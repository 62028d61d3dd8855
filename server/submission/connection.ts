// One client connection: octets to command lines, actions to octets. It carries out what the session decides. One of the
// places where smtp-server is imported (libraries.md §15): the library brings the parser, STARTTLS and the socket's life;
// command dispatch, replies, AUTH and every gate are ours.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection';
import type { DurationMs } from '../clock.ts';
import { type ClientAddress, parseClientAddress } from '../smtp/address.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import type { Action } from './action.ts';
import type { ConnectionLogins } from './authenticator.ts';
import type { ConnectionContext, Entry } from './connection-context.ts';
import { DataParser } from './data-parser.ts';
import { createPace, type Pace } from './pace.ts';
import { createSession, type Session } from './session.ts';
import { createSessionReports, type SessionReports } from './session-reports.ts';
import { channelBinding, tlsFacts } from './tls-facts.ts';

/** Time for the last reply to arrive when Postern stops. */
const FAREWELL: DurationMs = 200;
/** Octets that the parser takes while it is busy: a record of TLS. What is read ahead of a large message lives long. */
const READ_AHEAD = 16 * 1024;
const UNKNOWN_ADDRESS: ClientAddress = {
  version: 4,
  text: '0.0.0.0',
  literal: '[0.0.0.0]',
  isLoopback: false,
};

export class SubmissionConnection extends SMTPConnection {
  readonly #context: ConnectionContext;
  readonly #leave: () => void;
  readonly #reports: SessionReports;
  readonly #pace: Pace;
  readonly #address: ClientAddress;
  readonly #logins: ConnectionLogins;
  #session: Session;
  #endPoints: readonly Uint8Array[];
  #messages = 0;
  /** A message is coming in, or is being kept. */
  #receiving = false;
  #endedBecause = 'client left';

  constructor(
    server: SMTPServer,
    socket: Socket | TLSSocket,
    options: SMTPConnectionOptions | undefined,
    { context, leave }: Entry,
  ) {
    super(server, socket, options);
    this.#context = context;
    this.#leave = leave;
    this.#pace = createPace(context);
    this.#address = parseClientAddress(this.remoteAddress) ?? UNKNOWN_ADDRESS;
    this.#reports = createSessionReports(context, {
      session: this.id,
      address: this.#address.text,
      account: () => this.#session.principal()?.name,
    });
    this.#endPoints = context.endPoints();
    this.#logins = context.loginsFor({
      session: this.id,
      address: this.#address,
      mechanisms: context.mechanisms,
      channelBinding: type => channelBinding(this._socket, type, this.#endPoints),
    });
    this.#session = createSession(context.settings, this.#logins, { secureFromStart: this.secure });
  }

  /** The library waits 100 ms for early talkers and asks the DNS for a name: neither helps a LAN, both cost. */
  override init(): void {
    this._setListeners(() => this.#begin());
  }

  override _createParser(): DataParser {
    const { maxCommandLength } = this._server.options;
    const parser = new DataParser({ maxCommandLength, highWaterMark: READ_AHEAD });
    parser.oncommand = (line, callback) => this._onCommand(line, callback);
    parser.on('error', () => this.#refuse(replies.lineTooLong, 'protocol'));
    return parser;
  }

  /** Ends a session that is idle or too slow. Called about once a second. */
  checkDeadlines(): void {
    if (this._closing || this._closed || !this._ready) return;
    // A client that resets the connection while it is being answered leaves a TLS socket of STARTTLS that Node (24.21)
    // never closes: it would keep its place until a deadline.
    if (this._socket.readableEnded) return this.close();
    const parser = this._parser;
    const reply = this.#pace.overdue({
      authenticated: this.#session.principal() !== null,
      hasPartialLine: parser !== false && parser._remainder !== '',
      // Once the message is in, what takes time is ours.
      dataOctets: parser !== false && parser._dataMode ? parser.dataBytes : null,
    });
    if (reply) this.#refuse(reply, 'deadline');
  }

  /** Tells a client that waits for nothing that Postern is going; one that is being served hears it after its reply. */
  sayGoodbye(): void {
    if (this.#pace.awaited() === 'command' && !this.#receiving)
      this.#refuse(replies.shuttingDown, 'shutdown');
  }

  override _onCommand(line: Buffer, callback?: () => void): void {
    const done = () => this._whenWritable(callback ?? (() => undefined));
    // What was buffered in clear while the handshake runs is dropped without an answer (STARTTLS injection).
    if (this._upgrading || this._closing) return done();
    if (this.#context.stopping()) return this.#refuse(replies.shuttingDown, 'shutdown');
    this.#pace.serve();
    const tooLong = line.length > this.#context.commandLine && !this.#mayBeAuthentication(line);
    const action = tooLong ? this.#session.lineTooLong() : this.#session.command(line);
    if (action instanceof Promise)
      action.then(
        result => this.#perform(result, done),
        error => this.#fail(error),
      );
    else this.#perform(action, done);
  }

  /** The library's own replies (a parser error, a closing server) go out in our words. */
  override send(code: number, _data?: string | string[] | null): void {
    const stopping = this.#context.stopping();
    this.#refuse(
      stopping ? replies.shuttingDown : code === 421 ? replies.lineTooLong : replies.internalError,
      'protocol',
    );
  }

  /** The library's idle timer is only the last resort behind `checkDeadlines`; it rests while we owe the client a reply. */
  override _onTimeout(): void {
    if (this._closing) this._socket.destroy();
    else if (this.#pace.awaited() === null) this._armTimeout();
    else this.#refuse(replies.idleTooLong, 'deadline');
  }

  override _onClose(): void {
    const wasOpen = !this._closed;
    const parser = this._parser;
    super._onClose();
    if (parser instanceof DataParser) parser.clientGone();
    if (!wasOpen) return;
    this.#leave();
    this.#logins.ended();
    if (this.#isProbe()) this.#logins.probed();
    this.#reports.closed({
      duration: Math.round(this.#pace.age()),
      messages: this.#messages,
      reason: this.#endedBecause,
    });
  }

  #begin(): void {
    const { door, settings, stopping } = this.#context;
    this._resetSession();
    if (stopping()) return this.#refuse(replies.shuttingDown, 'shutdown');
    // The client was gone before we could ask where it came from.
    if (this.#address === UNKNOWN_ADDRESS) return this.close();
    const refused = door({ session: this.id, address: this.#address });
    if (refused) return this.#refuse(refused, 'door');
    this._ready = true;
    this.#reports.opened({ port: this.localPort, tls: this.secure ? 'implicit' : 'starttls' });
    this.#reports.secured(tlsFacts(this._socket));
    this.#write(formatReply(say(replies.greeting, { hostname: settings.hostname })));
    this.#pace.awaitCommand();
  }

  #perform(action: Action, done: () => void): void {
    if (this._closing || this._closed) return;
    if (action.kind === 'data') {
      void this.#takeMessage(action, done).catch(error => this.#fail(error));
      return;
    }
    this.#reports.answered(action.verb, action.reply);
    if (action.kind === 'reply' && action.denied !== undefined)
      this.#reports.denied({ reply: action.reply, reason: action.denied });
    if (action.kind === 'close')
      return this.#refuse(action.reply, action.verb === 'QUIT' ? 'QUIT' : 'refused');
    this.#write(action.wire);
    this.#pace.awaitCommand();
    if (action.kind === 'starttls') this.#beginTls(done);
    else done();
  }

  #beginTls(done: () => void): void {
    this.#endPoints = this.#context.endPoints();
    const accepted = this._socket;
    this.upgrade(done, () => {
      this.#session.secured();
      this.#reports.secured(tlsFacts(this._socket));
      this.#pace.awaitCommand();
    });
    // The library has removed every listener of the accepted socket, this one too.
    accepted.once('close', this.#leave);
  }

  async #takeMessage(action: Extract<Action, { kind: 'data' }>, done: () => void): Promise<void> {
    const { intake } = this.#context;
    const taken = await intake.takePlace(action.principal.accountId, action.transaction);
    const parser = this._parser;
    if (this._closing || this._closed || !(parser instanceof DataParser))
      return taken.kind === 'place' ? taken.place.end() : undefined;
    if (taken.kind === 'denied') return this.#perform(this.#session.noPlace(taken.denial), done);
    const data = this.#pace.awaitData(parser.beginData());
    this.#receiving = true;
    this.#write(formatReply(replies.startData));
    done();
    const { principal, transaction, hello, extended } = action;
    const client = { session: this.id, address: this.#address, tls: tlsFacts(this._socket) };
    const origin = { ...client, principal, transaction, hello, extended };
    const reply = await intake.receive(data, origin, taken.place);
    this.#receiving = false;
    this.#pace.dataEnded();
    this.#session.transactionEnded({ accepted: reply?.code === 250 });
    if (!reply || this._closed) return; // the client vanished: nothing was kept, nobody is there to hear
    this.#messages++;
    this.#write(formatReply(reply));
    if (reply.code === 421 || this.#context.stopping()) {
      return this.#refuse(reply.code === 421 ? null : replies.shuttingDown, 'shutdown');
    }
    this.#pace.awaitCommand();
    if (this._parser) this._parser.continue();
  }

  /** A bug must end this session and no other. */
  #fail(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#reports.refused(replies.internalError, `bug: ${text}`);
    this.#write(formatReply(replies.internalError));
    this.close();
  }

  #refuse(reply: Reply | null, reason: string): void {
    this.#endedBecause = reason;
    const hostname = this.#context.settings.hostname;
    if (reply) {
      const said = { ...reply, text: reply.text.replace('{hostname}', hostname) };
      this.#write(formatReply(said));
      // The door says for itself whom it sent away; probes and failed handshakes are counted, for there may be many.
      const isSaid = reason === 'door' || (reason === 'deadline' && (this._upgrading || this.#isProbe()));
      if (reply.code >= 400 && !isSaid) this.#reports.refused(said, reason);
    }
    this.close();
    // A client that keeps its side open must not hold up the end: the last reply is on its way.
    if (this.#context.stopping()) setTimeout(() => this._socket.destroy(), FAREWELL);
  }

  /** It came in, and neither tried to log in nor did anything wrong: devices and monitors look whether we are there. */
  #isProbe(): boolean {
    const left = /^(client left|QUIT|deadline)$/.test(this.#endedBecause);
    return left && this._ready && !this._upgrading && !this.#logins.tried();
  }

  /** One write per reply: a second segment would wait for the client's delayed acknowledgement. */
  #write(wire: string): void {
    // While the handshake runs the socket is still the raw one: nothing may be written in clear into it.
    if (!this._upgrading && this._socket.writable && !this._socket.destroyed)
      this._socket.write(wire, 'latin1');
  }

  #mayBeAuthentication(line: Buffer): boolean {
    return this.#session.inExchange() || /^\s*auth\s/i.test(line.toString('latin1', 0, 16));
  }
}
