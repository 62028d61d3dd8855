// The AUTH dialogue in lines, as the session sees it (RFC 4954 §4): the command's argument first, then one continuation
// line for each challenge. Pure: it says what came of a line, the session replies. Whatever goes wrong ends the exchange
// at that line, so the session is in step again and the next line is a command. Nothing here may be logged raw.

import { decodeBase64, decodeInitialResponse, encodeBase64 } from './decode.ts';
import type { Credentials, ExchangeContext, Mechanism, MechanismFailure, Step } from './mechanism.ts';
import { findMechanism } from './mechanisms.ts';

/**
 * Octets of a response, initial or not, without CRLF (RFC 4954 §4: 12 288 suffice). The session need not keep more:
 * handing over any 12 289 octets of a longer line yields `line-too-long`.
 */
export const MAX_EXCHANGE_LINE = 12_288;

/**
 * Why the exchange ended without credentials, with the reply that RFC 4954 §4 and §6 give it:
 * `syntax` 501 5.5.4 (no mechanism, or too many arguments) · `unknown-mechanism` 504 5.5.4 ·
 * `unexpected-initial-response` 501 5.7.0 · `undecodable` 501 5.5.2 · `cancelled` 501 5.7.0 · `line-too-long` 500 5.5.6 ·
 * `malformed` 501 5.5.2 (base64, but not the mechanism's syntax) · `channel-binding` 504 5.5.4 ·
 * `authorization`, `credentials` and `downgraded` 535 5.7.8.
 */
export type ExchangeRefusal =
  | 'syntax'
  | 'unknown-mechanism'
  | 'unexpected-initial-response'
  | 'undecodable'
  | 'cancelled'
  | 'line-too-long'
  | MechanismFailure;

export type ExchangeStep =
  | Readonly<{
      kind: 'challenge';
      /** The text of the 334 reply: base64, empty for an empty challenge (`334 ` with its space). */
      text: string;
      /** Takes the client's next line, without CRLF. */
      next: (line: Uint8Array) => ExchangeStep;
    }>
  | Readonly<{
      kind: 'credentials';
      mechanism: string;
      credentials: Credentials;
      /** Where set, a right login is complete only after this: the server proves that it knows the account too. */
      prove: ((evidence: Uint8Array) => ExchangeStep) | null;
    }>
  /** The login that was found right before `prove` is complete. */
  | Readonly<{ kind: 'complete'; mechanism: string }>
  | Readonly<{
      kind: 'refused';
      refusal: ExchangeRefusal;
      /** Name of the mechanism for the log, or null where none of ours was named. */
      mechanism: string | null;
    }>;

/**
 * Begins an exchange. `argument` is everything after the verb AUTH; blanks around and between its parts do not count
 * (Windows Mail sends two). `offered` is what this session may use.
 */
export function beginExchange(
  argument: string,
  offered: readonly Mechanism[],
  context: ExchangeContext,
): ExchangeStep {
  const [name, response, ...rest] = argument.split(/[ \t\r\n]+/).filter(part => part !== '');
  if (name === undefined) return refused('syntax', null);
  const mechanism = findMechanism(offered, name);
  if (mechanism === null) return refused('unknown-mechanism', null);
  if (rest.length > 0) return refused('syntax', mechanism.name);
  if (response !== undefined && response.length > MAX_EXCHANGE_LINE)
    return refused('line-too-long', mechanism.name);
  if (response === undefined) return follow(mechanism.start(null, context), mechanism.name);
  if (mechanism.serverFirst) return refused('unexpected-initial-response', mechanism.name);
  const initial = decodeInitialResponse(response);
  if (initial === null) return refused('undecodable', mechanism.name);
  return follow(mechanism.start(initial, context), mechanism.name);
}

function follow(step: Step, mechanism: string): ExchangeStep {
  switch (step.kind) {
    case 'challenge':
      return {
        kind: 'challenge',
        text: encodeBase64(step.octets),
        next: line => answer(line, step.next, mechanism),
      };
    case 'credentials': {
      const { credentials, prove } = step;
      return {
        kind: 'credentials',
        mechanism,
        credentials,
        prove: prove === null ? null : evidence => follow(prove(evidence), mechanism),
      };
    }
    case 'complete':
      return { kind: 'complete', mechanism };
    case 'failure':
      return refused(step.failure, mechanism);
    default:
      return step satisfies never;
  }
}

function answer(line: Uint8Array, next: (response: Uint8Array) => Step, mechanism: string): ExchangeStep {
  if (line.length > MAX_EXCHANGE_LINE) return refused('line-too-long', mechanism);
  // Latin-1 keeps every octet apart, so that one above 127 is seen as the junk it is.
  const text = Buffer.from(line).toString('latin1');
  if (text === '*') return refused('cancelled', mechanism);
  const response = decodeBase64(text);
  return response === null ? refused('undecodable', mechanism) : follow(next(response), mechanism);
}

function refused(refusal: ExchangeRefusal, mechanism: string | null): ExchangeStep {
  return { kind: 'refused', refusal, mechanism };
}
