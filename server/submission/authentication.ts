// From a finished SASL exchange to a principal and a reply. The reply to every wrong login is the same, whatever was
// wrong; the reason goes to the log alone.

import type { Principal } from '../accounts/principal.ts';
import type { ExchangeRefusal, ExchangeStep } from '../sasl/exchange.ts';
import type { Credentials } from '../sasl/mechanism.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies } from '../smtp/reply-table.ts';

export type Verdict =
  | Readonly<{ kind: 'verified'; principal: Principal }>
  | Readonly<{ kind: 'refused' }>
  /** Too many logins at once; says nothing about the password. */
  | Readonly<{ kind: 'busy' }>
  /** Too many failed logins wait for their answer already. */
  | Readonly<{ kind: 'hang-up' }>;

/** Verifies credentials for this session, logs the result and holds a failure back as the throttle says. */
export type Authenticate = (mechanism: string, credentials: Credentials | null) => Promise<Verdict>;

export type Judged = Readonly<{
  reply: Reply;
  principal: Principal | null;
  /** Whether it is a failed login of this connection. */
  counts: boolean;
}>;

type Finished = Exclude<ExchangeStep, { kind: 'challenge' }>;

export async function judgeExchange(step: Finished, authenticate: Authenticate): Promise<Judged> {
  if (step.kind === 'credentials') return judge(await authenticate(step.mechanism, step.credentials));
  const wrongLogin = step.refusal === 'credentials' || step.refusal === 'authorization';
  // An empty name or another's authzid is a wrong login like any other: same reply, same delay.
  if (wrongLogin) return judge(await authenticate(step.mechanism ?? '', null));
  return { reply: replyTo(step.refusal), principal: null, counts: false };
}

function judge(verdict: Verdict): Judged {
  switch (verdict.kind) {
    case 'verified':
      return { reply: replies.authenticated, principal: verdict.principal, counts: false };
    case 'refused':
      return { reply: replies.credentialsInvalid, principal: null, counts: true };
    case 'hang-up':
      return { reply: replies.tooManyFailures, principal: null, counts: true };
    case 'busy':
      return { reply: replies.authBusy, principal: null, counts: false };
    default:
      return verdict satisfies never;
  }
}

/** RFC 4954 §4 and §6. */
function replyTo(refusal: ExchangeRefusal): Reply {
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
    case 'authorization':
    case 'credentials':
      return replies.credentialsInvalid;
    default:
      return refusal satisfies never;
  }
}
