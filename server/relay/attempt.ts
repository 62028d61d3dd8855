// One attempt to hand one message to one upstream: over a warm connection if there is one, else over a new one. A warm
// connection that died before anything of this message was answered is replaced once, within the attempt: the upstream
// cannot have taken the message. What the upstream lacks is converted or said (attempt-envelope.ts, attempt-content.ts); one
// that knows no envelope gets a header that names exactly its recipients. What its answers mean is decided in verdicts.ts.
// Rejects only for a mistake of ours.

import type { Content, DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome, UpstreamFault } from '../queue/outcome.ts';
import { fitContent, type Unreadable } from './attempt-content.ts';
import {
  type FittedEnvelope,
  fitEnvelope,
  type NotSupported,
  notSupported,
  unsayable,
} from './attempt-envelope.ts';
import type { Session } from './drivers/session.ts';
import { withRecipients } from './identity-content.ts';
import type { Pool } from './pool.ts';
import type { Attempt, Judged } from './verdicts.ts';
import { faulty, judgeSent, sameForAll } from './verdicts.ts';

export type Dial = () => Promise<
  Readonly<{ kind: 'open'; session: Session }> | Readonly<{ kind: 'fault'; fault: UpstreamFault }>
>;

export type AttemptDeps = Readonly<{ upstream: string; pool: Pool; dial: Dial }>;

export async function attempt(request: DeliveryRequest, deps: AttemptDeps): Promise<Attempt> {
  const sender = unsayable(request.reversePath, 'sender');
  if (sender !== null) return sameForAll(request, sender, { kind: 'nothing' });
  const refused = new Map<number, Outcome>();
  for (const [position, path] of request.forwardPaths.entries()) {
    const problem = unsayable(path, 'recipient');
    if (problem !== null) refused.set(position, problem);
  }
  const positions = [...request.forwardPaths.keys()].filter(position => !refused.has(position));
  const [first] = refused.values();
  if (first !== undefined && positions.length === 0) return sameForAll(request, first, { kind: 'nothing' });
  return withOutcomes(await attemptAll(onlyFor(positions, request), deps), positions, refused);
}

async function attemptAll(request: DeliveryRequest, deps: AttemptDeps): Promise<Attempt> {
  const { upstream, pool, dial } = deps;
  const warm = pool.take();
  if (warm !== null) {
    const carried = await carry(warm, request, pool);
    if (!isStale(carried.result)) return judge(request, carried, upstream);
    pool.discardIdle();
  }
  request.onPhase('dialling');
  const dialled = await dial();
  if (dialled.kind === 'fault') return faulty(request, dialled.fault);
  return judge(request, await carry(dialled.session, request, pool), upstream);
}

/** `envelope`: for whom it was sent; null where it was sent to nobody, and the result is everybody's. */
type Carried = Readonly<{ result: Judged; envelope: FittedEnvelope | null; dsnPassedOn: boolean }>;

/** As `carryOver`. After a mistake of ours nobody would close the session. */
async function carry(session: Session, request: DeliveryRequest, pool: Pool): Promise<Carried> {
  try {
    return await carryOver(session, request, pool);
  } catch (error) {
    session.close();
    throw error;
  }
}

/** Sends the message, or says why the upstream cannot take it; the session goes back to the pool if it is in step. */
async function carryOver(session: Session, request: DeliveryRequest, pool: Pool): Promise<Carried> {
  const { capabilities } = session;
  const unsent = (result: Judged, envelope: FittedEnvelope | null): Carried => {
    pool.give(session);
    return { result, envelope, dsnPassedOn: false };
  };
  const envelope = fitEnvelope(request, session);
  if (envelope.kind === 'not-supported') return unsent(envelope, null);
  // Refused for all: each has an outcome of its own already.
  if (envelope.recipients.length === 0)
    return unsent({ kind: 'no-recipients', refusals: new Map() }, envelope);
  const addressed = await address(request, envelope, session);
  if (addressed.kind !== 'addressed') return unsent(addressed, envelope);
  const content = await fitContent({ ...request, ...addressed }, capabilities);
  if (content.kind !== 'fitted') return unsent(content, envelope);

  const { messageId, requireTls, dsn, onPhase } = request;
  const sent = await session.send({ ...content, ...envelope, messageId, requireTls, dsn, onPhase });
  // Refused at RCPT or DATA, the transaction is still open (RFC 5321 §4.1.1.5).
  const open = sent.kind === 'no-recipients' || (sent.kind === 'refused' && sent.stage === 'data');
  if (open && !(await session.reset())) session.close();
  else pool.give(session);
  return { result: sent, envelope, dsnPassedOn: dsn !== null && capabilities.dsn };
}

type Addressed = Readonly<{ kind: 'addressed'; content: Content; size: number }>;

async function address(
  { content, size }: DeliveryRequest,
  { recipients }: FittedEnvelope,
  { recipientsFrom }: Session,
): Promise<Addressed | NotSupported | Unreadable> {
  if (recipientsFrom === 'envelope') return { kind: 'addressed', content, size };
  const paths = recipients.map(({ path }) => path);
  const result = await withRecipients(content, paths);
  switch (result.kind) {
    case 'unreadable':
      return result;
    case 'header-too-large':
      return HEADER_TOO_LARGE;
    case 'unchanged':
      return { kind: 'addressed', content, size };
    case 'changed':
      return { ...result, kind: 'addressed' };
    default:
      return result satisfies never;
  }
}

const HEADER_TOO_LARGE: NotSupported = {
  kind: 'not-supported',
  outcome: notSupported(
    'The upstream sends to whom the header of a message names, and this header is too large to be written for its recipients. Use an upstream that speaks SMTP.',
    '5.6.0',
  ),
};

/** The first sign of life was none, or a 421: an idle connection that the upstream had given up. */
function isStale(result: Judged): boolean {
  if (result.kind === 'lost') return !result.answered && !result.bodyConsumed;
  return result.kind === 'refused' && result.stage === 'mail' && result.reply.code === 421;
}

function judge(
  request: DeliveryRequest,
  { result, envelope, dsnPassedOn }: Carried,
  upstream: string,
): Attempt {
  if (envelope === null) return judgeSent(request, result, upstream);
  const positions = envelope.recipients.map(({ position }) => position);
  const judged = judgeSent(onlyFor(positions, request), result, upstream);
  return { ...withOutcomes(judged, positions, envelope.refused), ...(dsnPassedOn ? { dsnPassedOn } : {}) };
}

/** The same message for fewer of its recipients. */
function onlyFor(positions: readonly number[], request: DeliveryRequest): DeliveryRequest {
  const { forwardPaths, dsn } = request;
  if (positions.length === forwardPaths.length) return request;
  const wanted = new Set(positions);
  const chosen = <T>(all: readonly T[]): readonly T[] => all.filter((_, position) => wanted.has(position));
  return {
    ...request,
    forwardPaths: chosen(forwardPaths),
    dsn: dsn === null ? null : { ...dsn, recipients: chosen(dsn.recipients) },
  };
}

/** `attempt` was for the recipients at `positions`; the others have their outcome already. */
function withOutcomes(
  attempt: Attempt,
  positions: readonly number[],
  others: ReadonlyMap<number, Outcome>,
): Attempt {
  const all = new Map(others);
  for (const [i, position] of positions.entries()) {
    const outcome = attempt.outcomes[i];
    if (outcome !== undefined) all.set(position, outcome);
  }
  const outcomes = [...all.entries()].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
  return { ...attempt, outcomes };
}
