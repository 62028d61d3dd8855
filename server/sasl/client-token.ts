// Access tokens of OAuth2 as a login: what XOAUTH2 and OAUTHBEARER have in common. Both send the token in one message, and a
// server that does not take it says so in a challenge of JSON, which must be answered before its reply comes. What the JSON
// says is kept for the diagnosis; it comes from outside and is cut to what a person can read.

import type { ClientStep, TokenRefusal } from './client-mechanism.ts';
import { answer } from './client-mechanism.ts';

export type TokenLogin = Readonly<{
  /** The mailbox. Sent as UTF-8, as the operator gave it. */
  user: string;
  /** As the token endpoint gave it. */
  token: string;
  /** Whom we have connected to, by the name that we know (RFC 7628 §3.1). */
  host: string;
  port: number;
}>;

export type TokenMechanism = Readonly<{
  /** As EHLO shows it, in capitals. */
  name: string;
  /** The first step; its octets are the initial response. */
  start: (login: TokenLogin) => ClientStep;
}>;

/** Between the pairs of a message, and at its end (RFC 7628 §3.1: kvsep). */
export const KVSEP = '\x01';

/** Enough for every scope that one would read. */
const LONGEST_VALUE = 200;

/** The first message; a challenge after it is a refusal, which is answered with `dummy` before the reply comes. */
export function presentToken(message: string, dummy: Uint8Array): ClientStep {
  return answer(new TextEncoder().encode(message), challenge => ({
    ...answer(dummy),
    refusal: refusalOf(challenge),
  }));
}

/** RFC 7628 §3.2.2; Google and Microsoft write a number for the status. What is no JSON says nothing. */
function refusalOf(challenge: Uint8Array): TokenRefusal {
  const said = parseJson(new TextDecoder().decode(challenge));
  const value = (name: string): string | null => {
    const found: unknown = typeof said === 'object' && said !== null ? Reflect.get(said, name) : undefined;
    if (typeof found !== 'string' && typeof found !== 'number') return null;
    const words = String(found)
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim();
    return words === '' ? null : words.slice(0, LONGEST_VALUE);
  };
  return { status: value('status'), schemes: value('schemes'), scope: value('scope') };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
