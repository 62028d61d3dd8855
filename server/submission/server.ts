// The listeners: one smtp-server per configured port, sharing everything but the way TLS begins. The other place where
// smtp-server is imported. It guarantees that no client can crash the process (an error listener on every server), and
// that stopping lets messages under way finish.

import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { DurationMs } from '../clock.ts';
import { MAX_EXCHANGE_LINE } from '../sasl/exchange.ts';
import { parseClientAddress } from '../smtp/address.ts';
import { type ConnectionContext, SubmissionConnection } from './connection.ts';
import type { SessionSettings } from './session.ts';

export type Listener = Readonly<{ address: string; port: number; tls: 'starttls' | 'implicit' }>;

/** Key and certificate chains for `tls.createSecureContext`, as tls/secure-context.ts makes them. */
export type TlsMaterial = Readonly<
  Pick<
    SMTPServerOptions,
    'key' | 'cert' | 'minVersion' | 'ciphers' | 'ecdhCurve' | 'honorCipherOrder' | 'sessionIdContext'
  >
>;

export type BindFailure = Readonly<{ listener: Listener; code: string; text: string }>;

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
  context: Omit<ConnectionContext, 'settings' | 'stopping'>;
  settings: Omit<SessionSettings, 'offersStartTls'>;
  /** Connections in total: the library drops sockets beyond it whose handshake is still under way. */
  connections: number;
}>;

/** Above the longest AUTH line, so that one that is too long is answered and the session stays in step. */
const MAX_LINE = 4 * MAX_EXCHANGE_LINE;
const SWEEP: DurationMs = 1_000;

export function createSubmission(deps: Deps): Submission {
  let stopping = false;
  const servers = deps.listeners.map(listener => createServer(listener, deps, () => stopping));
  const sweep = setInterval(
    () => forEachConnection(servers, connection => connection.checkDeadlines()),
    SWEEP,
  );
  sweep.unref();

  return {
    listen: async () => {
      const bound: Listener[] = [];
      for (const [i, server] of servers.entries()) {
        const listener = deps.listeners[i];
        if (!listener) continue;
        const result = await bind(server, listener);
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

class SubmissionServer extends SMTPServer {
  readonly #contextOf: () => ConnectionContext;

  constructor(options: SMTPServerOptions, contextOf: () => ConnectionContext) {
    super(options);
    this.#contextOf = contextOf;
  }

  /** Documented as overridable: hands out our connection in place of the library's. */
  override connect(...[socket, options]: Parameters<SMTPServer['connect']>): void {
    const connection = new SubmissionConnection(this, socket, options ?? undefined, this.#contextOf());
    this.connections.add(connection);
    connection.on('error', error => this._onError(error));
    connection.init();
  }
}

function createServer(listener: Listener, deps: Deps, stopping: () => boolean): SubmissionServer {
  const settings = { ...deps.settings, offersStartTls: listener.tls === 'starttls' };
  const context: ConnectionContext = { ...deps.context, settings, stopping };
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
    () => context,
  );
  // Without a listener any client could end the process with a broken handshake (libraries.md §6).
  server.on('error', (error: HandshakeError) => reportError(error, deps.context));
  return server;
}

type HandshakeError = Error &
  Readonly<{
    code?: string;
    remoteAddress?: string;
    meta?: Readonly<{ remoteAddress?: string; tlsProtocol?: string | null }>;
  }>;

/** STARTTLS failures are reported twice by the library, and a client that resets the connection is no failure of ours. */
function reportError(error: HandshakeError, { log }: Pick<ConnectionContext, 'log'>): void {
  if (reported.has(error)) return;
  reported.add(error);
  const address = parseClientAddress(error.remoteAddress ?? error.meta?.remoteAddress)?.text;
  const isTls = /^ERR_(SSL|TLS)|^EPROTO/.test(error.code ?? '') || error.meta !== undefined;
  if (!isTls) return;
  log('session.tls_failed', { ...(address === undefined ? {} : { address }), text: explainHandshake(error) });
}

const reported = new WeakSet<Error>();

function explainHandshake(error: HandshakeError): string {
  const code = error.code ?? '';
  const offered = error.meta?.tlsProtocol ? ` (it offered ${error.meta.tlsProtocol})` : '';
  if (/UNSUPPORTED_PROTOCOL|VERSION|NO_SHARED_CIPHER/.test(code)) {
    return `The device speaks only an old TLS${offered}; Postern needs TLS 1.2 or newer. Look for a firmware update. ${code}`;
  }
  if (/UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN/.test(code)) {
    return `The device does not trust Postern's certificate: import ca.crt into the device, or let it accept any certificate. ${code}`;
  }
  if (/WRONG_VERSION_NUMBER|HTTP_REQUEST/.test(code)) {
    return `The device did not speak TLS on a port that begins with TLS: choose SSL/TLS in the device, or the port for STARTTLS. ${code}`;
  }
  return `The TLS handshake failed: ${error.message}`;
}

/** Every address means every IPv4 address where the machine has no IPv6. */
async function bind(server: SMTPServer, listener: Listener): Promise<Listener | BindFailure> {
  const result = await bindOnce(server, listener);
  const noIpv6 =
    'code' in result && /EAFNOSUPPORT|EADDRNOTAVAIL/.test(result.code) && listener.address === '::';
  return noIpv6 ? bindOnce(server, { ...listener, address: '0.0.0.0' }) : result;
}

function bindOnce(server: SMTPServer, listener: Listener): Promise<Listener | BindFailure> {
  return new Promise(resolve => {
    const onError = (error: NodeJS.ErrnoException) => {
      resolve({ listener, code: error.code ?? 'unknown', text: error.message });
    };
    server.server.once('error', onError);
    server.listen({ port: listener.port, host: listener.address }, () => {
      server.server.removeListener('error', onError);
      const address = server.server.address();
      resolve({ ...listener, port: typeof address === 'object' && address ? address.port : listener.port });
    });
  });
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
