// One login by one SASL mechanism, on the wire (RFC 4954). nodemailer's own login is not used: it knows no SCRAM, cannot bind
// to the channel, and does not ask the server for its proof. What is sent here is secret; no part of it reaches an error
// or a log.

import type { ClientFailure, ClientStep, TokenRefusal } from '../../sasl/client-mechanism.ts';
import { decodeBase64, encodeBase64 } from '../../sasl/decode.ts';
import { parseRemoteReply } from '../remote-reply.ts';
import type { SetupTrouble } from '../setup-fault.ts';
import { type LoginSecrets, troubleWithoutSecrets } from '../without-secrets.ts';
import { setupStep, setupTrouble } from './setup-step.ts';
import type { UpstreamConnection } from './smtp-connection.ts';

export type ExchangeResult =
  | Readonly<{ kind: 'accepted'; mechanism: string }>
  | Readonly<{ kind: 'trouble'; trouble: SetupTrouble }>
  /** We broke it off. */
  | Readonly<{ kind: 'broken'; mechanism: string; failure: ClientFailure }>;

export type Exchange = Readonly<{
  mechanism: string;
  first: ClientStep;
  /** Beside what is sent, which is hidden anyway. */
  secrets: LoginSecrets;
}>;

/** Challenges in one login; SCRAM has three, and one more without an initial response. */
const MAX_CHALLENGES = 5;

/** RFC 5321 §4.5.3.1.4, its CRLF included. Behind a challenge a line may be longer (RFC 4954 §4). */
const LONGEST_COMMAND = 512;

/** Never rejects. */
export async function exchange(
  connection: UpstreamConnection,
  { mechanism, first, secrets }: Exchange,
): Promise<ExchangeResult> {
  let prefix = `AUTH ${mechanism}`;
  let step = withinCommand(prefix, first);
  let tokenRefusal: TokenRefusal | null = null;
  const sent: string[] = [];
  const failed = (trouble: SetupTrouble): ExchangeResult => {
    const whole = tokenRefusal === null ? trouble : { ...trouble, tokenRefusal };
    const hidden = { ...secrets, tokens: [...secrets.tokens, ...sent] };
    return { kind: 'trouble', trouble: troubleWithoutSecrets(whole, hidden) };
  };
  for (let challenges = 0; step.kind === 'answer' && challenges <= MAX_CHALLENGES; challenges++) {
    const { octets, next, owesProof } = step;
    tokenRefusal = step.refusal ?? tokenRefusal;
    if (octets !== null) sent.push(encodeBase64(octets));
    const line = lineOf(prefix, octets);
    const asked = await setupStep<string>(connection, (done, fail) =>
      connection.authenticate(line, done, fail),
    );
    if (asked.kind === 'trouble') return failed(asked.trouble);
    const heard = hear(asked.value);
    if (heard.kind === 'refused') return failed(refusal(asked.value));
    if (heard.kind === 'accepted')
      return owesProof ? broken(mechanism, 'unproved') : { kind: 'accepted', mechanism };
    if (heard.challenge === null) return broken(mechanism, 'malformed');
    step = await next(heard.challenge);
    prefix = '';
  }
  return broken(mechanism, step.kind === 'failure' ? step.failure : 'malformed');
}

/** RFC 4954 §4: an initial response with which the command is too long is sent in answer to an empty challenge. */
function withinCommand(command: string, first: ClientStep): ClientStep {
  if (first.kind === 'failure' || first.octets === null) return first;
  if (`${lineOf(command, first.octets)}\r\n`.length <= LONGEST_COMMAND) return first;
  return { kind: 'answer', octets: null, next: () => first, owesProof: first.owesProof };
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

function broken(mechanism: string, failure: ClientFailure): ExchangeResult {
  return { kind: 'broken', mechanism, failure };
}
