// Logs in to an upstream with the best mechanism that both sides know (RFC 4954). nodemailer's own login is not used: it
// knows no SCRAM, cannot bind to the channel, and does not ask the server for its proof. What is sent here is secret;
// no part of it reaches an error or a log.

import type {
  ClientContext,
  ClientFailure,
  ClientLogin,
  ClientMechanism,
} from '../../sasl/client-mechanism.ts';
import { clientMechanisms } from '../../sasl/client-mechanisms.ts';
import { decodeBase64, encodeBase64 } from '../../sasl/decode.ts';
import { parseRemoteReply } from '../remote-reply.ts';
import type { SetupTrouble } from '../setup-fault.ts';
import { troubleWithoutSecrets } from '../without-secrets.ts';
import { setupStep, setupTrouble } from './setup-step.ts';
import type { UpstreamConnection } from './smtp-connection.ts';

export type LoginResult =
  | Readonly<{ kind: 'accepted'; mechanism: string }>
  | Readonly<{ kind: 'no-mechanism' }>
  | Readonly<{ kind: 'trouble'; trouble: SetupTrouble }>
  /** We broke it off. */
  | Readonly<{ kind: 'broken'; mechanism: string; failure: ClientFailure }>;

/** Challenges in one login; SCRAM has three. */
const MAX_CHALLENGES = 5;

/** `offered`: the upstream's SASL mechanisms. Never rejects. */
export async function logInTo(
  connection: UpstreamConnection,
  offered: readonly string[],
  login: ClientLogin,
  context: ClientContext,
): Promise<LoginResult> {
  let result: LoginResult = { kind: 'no-mechanism' };
  for (const mechanism of clientMechanisms(offered, context)) {
    result = await logInWith(mechanism, connection, login, context);
    // 504: the mechanism is offered and not taken after all (RFC 4954 §4); the next one may do.
    if (!isRefused(result, 504)) break;
  }
  return result;
}

/** Tries the password's other form where the first is said to be wrong. */
async function logInWith(
  mechanism: ClientMechanism,
  connection: UpstreamConnection,
  login: ClientLogin,
  context: ClientContext,
): Promise<LoginResult> {
  const [password = login.password, other] = mechanism.passwords(login.password);
  const result = await logInBy(mechanism, connection, { ...login, password }, context);
  if (other === undefined || !isRefused(result, 535)) return result;
  const again = await logInBy(mechanism, connection, { ...login, password: other }, context);
  // A server may hang up at the second: what it said to the first is the reason.
  return again.kind === 'accepted' ? again : result;
}

function isRefused(result: LoginResult, code: number): boolean {
  return result.kind === 'trouble' && result.trouble.reply?.code === code;
}

async function logInBy(
  mechanism: ClientMechanism,
  connection: UpstreamConnection,
  login: ClientLogin,
  context: ClientContext,
): Promise<LoginResult> {
  const { name } = mechanism;
  let step = mechanism.start(login, context);
  let prefix = `AUTH ${name}`;
  const tokens: string[] = [];
  const failed = (trouble: SetupTrouble): LoginResult => ({
    kind: 'trouble',
    trouble: troubleWithoutSecrets(trouble, { password: login.password, tokens }),
  });
  for (let challenges = 0; step.kind === 'answer' && challenges <= MAX_CHALLENGES; challenges++) {
    const { octets, next, owesProof } = step;
    if (octets !== null) tokens.push(encodeBase64(octets));
    const asked = await setupStep<string>(connection, (done, fail) =>
      connection.authenticate(lineOf(prefix, octets), done, fail),
    );
    if (asked.kind === 'trouble') return failed(asked.trouble);
    const heard = hear(asked.value);
    if (heard.kind === 'refused') return failed(refusal(asked.value));
    if (heard.kind === 'accepted')
      return owesProof ? broken(name, 'unproved') : { kind: 'accepted', mechanism: name };
    if (heard.challenge === null) return broken(name, 'malformed');
    step = await next(heard.challenge);
    prefix = '';
  }
  return broken(name, step.kind === 'failure' ? step.failure : 'malformed');
}

/** An initial response follows the command; of no octets it would be written `=`. */
function lineOf(prefix: string, octets: Uint8Array | null): string {
  if (octets === null) return prefix;
  const text = encodeBase64(octets);
  return prefix === '' ? text : `${prefix} ${text === '' ? '=' : text}`;
}

type Heard =
  | Readonly<{ kind: 'accepted' }>
  | Readonly<{ kind: 'refused' }>
  /** Null: it is no base64. */
  | Readonly<{ kind: 'challenge'; challenge: Uint8Array | null }>;

/** The last line says what the reply is (RFC 5321 §4.2.1): what stands before it is text. */
function hear(reply: string): Heard {
  const last = reply.trimEnd().split(/\r?\n/).at(-1) ?? '';
  const challenge = /^334(?: (.*))?$/.exec(last);
  if (challenge !== null) return { kind: 'challenge', challenge: decodeBase64((challenge[1] ?? '').trim()) };
  const { code } = parseRemoteReply(last);
  return { kind: code !== null && code >= 200 && code < 300 ? 'accepted' : 'refused' };
}

function refusal(response: string): SetupTrouble {
  return setupTrouble('auth', { code: 'EAUTH', message: 'the login was refused', response });
}

function broken(mechanism: string, failure: ClientFailure): LoginResult {
  return { kind: 'broken', mechanism, failure };
}
