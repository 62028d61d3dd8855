// One client connection: octets to command lines, actions to octets. It carries out what the session decides, and keeps
// the times that the deadlines need. One of the two places where smtp-server is imported (libraries.md §15): the library
// brings the parser, STARTTLS and the socket's life; command dispatch, replies, AUTH and every gate are ours.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Mechanism } from '../sasl/mechanism.ts';
import { type ClientAddress, parseClientAddress } from '../smtp/address.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import type { ConnectionLogins, LoginsFor } from './authenticator.ts';
import { DataParser } from './data-parser.ts';
import { createDataProgress, type DataProgress } from './data-progress.ts';
import { type Deadlines, overdue } from './deadlines.ts';
import type { Door } from './door.ts';
import type { Intake } from './intake.ts';
import type { Denial } from './policy.ts';
import { type Action, createSession, type Session, type SessionSettings } from './session.ts';
import { channelBinding, tlsFacts } from './tls-facts.ts';

export type ConnectionContext = Readonly<{
  settings: SessionSettings;
  deadlines: Deadlines;
  /** Octets of the longest command line that is not AUTH. */
  commandLine: number;
  door: Door;
  intake: Intake;
  /** Offered by this listener, in the order of EHLO. */
  mechanisms: readonly Mechanism[];
  loginsFor: LoginsFor;
  /** The channel bindings of the leaves that a handshake beginning now may show. */
  endPoints: () => readonly Uint8Array[];
  clock: Clock;
  log: Log;
  /** Whether anybody reads `session.command`: one event for each command is worth its cost only then. */
  logsCommands: boolean;
  stopping: () => boolean;
}>;

/** Time for the last reply to arrive when Postern stops. */
const FAREWELL: DurationMs = 200;
const UNKNOWN_ADDRESS: ClientAddress = {
  version: 4,
  text: '0.0.0.0',
  literal: '[0.0.0.0]',
  isLoopback: false,
};

export class SubmissionConnection extends SMTPConnection {
  readonly #context: ConnectionContext;
  readonly #address: ClientAddress;
  readonly #connectedAt: DurationMs;
  readonly #logins: ConnectionLogins;
  #session: Session;
  #endPoints: readonly Uint8Array[];
  #waitingSince: DurationMs | null = null;
  #lineSince: DurationMs | null = null;
  #data: DataProgress | null = null;
  #messages = 0;
  #endedBecause = 'client left';

  constructor(
    server: SMTPServer,
    socket: Socket | TLSSocket,
    options: SMTPConnectionOptions | undefined,
    context: ConnectionContext,
  ) {
    super(server, socket, options);
    this.#context = context;
    this.#connectedAt = context.clock.monotonic();
    this.#address = parseClientAddress(this.remoteAddress) ?? UNKNOWN_ADDRESS;
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
    const parser = new DataParser({ maxCommandLength: this._server.options.maxCommandLength });
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
    const now = this.#context.clock.monotonic();
    const parser = this._parser;
    this.#lineSince = this.#hasPartialLine() ? (this.#lineSince ?? now) : null;
    const reply = overdue(
      {
        connectedAt: this.#connectedAt,
        authenticated: this.#session.principal() !== null,
        waitingSince: this.#waitingSince,
        lineSince: this.#lineSince,
        // Once the message is in, what takes time is ours.
        data: parser !== false && parser._dataMode ? (this.#data?.at(parser.dataBytes, now) ?? null) : null,
      },
      this.#context.deadlines,
      now,
    );
    if (reply) this.#refuse(reply, 'deadline');
  }

  /** Tells a client that waits for nothing that Postern is going; one that is being served hears it after its reply. */
  sayGoodbye(): void {
    if (this.#waitingSince !== null && !this._dataStream) this.#refuse(replies.shuttingDown, 'shutdown');
  }

  override _onCommand(line: Buffer, callback?: () => void): void {
    const done = () => this._whenWritable(callback ?? (() => undefined));
    // What was buffered in clear while the handshake runs is dropped without an answer (STARTTLS injection).
    if (this._upgrading || this._closing) return done();
    if (this.#context.stopping()) return this.#refuse(replies.shuttingDown, 'shutdown');
    this.#waitingSince = null;
    this.#lineSince = null;
    if (line.length > this.#context.commandLine && !this.#mayBeAuthentication(line)) {
      this.#write(formatReply(replies.lineTooLong));
      this.#waitForCommand();
      return done();
    }
    const action = this.#session.command(line);
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
    else if (this.#waitingSince === null && !this.#data) this._armTimeout();
    else this.#refuse(replies.idleTooLong, 'deadline');
  }

  override _onClose(): void {
    const wasOpen = !this._closed;
    super._onClose();
    if (!wasOpen) return;
    this.#logins.ended();
    if (this.#isProbe()) this.#logins.probed();
    this.#context.log('session.closed', {
      ...this.#who(),
      duration: Math.round(this.#context.clock.monotonic() - this.#connectedAt),
      messages: this.#messages,
      reason: this.#endedBecause,
    });
  }

  #begin(): void {
    const { door, settings, log, stopping } = this.#context;
    this._resetSession();
    // A client that was gone before it was looked at has no address any more: no stranger, and nobody to talk to.
    if (this.#address === UNKNOWN_ADDRESS) return this.close();
    if (stopping()) return this.#refuse(replies.shuttingDown, 'shutdown');
    // The client was gone before we could ask where it came from.
    if (this.#address === UNKNOWN_ADDRESS) return this.close();
    const refused = door({ session: this.id, address: this.#address });
    if (refused) return this.#refuse(refused, 'door');
    this._ready = true;
    log('session.opened', {
      ...this.#who(),
      port: this.localPort,
      tls: this.secure ? 'implicit' : 'starttls',
    });
    if (this.secure) this.#reportTls();
    this.#write(formatReply(say(replies.greeting, { hostname: settings.hostname })));
    this.#waitForCommand();
  }

  #perform(action: Action, done: () => void): void {
    if (this._closing || this._closed) return;
    if (action.kind === 'data') {
      void this.#takeMessage(action, done).catch(error => this.#fail(error));
      return;
    }
    if (this.#context.logsCommands) {
      this.#context.log('session.command', { ...this.#who(), verb: action.verb, reply: shown(action.reply) });
    }
    if (action.kind === 'reply' && action.denied !== undefined)
      this.#reportDenial({ reply: action.reply, reason: action.denied });
    if (action.kind === 'close')
      return this.#refuse(action.reply, action.verb === 'QUIT' ? 'QUIT' : 'refused');
    this.#write(action.wire);
    this.#waitForCommand();
    if (action.kind === 'starttls') {
      this.#endPoints = this.#context.endPoints();
      this.upgrade(done, () => {
        this.#session.secured();
        this.#reportTls();
        this.#waitForCommand();
      });
      return;
    }
    done();
  }

  async #takeMessage(action: Extract<Action, { kind: 'data' }>, done: () => void): Promise<void> {
    const { intake } = this.#context;
    const taken = await intake.takePlace(action.principal.accountId, action.transaction);
    const parser = this._parser;
    if (this._closing || this._closed || !parser)
      return taken.kind === 'place' ? taken.place.end() : undefined;
    if (taken.kind === 'denied') {
      this.#reportDenial(taken.denial);
      this.#write(formatReply(taken.denial.reply));
      this.#waitForCommand();
      return done();
    }
    const stream = parser.startDataMode();
    this._dataStream = stream;
    this.#data = createDataProgress(this.#context.clock.monotonic(), this.#context.deadlines.dataRate);
    this.#write(formatReply(replies.startData));
    done();
    const { principal, transaction, hello, extended } = action;
    const client = { session: this.id, address: this.#address, tls: tlsFacts(this._socket) };
    const origin = { ...client, principal, transaction, hello, extended };
    const reply = await intake.receive(stream, origin, taken.place);
    this._dataStream = false;
    this.#data = null;
    this.#session.transactionEnded({ accepted: reply?.code === 250 });
    if (!reply || this._closed) return; // the client vanished: nothing was kept, nobody is there to hear
    this.#messages++;
    this.#write(formatReply(reply));
    if (reply.code === 421 || this.#context.stopping()) {
      return this.#refuse(reply.code === 421 ? null : replies.shuttingDown, 'shutdown');
    }
    this.#waitForCommand();
    if (this._parser) this._parser.continue();
  }

  /** At a level that is always written: a person will look for why the device was refused. */
  #reportDenial({ reply, reason }: Denial): void {
    this.#context.log('message.refused', { ...this.#who(), reply: shown(reply), reason });
  }

  /** A bug must end this session and no other. */
  #fail(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#context.log('session.refused', {
      ...this.#who(),
      reply: shown(replies.internalError),
      reason: `bug: ${text}`,
    });
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
      if (reply.code >= 400 && !isSaid)
        this.#context.log('session.refused', { ...this.#who(), reply: shown(said), reason });
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

  #waitForCommand(): void {
    this.#waitingSince = this.#context.clock.monotonic();
  }

  #mayBeAuthentication(line: Buffer): boolean {
    return this.#session.inExchange() || /^\s*auth\s/i.test(line.toString('latin1', 0, 16));
  }

  #hasPartialLine(): boolean {
    const parser = this._parser;
    return parser !== false && parser._remainder !== '';
  }

  #reportTls(): void {
    const facts = tlsFacts(this._socket);
    if (facts) this.#context.log('session.tls', { ...this.#who(), ...facts });
  }

  #who(): Readonly<{ session: string; address: string; account?: string }> {
    const principal = this.#session.principal();
    const who = { session: this.id, address: this.#address.text };
    return principal ? { ...who, account: principal.name } : who;
  }
}

/** A reply for the log: a challenge is part of an authentication and is not shown. */
function shown(reply: Reply): string {
  return reply.code === 334 ? '334' : formatReply(reply).trimEnd();
}
