// One HTTP POST to a channel. Follows no redirect (it would hand the text to somebody whom the operator did not name),
// reads nothing of the answer but its status, and says in words why it failed: with the host, never with path, query,
// token or a word of the answer, which often repeats them.

import type { DurationMs } from '../../clock.ts';
import type { Sending } from '../sender.ts';

type Post = Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  signal: AbortSignal;
  /** From the beginning to the status line. */
  timeout?: DurationMs;
}>;

const TIMEOUT: DurationMs = 10_000;

/** Never rejects. */
export async function post({ url, headers, body, signal, timeout = TIMEOUT }: Post): Promise<Sending> {
  const { host } = new URL(url);
  const late = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'User-Agent': 'Postern', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, late]),
    });
    await response.body?.cancel();
    return response.ok
      ? { kind: 'ok', text: `${host} took it (${response.status})` }
      : { kind: 'failed', text: `${host} ${refusal(response.status)}` };
  } catch (error) {
    if (signal.aborted) return { kind: 'failed', text: `${host} had not answered when Postern stopped` };
    if (late.aborted)
      return { kind: 'failed', text: `${host} did not answer within ${timeout / 1000} seconds` };
    return { kind: 'failed', text: failure(host, codeOf(error)) };
  }
}

function refusal(status: number): string {
  if (status >= 300 && status < 400)
    return `answers with a redirect (${status}): give the URL that it leads to`;
  switch (status) {
    case 401:
    case 403:
      return `does not let us in (${status}): check the token or the URL`;
    case 404:
    case 410:
      return `knows no such address (${status}): check the URL`;
    case 413:
      return `finds the message too large (${status})`;
    case 429:
      return `says that it gets too many messages (${status})`;
    default:
      return `answers ${status}`;
  }
}

function failure(host: string, code: string): string {
  if (/CERT|SIGNATURE|SSL|TLS|ISSUER/.test(code)) {
    return `the TLS connection to ${host} failed (${code}): this machine does not trust its certificate, or it does not speak TLS`;
  }
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name of ${host} cannot be looked up (${code})`;
    case 'ECONNREFUSED':
      return `${host} refuses the connection`;
    default:
      return `${host} cannot be reached (${code})`;
  }
}

/** fetch rejects with a TypeError whose cause says what happened. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return 'unknown reason';
}
