// Reads an answer that brought no token: an error of OAuth2, or something else. Our own secrets are taken out of its texts,
// for some servers repeat what they refuse.

import type { DurationMs } from '../../clock.ts';
import { type LoginSecrets, withoutSecrets } from '../without-secrets.ts';
import { type EndpointAnswer, parsed } from './endpoint-exchange.ts';
import { quotable, type TokenTrouble } from './token-trouble.ts';

export function troubleOf(answer: EndpointAnswer, secrets: LoginSecrets): TokenTrouble {
  if (answer.kind === 'silent') return answer;
  const { status, text } = answer;
  const wait = secondsOf(answer.retryAfter);
  const body = parsed(text);
  if (typeof body !== 'object' || body === null) {
    const isRedirect = status >= 300 && status < 400;
    return { kind: 'odd', status, what: isRedirect ? 'redirect' : 'no-json', wait };
  }
  const field = (...names: readonly string[]): string | null => {
    const found = names.map((name): unknown => Reflect.get(body, name)).find(isText);
    return found === undefined ? null : quotable(withoutSecrets(found, secrets));
  };
  const error = field('error');
  if (error === null) return { kind: 'odd', status, what: 'incomplete', wait };
  const description = field('error_description', 'error_message');
  return { kind: 'refused', status, error, description, detail: field('error_subtype', 'suberror'), wait };
}

/** An answer that a browser brought (RFC 6749 §4.1.2.1). */
export function troubleIn(parameters: URLSearchParams): TokenTrouble {
  const field = (...names: readonly string[]): string | null => {
    const found = names.map(name => parameters.get(name)).find(isText);
    return found === undefined ? null : quotable(found);
  };
  return {
    kind: 'refused',
    status: 0,
    error: field('error') ?? '',
    description: field('error_description'),
    detail: field('error_subtype'),
    wait: null,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** Retry-After as seconds; as a date it depends on a clock, and waiting as usual does. */
function secondsOf(retryAfter: string | null): DurationMs | null {
  return retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1000 : null;
}
