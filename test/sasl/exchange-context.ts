// What one session lends to its exchanges, for tests: the values of RFC 2195 and RFC 7677, unless a test says otherwise.

import { beginExchange, type ExchangeStep } from '../../server/sasl/exchange.ts';
import type { ExchangeContext } from '../../server/sasl/mechanism.ts';
import { mechanisms } from '../../server/sasl/mechanisms.ts';

export const CRAM_CHALLENGE = '<1896.697170952@postoffice.reston.mci.net>';
export const SALT = new Uint8Array(Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
export const ITERATIONS = 4096;

export function contextWith(changes: Partial<ExchangeContext> = {}): ExchangeContext {
  return {
    cramChallenge: () => CRAM_CHALLENGE,
    scramNonce: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    scramSalt: () => ({ salt: SALT, iterations: ITERATIONS }),
    channelBinding: () => null,
    listedPlus: () => false,
    ...changes,
  };
}

export const octets = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
export const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
export const unbase64 = (text: string) => Buffer.from(text, 'base64').toString('latin1');

/** Plays the argument of AUTH and then lines (base64, as on the wire); returns every step. */
export function steps(
  argument: string,
  lines: readonly string[] = [],
  changes: Partial<ExchangeContext> = {},
): readonly ExchangeStep[] {
  const seen: ExchangeStep[] = [beginExchange(argument, mechanisms, contextWith(changes))];
  for (const line of lines) {
    const step = seen.at(-1);
    if (step?.kind !== 'challenge') throw new Error(`over before ${JSON.stringify(line)}`);
    seen.push(step.next(octets(line)));
  }
  return seen;
}

export function lastStep(
  argument: string,
  lines: readonly string[] = [],
  changes: Partial<ExchangeContext> = {},
): ExchangeStep {
  const last = steps(argument, lines, changes).at(-1);
  if (last === undefined) throw new Error('no step');
  return last;
}
