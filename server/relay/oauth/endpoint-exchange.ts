// One exchange with an OAuth2 endpoint over HTTPS: what was answered is kept, whatever the library (oauth-client.ts) makes of
// it. Takes at most 30 seconds and 64 KiB. Redirects are not followed, and TLS is verified as Node verifies it.

import type { DurationMs } from '../../clock.ts';
import { asStandard } from './lenient-answer.ts';

export type EndpointAnswer =
  | Readonly<{ kind: 'answer'; status: number; retryAfter: string | null; text: string }>
  | Readonly<{ kind: 'silent'; errorCode: string | null; message: string }>;

export type EndpointExchange = Readonly<{
  /** For the library. Rejects where there is no answer. */
  fetch: (url: string, request: RequestInit) => Promise<Response>;
  /** What came of it; null: nothing was asked. */
  answer: () => EndpointAnswer | null;
}>;

/** For one request; a lease of a consent outlives it. */
export const PATIENCE: DurationMs = 30_000;
const LONGEST_ANSWER = 65_536;
/** A response of such a status has no body, not even an empty one. */
const WITHOUT_BODY = [204, 205, 304];

export function createExchange(signal: AbortSignal | null, patience: DurationMs): EndpointExchange {
  let answer: EndpointAnswer | null = null;
  return {
    fetch: async (url, request) => {
      const inTime = AbortSignal.timeout(patience);
      const until = signal === null ? inTime : AbortSignal.any([inTime, signal]);
      try {
        const response = await fetch(url, { ...request, signal: until });
        const text = await boundedText(response);
        const { status } = response;
        answer = { kind: 'answer', status, retryAfter: response.headers.get('retry-after'), text };
        // Some providers send their JSON under other names.
        const headers = { 'content-type': 'application/json' };
        return new Response(WITHOUT_BODY.includes(status) ? null : standardText(text), { status, headers });
      } catch (error) {
        answer = silence(error);
        throw error;
      }
    },
    answer: () => answer,
  };
}

/** What is longer is no answer of ours: its end is cut off, and so it is no JSON. */
async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    length += part.length;
    if (length > LONGEST_ANSWER) break; // ends the connection
  }
  return Buffer.concat(parts).subarray(0, LONGEST_ANSWER).toString('utf8');
}

function standardText(text: string): string {
  const value = parsed(text);
  return typeof value === 'object' && value !== null ? JSON.stringify(asStandard(value)) : text;
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `fetch` hides what happened behind "fetch failed": the innermost cause says it. */
function silence(error: unknown): EndpointAnswer {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  if (!(innermost instanceof Error)) return { kind: 'silent', errorCode: null, message: 'no reason given' };
  const { name, message: words } = innermost;
  const message = words === '' ? 'no reason given' : words;
  if (name === 'TimeoutError') return { kind: 'silent', errorCode: 'ETIMEDOUT', message };
  if (name === 'AbortError') return { kind: 'silent', errorCode: 'ECANCELED', message };
  const code = 'code' in innermost && typeof innermost.code === 'string' ? innermost.code : null;
  const isTimeout = code !== null && /^UND_ERR_\w*TIMEOUT$/.test(code);
  return { kind: 'silent', errorCode: isTimeout ? 'ETIMEDOUT' : code, message };
}
