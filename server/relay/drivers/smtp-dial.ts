// Brings up one connection to an upstream: look-up, connection, TLS, EHLO, authentication. Never rejects: what goes
// wrong is a fault of the upstream with its explanation. Nothing secret is sent before TLS is up and verified, unless the
// upstream's scheme is smtp+notls.

import type { RandomBytes } from '../../ids.ts';
import type { UpstreamFault } from '../../queue/outcome.ts';
import type { Capabilities } from '../capabilities.ts';
import { parseCapabilities } from '../capabilities.ts';
import type { Credentials } from '../credentials.ts';
import type { Place, SetupTrouble } from '../setup-fault.ts';
import { classifySetup } from '../setup-fault.ts';
import type { Upstream } from '../upstream.ts';
import type { SocketOpener } from './open-socket.ts';
import type { Security } from './security.ts';
import { channelBindingOf, securityOf } from './security.ts';
import { setupStep, setupTrouble } from './setup-step.ts';
import type { SmtpError, Timeouts } from './smtp-connection.ts';
import { UpstreamConnection } from './smtp-connection.ts';
import { type Proof, type Proved, proofFrom, prove } from './smtp-proof.ts';
import type { Trust } from './trust.ts';

export type DialOptions = Readonly<{
  upstream: Upstream;
  credentials: Credentials;
  ehloName: string;
  timeouts: Timeouts;
  opener: SocketOpener;
  trust: Trust;
  random: RandomBytes;
  /** Aborted: the connection ends at once, now or later. */
  signal: AbortSignal;
}>;

export type Dialled =
  | Readonly<{
      kind: 'open';
      connection: UpstreamConnection;
      capabilities: Capabilities;
      /** Of the login; null where none was needed. */
      mechanism: string | null;
    }>
  | Readonly<{
      kind: 'fault';
      fault: UpstreamFault;
      /** What was learned before a login was refused; null where it did not come that far. */
      greeted: Greeted | null;
    }>;

export type Greeted = Readonly<{ capabilities: Capabilities; security: Security | null }>;

/** RFC 5802 §5.1 asks for a nonce that nobody guesses. */
const NONCE_OCTETS = 18;

export async function dialSmtp(options: DialOptions): Promise<Dialled> {
  const proof = await proofFrom(options.credentials, options.upstream.name);
  return proof.kind === 'fault' ? failed(proof.fault) : dialWith(proof, options);
}

async function dialWith(proof: Proof, options: DialOptions): Promise<Dialled> {
  const begun = await begin(options, { acceptAnyCertificate: false });
  if (begun.kind === 'fault') return begun;
  const { connection } = begun;
  const timeout = Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
  const deadline = setTimeout(() => connection.abort(timeout), options.timeouts.dial);
  try {
    return await greetAndLogIn(connection, proof, options);
  } finally {
    clearTimeout(deadline);
  }
}

/** The certificate that an upstream shows, trusted or not, for a person to look at. Nothing is sent but EHLO. */
export async function lookAtCertificate(options: Omit<DialOptions, 'credentials'>): Promise<Security | null> {
  const begun = await begin(options, { acceptAnyCertificate: true });
  if (begun.kind === 'fault') return null;
  const { connection } = begun;
  const deadline = setTimeout(
    () => connection.abort(new Error('no answer in time')),
    options.timeouts.connect,
  );
  await connected(connection);
  clearTimeout(deadline);
  const security = securityOf(connection);
  connection.close();
  return security;
}

type Begun =
  | Readonly<{ kind: 'begun'; connection: UpstreamConnection }>
  | Extract<Dialled, { kind: 'fault' }>;

/** Connects; the dialogue has not begun. */
async function begin(
  options: Omit<DialOptions, 'credentials'>,
  { acceptAnyCertificate }: Readonly<{ acceptAnyCertificate: boolean }>,
): Promise<Begun> {
  const { upstream, timeouts, opener, trust, ehloName, signal } = options;
  const opened = await opener.open(upstream, timeouts.connect);
  if (opened.kind === 'failed') {
    const { code, message } = opened;
    return failed(classifySetup(setupTrouble('connect', { code, message }), placeOf(upstream)));
  }
  const { scheme, host, port } = upstream;
  const secureContext = trust(upstream.caPem);
  const connection = new UpstreamConnection(
    { scheme, host, port, ehloName, secureContext, timeouts, acceptAnyCertificate },
    opened.socket,
  );
  // Whatever comes after its time finds a listener: an error without one would end the process.
  connection.on('error', () => undefined);
  const abort = () => connection.abort(new Error('Postern is stopping'));
  signal.addEventListener('abort', abort);
  // The socket outlives the dialogue here: it carries messages later.
  opened.socket.once('close', () => signal.removeEventListener('abort', abort));
  if (signal.aborted) abort();
  return { kind: 'begun', connection };
}

async function greetAndLogIn(
  connection: UpstreamConnection,
  proof: Proof,
  options: DialOptions,
): Promise<Dialled> {
  const place = placeOf(options.upstream);
  const refused = await connected(connection);
  if (refused !== null) return failed(classifySetup(refused, place));
  const capabilities = parseCapabilities(connection.ehloLines);
  const proved = await logIn(connection, proof, capabilities, options);
  if (proved.kind === 'accepted')
    return { kind: 'open', connection, capabilities, mechanism: proved.mechanism };

  const security = securityOf(connection);
  connection.close();
  // Once: what it is tried with then is the other token, and there is no third.
  if (proved.kind === 'anew') return dialWith(proved.proof, options);
  return { kind: 'fault', fault: proved.fault, greeted: { capabilities, security } };
}

function logIn(
  connection: UpstreamConnection,
  proof: Proof,
  { mechanisms }: Capabilities,
  { upstream, random }: DialOptions,
): Promise<Proved> {
  return prove(proof, {
    connection,
    offered: mechanisms,
    user: upstream.user,
    place: placeOf(upstream),
    context: {
      nonce: () => Buffer.from(random(NONCE_OCTETS)).toString('base64url'),
      channelBinding: channelBindingOf(connection),
      plusOffered: mechanisms.includes('SCRAM-SHA-256-PLUS'),
    },
  });
}

/** Null once EHLO was answered under the protection that the upstream's scheme demands. */
async function connected(connection: UpstreamConnection): Promise<SetupTrouble | null> {
  const result = await setupStep<null>(connection, (done, fail) =>
    connection.connect((error?: SmtpError | null) => (error ? fail(error) : done(null))),
  );
  return result.kind === 'trouble' ? result.trouble : null;
}

function failed(fault: UpstreamFault): Extract<Dialled, { kind: 'fault' }> {
  return { kind: 'fault', fault, greeted: null };
}

/** The upstream closed the connection, or spoke unasked, between the login and the first message. */
export function closedAtOnce(upstream: Upstream, stage: SetupTrouble['stage']): UpstreamFault {
  const trouble = setupTrouble(stage, { code: 'ECONNRESET', message: 'connection closed' });
  return classifySetup(trouble, placeOf(upstream));
}

export function placeOf({ name, host, port, scheme, oauth }: Upstream): Place {
  return { upstream: name, host, port, scheme, byToken: oauth !== null };
}
