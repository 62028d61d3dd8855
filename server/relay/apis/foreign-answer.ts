// Answers that are not the API's: somebody or something stands in its place, or the upstream's URL leads elsewhere. All of that
// is the upstream's state, and no message's fault. Pure.

import type { Verdict } from '../classify.ts';
import { replyLine, verdictOf } from './http-verdict.ts';
import type { ApiPlace, ApiResponse } from './sending-api.ts';

/** These say by their number alone what is the matter, whoever says it. */
const TELLING = new Set([408, 413, 429]);

/** RFC 9110 §15.5.8, RFC 6585 §6: whoever stands in between wants a login of its own, before anything goes through. */
const WANTS_LOGIN = new Set([407, 511]);

/** Null: it is the API's own, to be judged by its description. */
export function foreignVerdict(response: ApiResponse, place: ApiPlace): Verdict | null {
  const { status } = response;
  if (status >= 300 && status < 400) {
    const line = replyLine(response, 'a redirect');
    return verdictOf('misconfigured', { place, line, text: redirectText(response, place) });
  }
  if (WANTS_LOGIN.has(status)) {
    const line = replyLine(response, 'a proxy wants a login');
    return verdictOf('misconfigured', { place, line, text: proxyText(place) });
  }
  if (!isPage(response) || status >= 500 || TELLING.has(status)) return null;
  const title = /<title>([^<]{1,100})<\/title>/i.exec(response.body)?.[1];
  const line = replyLine(response, 'a web page', title ?? '');
  return verdictOf('misconfigured', { place, line, text: pageText(place) });
}

/** Some APIs send a bare word as text/html. */
function isPage({ headers, body }: ApiResponse): boolean {
  return /^(text\/html|application\/xhtml)/i.test(headers['content-type'] ?? '') && /^\s*</.test(body);
}

/** Of where it leads the host alone: the rest may be secret. */
function redirectText({ headers }: ApiResponse, { upstream, host }: ApiPlace): string {
  const location = headers['location'] ?? '';
  const target = URL.canParse(location) ? new URL(location).host : '';
  const where = target === '' || target === host ? 'another address' : target;
  return `${host} sends us on to ${where}, and no mail or key goes where you did not say. Check host and path in the URL of ${upstream}; where they are right, a proxy or a sign-in page stands in between.`;
}

function pageText({ upstream, host }: ApiPlace): string {
  return `A web page came from ${host} instead of an answer of the API. Check host and path in the URL of ${upstream}; where they are right, a proxy or a sign-in page stands in between.`;
}

function proxyText({ upstream, host }: ApiPlace): string {
  return `A proxy or sign-in page between this machine and ${host} wants a login of its own before it lets anything through. Let this machine reach ${host} without it; nothing is wrong with the key or token of ${upstream}.`;
}
