// Brings up one connection to a sending API: look-up, connection, TLS with a certificate that is verified. Nothing is sent
// yet. Never rejects: what goes wrong is a fault of the upstream with its explanation, in the words of SMTP's (setup-fault.ts).

import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { UpstreamFault } from '../../queue/outcome.ts';
import { classifySetup, type SetupTrouble } from '../setup-fault.ts';
import type { Upstream } from '../upstream.ts';
import type { SocketOpener } from './open-socket.ts';
import { certificateNames, type Security, securityOf } from './security.ts';
import { setupTrouble } from './setup-step.ts';
import type { Timeouts } from './smtp-connection.ts';
import { placeOf } from './smtp-dial.ts';
import type { Trust } from './trust.ts';

export type ApiDialOptions = Readonly<{
  upstream: Upstream;
  timeouts: Timeouts;
  opener: SocketOpener;
  trust: Trust;
  /** Aborted: the connection ends at once, now or later. */
  signal: AbortSignal;
}>;

export type ApiDialled =
  | Readonly<{ kind: 'open'; socket: Socket }>
  | Readonly<{ kind: 'fault'; fault: UpstreamFault }>;

export async function dialApi(options: ApiDialOptions): Promise<ApiDialled> {
  const { upstream, timeouts, opener, signal } = options;
  const opened = await opener.open(upstream, timeouts.connect);
  if (opened.kind === 'failed') {
    const { code, message } = opened;
    return failed(setupTrouble('connect', { code, message }), upstream);
  }
  const { socket } = opened;
  const abort = () => socket.destroy(new Error('Postern is stopping'));
  signal.addEventListener('abort', abort);
  // Also once it is the TLS socket's: the abort ends what is under way.
  socket.once('close', () => signal.removeEventListener('abort', abort));
  if (signal.aborted) abort();
  if (!upstream.scheme.endsWith('+https')) return { kind: 'open', socket };
  const secured = await secure(socket, options, { acceptAnyCertificate: false });
  if (secured.kind === 'trouble') return failed(secured.trouble, upstream);
  return { kind: 'open', socket: secured.socket };
}

/** The certificate that a sending API shows, trusted or not, for a person to look at. Nothing is sent. */
export async function lookAtApiCertificate(options: ApiDialOptions): Promise<Security | null> {
  const opened = await options.opener.open(options.upstream, options.timeouts.connect);
  if (opened.kind === 'failed') return null;
  const secured = await secure(opened.socket, options, { acceptAnyCertificate: true });
  if (secured.kind === 'trouble') return null;
  const security = securityOf({ tlsSocket: secured.socket });
  secured.socket.destroy();
  return security;
}

type Secured =
  | Readonly<{ kind: 'secured'; socket: TLSSocket }>
  | Readonly<{ kind: 'trouble'; trouble: SetupTrouble }>;

function secure(
  raw: Socket,
  { upstream: { host, caPem }, timeouts, trust }: ApiDialOptions,
  { acceptAnyCertificate }: Readonly<{ acceptAnyCertificate: boolean }>,
): Promise<Secured> {
  return new Promise(resolve => {
    const socket = connectTls({
      socket: raw,
      // Its certificate must be for this name, or for this address; SNI has no addresses (RFC 6066 §3).
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      secureContext: trust(caPem),
      ALPNProtocols: ['http/1.1'],
      // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
      rejectUnauthorized: !acceptAnyCertificate,
    });
    const fail = (error: Error) => {
      clearTimeout(deadline);
      socket.destroy();
      resolve({ kind: 'trouble', trouble: troubleOf(error) });
    };
    const late = Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
    const deadline = setTimeout(() => fail(late), timeouts.connect);
    // Stays: a socket without a listener takes the process down with it.
    socket.on('error', fail);
    socket.on('close', () => fail(Object.assign(new Error('connection closed'), { code: 'ECONNRESET' })));
    socket.once('secureConnect', () => {
      clearTimeout(deadline);
      resolve({ kind: 'secured', socket });
    });
  });
}

/** Node's altname error carries the certificate that was shown. */
function troubleOf(error: Error & { code?: string; cert?: { subjectaltname?: string } }): SetupTrouble {
  return setupTrouble('starttls', {
    code: error.code ?? 'EUNKNOWN',
    message: error.message,
    certificateNames: certificateNames(error.cert?.subjectaltname ?? ''),
  });
}

function failed(trouble: SetupTrouble, upstream: Upstream): ApiDialled {
  return { kind: 'fault', fault: classifySetup(trouble, placeOf(upstream)) };
}
