// From a finished SASL exchange to a principal and a reply. The reply to every wrong login is the same, whatever was
// wrong; the reason goes to the log alone.

import type { Principal } from '../accounts/principal.ts';
import type { ExchangeRefusal, ExchangeStep } from '../sasl/exchange.ts';
import type { Credentials } from '../sasl/mechanism.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies } from '../smtp/reply-table.ts';

export type Verdict =
  | Readonly<{
      kind: 'verified';
      principal: Principal;
      /** What the server must prove to the client before the login is complete (SCRAM); null where nothing. */
      evidence: Uint8Array | null;
    }>
  | Readonly<{ kind: 'refused' }>
  /** Too many logins at once; says nothing about the password. */
  | Readonly<{ kind: 'busy' }>
  /** Not now, whatever the password: a ban, or the account's connections. */
  | Readonly<{ kind: 'not-now'; reply: Reply }>
  /** Too many failed logins wait for their answer already. */
  | Readonly<{ kind: 'hang-up' }>;

/** Verifies credentials for this session, logs the result and holds a failure back as the throttle says. */
export type Authenticate = (mechanism: string, credentials: Credentials | null) => Promise<Verdict>;

export type Judged =
  /** Verified. `proof` is the dialogue that is left before the login is complete, or null. */
  | Readonly<{ kind: 'verified'; principal: Principal; proof: ExchangeStep | null }>
  /** `counts`: it is a failed login of this connection. */
  | Readonly<{ kind: 'refused'; reply: Reply; counts: boolean }>;

type Finished = Extract<ExchangeStep, { kind: 'credentials' | 'refused' }>;

export async function judgeExchange(step: Finished, authenticate: Authenticate): Promise<Judged> {
  if (step.kind === 'credentials') {
    const verdict = await authenticate(step.mechanism, step.credentials);
    if (verdict.kind !== 'verified') return judge(verdict);
    const proof = step.prove && verdict.evidence ? step.prove(verdict.evidence) : null;
    return { kind: 'verified', principal: verdict.principal, proof };
  }
  // An empty name or another's authzid is a wrong login like any other: same reply, same delay.
  if (isWrongLogin(step.refusal)) {
    const verdict = await authenticate(step.mechanism ?? '', null);
    return verdict.kind === 'verified' ? refused(replies.credentialsInvalid) : judge(verdict);
  }
  return { kind: 'refused', reply: replyTo(step.refusal), counts: false };
}

function isWrongLogin(refusal: ExchangeRefusal): boolean {
  return refusal === 'credentials' || refusal === 'authorization' || refusal === 'downgraded';
}

function judge(verdict: Exclude<Verdict, { kind: 'verified' }>): Judged {
  switch (verdict.kind) {
    case 'refused':
      return refused(replies.credentialsInvalid);
    case 'hang-up':
      return refused(replies.tooManyFailures);
    case 'busy':
      return { kind: 'refused', reply: replies.authBusy, counts: false };
    case 'not-now':
      return { kind: 'refused', reply: verdict.reply, counts: false };
    default:
      return verdict satisfies never;
  }
}

function refused(reply: Reply): Judged {
  return { kind: 'refused', reply, counts: true };
}

/** RFC 4954 §4 and §6. */
export function replyTo(refusal: ExchangeRefusal): Reply {
  switch (refusal) {
    case 'syntax':
      return { ...replies.badArguments, text: 'Syntax: AUTH mechanism [initial-response]' };
    case 'unknown-mechanism':
      return replies.unknownMechanism;
    case 'unexpected-initial-response':
      return replies.authUnexpectedResponse;
    case 'undecodable':
      return replies.badBase64;
    case 'cancelled':
      return replies.authCancelled;
    case 'line-too-long':
      return replies.authLineTooLong;
    case 'malformed':
      return replies.authMalformed;
    case 'channel-binding':
      return replies.channelBindingUnsupported;
    case 'authorization':
    case 'credentials':
    case 'downgraded':
      return replies.credentialsInvalid;
    default:
      return refusal satisfies never;
  }
}
