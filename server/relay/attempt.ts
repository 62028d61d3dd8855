// One attempt to hand one message to one upstream: over a warm connection if there is one, else over a new one. A warm
// connection that died before anything of this message was answered is replaced once, within the attempt: the upstream
// cannot have taken the message. What the answers mean is decided in verdicts.ts. Never rejects.

import type { DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome, UpstreamFault } from '../queue/outcome.ts';
import { unsupported } from './capabilities.ts';
import type { Sent, Session } from './drivers/smtp-session.ts';
import type { Pool } from './pool.ts';
import type { Attempt } from './verdicts.ts';
import { faulty, judgeSent, sameForAll } from './verdicts.ts';

export type Dial = () => Promise<
  Readonly<{ kind: 'open'; session: Session }> | Readonly<{ kind: 'fault'; fault: UpstreamFault }>
>;

export type AttemptDeps = Readonly<{ upstream: string; pool: Pool; dial: Dial }>;

export async function attempt(request: DeliveryRequest, deps: AttemptDeps): Promise<Attempt> {
  if (isUnsayable(request.reversePath)) {
    return sameForAll(request, notSupported(UNSAYABLE), { kind: 'nothing' });
  }
  return attemptOnly(
    request,
    path => !isUnsayable(path),
    notSupported(UNSAYABLE),
    sayable => attemptInternational(sayable, deps),
  );
}

/** Where the upstream lacks SMTPUTF8, only the recipients that need it are lost: the others are tried without them. */
async function attemptInternational(request: DeliveryRequest, deps: AttemptDeps): Promise<Attempt> {
  const all = await attemptAll(request, deps);
  const [first] = all.outcomes;
  const refused = first?.kind === 'failed' && first.reason === 'not-supported-upstream';
  if (!refused || request.smtputf8 || !request.forwardPaths.some(isInternational)) return all;
  return attemptOnly(
    request,
    path => !isInternational(path),
    first,
    plain => attemptAll(plain, deps),
  );
}

/** Attempts only the forward-paths that `may` be attempted; the others get `otherwise`. */
async function attemptOnly(
  request: DeliveryRequest,
  may: (path: string) => boolean,
  otherwise: Outcome,
  run: (request: DeliveryRequest) => Promise<Attempt>,
): Promise<Attempt> {
  const chosen = request.forwardPaths.filter(may);
  if (chosen.length === 0) return sameForAll(request, otherwise, { kind: 'nothing' });
  const { outcomes, evidence } = await run({ ...request, forwardPaths: chosen });
  const rest = [...outcomes];
  const all = request.forwardPaths.map(path => (may(path) ? (rest.shift() ?? otherwise) : otherwise));
  return { outcomes: all, evidence };
}

/** A mailbox that cannot be named without SMTPUTF8 (RFC 6531 §3.3). */
function isInternational(path: string): boolean {
  return /\P{ASCII}/u.test(path);
}

async function attemptAll(request: DeliveryRequest, deps: AttemptDeps): Promise<Attempt> {
  const warm = deps.pool.take();
  if (warm !== null) {
    const sent = await carry(warm, request, deps.pool);
    if (!isStale(sent)) return judgeSent(request, sent, deps.upstream);
    deps.pool.discardIdle();
  }
  request.onPhase('dialling');
  const dialled = await deps.dial();
  if (dialled.kind === 'fault') return faulty(request, dialled.fault);
  return judgeSent(request, await carry(dialled.session, request, deps.pool), deps.upstream);
}

/** Sends the message, or says why the upstream cannot take it; the session goes back to the pool if it is in step. */
async function carry(
  session: Session,
  request: DeliveryRequest,
  pool: Pool,
): Promise<Sent | Readonly<{ kind: 'not-supported'; outcome: Outcome }>> {
  const needy = { ...request, smtputf8: request.smtputf8 || request.forwardPaths.some(isInternational) };
  const lacking = unsupported(needy, session.capabilities);
  if (lacking !== null) {
    pool.give(session);
    return { kind: 'not-supported', outcome: notSupported(lacking) };
  }
  const sent = await session.send(needy);
  // Refused at RCPT or DATA, the transaction is still open (RFC 5321 §4.1.1.5).
  const open = sent.kind === 'no-recipients' || (sent.kind === 'refused' && sent.stage === 'data');
  if (open && !(await session.reset())) session.close();
  else pool.give(session);
  return sent;
}

/** The first sign of life was none, or a 421: an idle connection that the upstream had given up. */
function isStale(sent: Awaited<ReturnType<typeof carry>>): boolean {
  if (sent.kind === 'lost') return !sent.answered && !sent.bodyConsumed;
  return sent.kind === 'refused' && sent.stage === 'mail' && sent.reply.code === 421;
}

/** Angle brackets or control characters end the path early on the wire; RFC 5321 §4.1.2 allows `>` only in quotes. */
function isUnsayable(path: string): boolean {
  return /[<>]|\p{Cc}/u.test(path);
}

const UNSAYABLE =
  'The address contains an angle bracket or a control character, which upstreams do not understand.';

function notSupported(text: string): Outcome {
  return { kind: 'failed', reason: 'not-supported-upstream', stage: 'content', reply: null, text };
}
