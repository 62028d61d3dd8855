// Brings up one connection to an upstream: look-up, connection, TLS, EHLO, authentication. Never rejects: what goes
// wrong is a fault of the upstream with its explanation. Nothing secret is sent before TLS is up and verified.

import type { UpstreamFault } from '../../queue/outcome.ts';
import type { Capabilities } from '../capabilities.ts';
import { parseCapabilities } from '../capabilities.ts';
import { parseRemoteReply } from '../remote-reply.ts';
import type { Place, SetupTrouble } from '../setup-fault.ts';
import { classifySetup, noCommonMechanism, passwordUnreadable } from '../setup-fault.ts';
import type { Upstream } from '../upstream.ts';
import type { SocketOpener } from './open-socket.ts';
import type { Security } from './security.ts';
import { certificateNames, securityOf } from './security.ts';
import type { SmtpError, Timeouts } from './smtp-connection.ts';
import { UpstreamConnection } from './smtp-connection.ts';
import type { Trust } from './trust.ts';

export type DialOptions = Readonly<{
  upstream: Upstream;
  /** In clear; null where the upstream needs none or it cannot be opened. */
  password: string | null;
  ehloName: string;
  timeouts: Timeouts;
  opener: SocketOpener;
  trust: Trust;
  /** Aborted: the connection ends at once, now or later. */
  signal: AbortSignal;
}>;

/** `greeted`: what was learned before a login was refused; null where it did not come that far. */
export type Dialled =
  | Readonly<{ kind: 'open'; connection: UpstreamConnection; capabilities: Capabilities }>
  | Readonly<{ kind: 'fault'; fault: UpstreamFault; greeted: Greeted | null }>;

export type Greeted = Readonly<{ capabilities: Capabilities; security: Security | null }>;

export async function dialSmtp(options: DialOptions): Promise<Dialled> {
  const begun = await begin(options, { acceptAnyCertificate: false });
  if (begun.kind === 'fault') return begun;
  const { connection } = begun;
  const timeout = Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
  const deadline = setTimeout(() => connection.abort(timeout), options.timeouts.dial);
  try {
    return await greetAndLogIn(connection, options, placeOf(options.upstream));
  } finally {
    clearTimeout(deadline);
  }
}

/** The certificate that an upstream shows, trusted or not, for a person to look at. Nothing is sent but EHLO. */
export async function lookAtCertificate(options: Omit<DialOptions, 'password'>): Promise<Security | null> {
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
  options: Omit<DialOptions, 'password'>,
  { acceptAnyCertificate }: Readonly<{ acceptAnyCertificate: boolean }>,
): Promise<Begun> {
  const { upstream, timeouts, opener, trust, ehloName, signal } = options;
  const opened = await opener.open(upstream, timeouts.connect);
  if (opened.kind === 'failed') {
    const { code, message } = opened;
    return failed(classifySetup(trouble('connect', { code, message }), placeOf(upstream)));
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
  connection.once('end', () => signal.removeEventListener('abort', abort));
  if (signal.aborted) abort();
  return { kind: 'begun', connection };
}

async function greetAndLogIn(
  connection: UpstreamConnection,
  { upstream, password }: DialOptions,
  place: Place,
): Promise<Dialled> {
  const refused = await connected(connection);
  if (refused !== null) return failed(classifySetup(refused, place));
  const capabilities = parseCapabilities(connection.ehloLines);
  if (upstream.user === null) return { kind: 'open', connection, capabilities };

  const fault = await logIn(connection, capabilities, { user: upstream.user, password }, place);
  if (fault === null) return { kind: 'open', connection, capabilities };
  const security = securityOf(connection);
  connection.close();
  return { kind: 'fault', fault, greeted: { capabilities, security } };
}

async function logIn(
  connection: UpstreamConnection,
  { mechanisms }: Capabilities,
  login: Readonly<{ user: string; password: string | null }>,
  place: Place,
): Promise<UpstreamFault | null> {
  if (login.password === null) return passwordUnreadable(place.upstream);
  const usable = ['PLAIN', 'LOGIN'].filter(mechanism => mechanisms.includes(mechanism));
  let trouble: SetupTrouble | null = null;
  for (const method of usable) {
    trouble = await loggedIn(connection, { method, user: login.user, pass: login.password });
    // 504: the mechanism is offered and not taken after all (RFC 4954 §4); the other one may do.
    if (trouble === null || trouble.reply?.code !== 504) break;
  }
  if (usable.length === 0) return noCommonMechanism(mechanisms, place);
  return trouble === null ? null : classifySetup(trouble, place);
}

/** Resolves with null once EHLO was answered under the protection that the upstream's scheme demands. */
function connected(connection: UpstreamConnection): Promise<SetupTrouble | null> {
  return settled(connection, done => connection.connect(error => done(error ?? null)));
}

function loggedIn(
  connection: UpstreamConnection,
  login: Readonly<{ method: string; user: string; pass: string }>,
): Promise<SetupTrouble | null> {
  return settled(connection, done => connection.login({ ...login }, error => done(error)));
}

/** nodemailer reports the end of a step by callback, by an `error` event, or only by `end`: the first one counts. */
function settled(
  connection: UpstreamConnection,
  step: (done: (error: SmtpError | null) => void) => void,
): Promise<SetupTrouble | null> {
  return new Promise(resolve => {
    const done = (error: SmtpError | null) => {
      connection.off('error', done);
      connection.off('end', ended);
      resolve(error === null ? null : troubleOf(error, connection.stageNow));
    };
    const ended = () => setImmediate(() => done(new Error('connection closed')));
    connection.on('error', done);
    connection.on('end', ended);
    step(done);
  });
}

/** Node's altname error carries the certificate that was shown. */
function troubleOf(
  error: SmtpError & { cert?: { subjectaltname?: string } },
  stage: UpstreamConnection['stageNow'],
): SetupTrouble {
  const reply = error.response === undefined ? {} : { response: error.response };
  return trouble(SETUP_STAGES.find(known => known === stage) ?? 'auth', {
    code: error.originalCode ?? error.code ?? 'EUNKNOWN',
    message: error.message,
    certificateNames: certificateNames(error.cert?.subjectaltname ?? ''),
    ...reply,
  });
}

const SETUP_STAGES: readonly SetupTrouble['stage'][] = ['connect', 'greeting', 'ehlo', 'starttls', 'auth'];

function trouble(
  stage: SetupTrouble['stage'],
  error: Readonly<{ code: string; message: string; response?: string; certificateNames?: readonly string[] }>,
): SetupTrouble {
  return {
    stage,
    reply: error.response === undefined ? null : parseRemoteReply(error.response),
    errorCode: error.response === undefined ? error.code : null,
    message: error.message,
    certificateNames: error.certificateNames ?? [],
  };
}

function failed(fault: UpstreamFault): Extract<Dialled, { kind: 'fault' }> {
  return { kind: 'fault', fault, greeted: null };
}

export function placeOf({ name, host, port, scheme }: Upstream): Place {
  return { upstream: name, host, port, scheme };
}
