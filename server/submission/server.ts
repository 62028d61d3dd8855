// The listeners: one smtp-server per configured port, sharing everything but the way TLS begins. Another place where
// smtp-server is imported. It guarantees that no client can crash the process (an error listener on every server), and
// that stopping lets messages under way finish.

import type { Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { DurationMs } from '../clock.ts';
import { MAX_EXCHANGE_LINE } from '../sasl/exchange.ts';
import { mechanisms } from '../sasl/mechanisms.ts';
import { parseClientAddress } from '../smtp/address.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import { serverEndPoints } from '../tls/end-point.ts';
import type { Admission } from './admission.ts';
import { type BindFailure, bind, type Listener } from './bind.ts';
import { SubmissionConnection } from './connection.ts';
import type { ConnectionContext } from './connection-context.ts';
import { createDenialReports } from './denial-reports.ts';
import { createHandshakeReports, type HandshakeError } from './handshake-failure.ts';
import { createRefusalReports, type ReportRefused } from './refusal-reports.ts';
import type { SessionSettings } from './session.ts';

/** Key and certificate chains for `tls.createSecureContext`, as tls/secure-context.ts makes them. */
export type TlsMaterial = Readonly<
  Pick<
    SMTPServerOptions,
    'key' | 'minVersion' | 'ciphers' | 'ecdhCurve' | 'honorCipherOrder' | 'sessionIdContext'
  > & { cert: string[] }
>;

export type Submission = Readonly<{
  /** Binds every listener; all or none. Port 0 takes a free port. Returns where it listens. */
  listen: () => Promise<
    | Readonly<{ kind: 'listening'; bound: readonly Listener[] }>
    | Readonly<{ kind: 'failed'; failure: BindFailure }>
  >;
  /** New handshakes use this from now on; sessions under way keep what they have. */
  useCertificates: (material: TlsMaterial) => void;
  /** Stops accepting, says 421 to whoever waits, gives messages under way at most `grace`. */
  stop: (grace: DurationMs) => Promise<void>;
}>;

type Deps = Readonly<{
  listeners: readonly Listener[];
  material: TlsMaterial;
  /** All that a connection needs, but for what differs from listener to listener. */
  context: Omit<ConnectionContext, 'settings' | 'stopping' | 'mechanisms' | 'endPoints' | 'reportDenied'>;
  admission: Admission;
  settings: Omit<SessionSettings, 'offersStartTls'>;
  /** Connections in total: the library drops sockets beyond it whose handshake is still under way. */
  connections: number;
}>;

/** Above the longest AUTH line, so that one that is too long is answered and the session stays in step. */
const MAX_LINE = 4 * MAX_EXCHANGE_LINE;
const SWEEP: DurationMs = 1_000;
/** Time for the reply to a client that is sent away at once. */
const LAST_WORDS: DurationMs = 1_000;

export function createSubmission(deps: Deps): Submission {
  let stopping = false;
  let endPoints = serverEndPoints(deps.material);
  const shared = {
    stopping: () => stopping,
    endPoints: () => endPoints,
    reportDenied: createDenialReports(deps.context),
    reportError: createHandshakeReports(deps.context),
    reportRefused: createRefusalReports(deps.context),
  };
  const servers = deps.listeners.map(listener => createServer(listener, deps, shared));
  const sweep = setInterval(() => {
    forEachConnection(servers, connection => connection.checkDeadlines());
    for (const server of servers) server.endSlowHandshakes();
  }, SWEEP);
  sweep.unref();

  return {
    listen: async () => {
      const bound: Listener[] = [];
      for (const [i, server] of servers.entries()) {
        const listener = deps.listeners[i];
        if (!listener) continue;
        const result = await bind(server.server, listener);
        if ('code' in result) {
          await Promise.all(servers.map(one => closeServer(one, 0)));
          return { kind: 'failed', failure: result };
        }
        bound.push(result);
      }
      return { kind: 'listening', bound };
    },

    useCertificates: material => {
      for (const server of servers) server.updateSecureContext(material);
      endPoints = serverEndPoints(material);
    },

    stop: async grace => {
      stopping = true;
      const closed = Promise.all(servers.map(server => closeServer(server, grace)));
      forEachConnection(servers, connection => connection.sayGoodbye());
      await closed;
      clearInterval(sweep);
    },
  };
}

type Entrance = Readonly<{ context: ConnectionContext; admission: Admission; reportRefused: ReportRefused }>;

class SubmissionServer extends SMTPServer {
  readonly #entrance: Entrance;
  /** When the sockets were accepted whose handshake comes before everything else. */
  readonly #acceptedAt = new WeakMap<Socket, DurationMs>();
  /** What gives back the place of a socket. */
  readonly #leave = new WeakMap<Socket, () => void>();

  constructor(options: SMTPServerOptions, entrance: Entrance) {
    super(options);
    this.#entrance = entrance;
  }

  /** The first that happens to a socket: here it is counted, whatever becomes of it. */
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    const { context, admission, reportRefused } = this.#entrance;
    const address = parseClientAddress(socket.remoteAddress);
    if (address === null) return gone(socket);
    const admitted = admission.enter(address);
    if (admitted.kind === 'refused') {
      reportRefused(address.text, admitted.reply);
      // Before a handshake nothing can be said, and one costs more than the connection is worth.
      return handshake ? gone(socket) : sendAway(socket, admitted.reply);
    }
    socket.once('close', admitted.leave);
    this.#leave.set(socket, admitted.leave);
    if (handshake) this.#acceptedAt.set(socket, context.clock.monotonic());
    return super._acceptSocket(socket, handshake);
  }

  /** The library's timer begins anew with each octet: whoever drips them would hold a place for ever. */
  endSlowHandshakes(): void {
    const { clock, deadlines } = this.#entrance.context;
    for (const [socket, top] of this._pendingSockets) {
      const since = this.#acceptedAt.get(socket);
      // The topmost: to destroy the raw one under a handshake crashes Node (libraries.md §6).
      if (since !== undefined && clock.monotonic() - since >= deadlines.login) top.destroy();
    }
  }

  /** To begin a handshake on a socket that was destroyed since it was accepted (by our stop) crashes Node (24.21). */
  override _upgrade(...[socket, done]: Parameters<SMTPServer['_upgrade']>): void {
    if (socket.destroyed) done(new Error('The socket was closed before the handshake'));
    else super._upgrade(socket, done);
  }

  /** Documented as overridable: hands out our connection in place of the library's. */
  override connect(...[socket, options]: Parameters<SMTPServer['connect']>): void {
    const { context } = this.#entrance;
    // With implicit TLS this is the socket above the accepted one, whose own listeners stay.
    const leave = this.#leave.get(socket) ?? (() => undefined);
    const connection = new SubmissionConnection(this, socket, options ?? undefined, { context, leave });
    this.connections.add(connection);
    connection.on('error', error => this._onError(error));
    connection.init();
  }

  /**
   * One context serves every server name, and the connection has it already. The library would hand it over once more, and
   * of a context from there Node takes a single leaf: clients that send SNI would all get RSA, or no handshake.
   */
  override _resolveSNI(...[, done]: Parameters<SMTPServer['_resolveSNI']>): void {
    done(null);
  }
}

function createServer(
  listener: Listener,
  deps: Deps,
  shared: Pick<ConnectionContext, 'stopping' | 'endPoints' | 'reportDenied'> &
    Readonly<{ reportError: (error: HandshakeError) => void; reportRefused: ReportRefused }>,
): SubmissionServer {
  const context: ConnectionContext = {
    ...deps.context,
    ...shared,
    settings: { ...deps.settings, offersStartTls: listener.tls === 'starttls' },
    mechanisms: mechanisms.filter(({ name }) => listener.mechanisms.includes(name)),
  };
  const server = new SubmissionServer(
    {
      ...deps.material,
      secure: listener.tls === 'implicit',
      name: deps.settings.hostname,
      disableReverseLookup: true,
      hideENHANCEDSTATUSCODES: false,
      maxClients: deps.connections,
      maxCommandLength: MAX_LINE,
      socketTimeout: deps.context.deadlines.idle,
      logger: false,
    },
    { context, admission: deps.admission, reportRefused: shared.reportRefused },
  );
  // Without a listener any client could end the process with a broken handshake (libraries.md §6).
  server.on('error', shared.reportError);
  return server;
}

function gone(socket: Socket): false {
  socket.on('error', () => undefined);
  socket.destroy();
  return false;
}

/** Says why, and closes; a client that keeps its side open does not hold the socket. */
function sendAway(socket: Socket, reply: Reply): false {
  socket.on('error', () => undefined);
  socket.end(formatReply(reply), 'latin1');
  socket.resume();
  setTimeout(() => socket.destroy(), LAST_WORDS).unref();
  return false;
}

function closeServer(server: SubmissionServer, grace: DurationMs): Promise<void> {
  if (!server.server.listening) return Promise.resolve();
  server.options.closeTimeout = grace;
  return new Promise(resolve => {
    server.close(() => resolve());
  });
}

function forEachConnection(
  servers: readonly SMTPServer[],
  action: (connection: SubmissionConnection) => void,
): void {
  for (const server of servers) {
    for (const connection of server.connections)
      if (connection instanceof SubmissionConnection) action(connection);
  }
}
