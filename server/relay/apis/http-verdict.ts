// What the answer of a sending API comes to: the same outcomes and faults as SMTP's (classify.ts), from what the catalogue of
// each API (one file in this folder) says that the answer means, or from the HTTP status alone. Unknown is deferred, never
// failed; and a status alone fails no message, except where it is too large. The texts say what happened and what to do. Pure.

import type { DurationMs } from '../../clock.ts';
import type { Outcome, Stage, UpstreamFault } from '../../queue/outcome.ts';
import { faultText, type Verdict, waitsForUpstream } from '../classify.ts';
import { type ApiPlace, type ApiResponse, type ApiVerdict, retryAfter } from './sending-api.ts';

export type ApiMeaning =
  /** Our key or token is missing, wrong or not allowed to send. */
  | 'credentials'
  /** A limit of our account is used up, for hours or days. */
  | 'quota'
  /** Too fast. */
  | 'throttled'
  /** Requests from this machine's address are not taken. */
  | 'address-blocked'
  /** We may not send as this sender. */
  | 'sender-identity'
  | 'too-large'
  | 'too-many-recipients'
  /** All recipients of the request, for good. */
  | 'recipient-refused'
  | 'message-refused'
  /** The API says that it does not work just now, and that this is not about the message. */
  | 'unavailable'
  /** It broke over this request: the message may be at fault, or the API; several different messages in a row show which. */
  | 'broken'
  /** It broke, or gave up waiting, at a point where it may have taken the message. */
  | 'maybe-taken'
  /** Not the API that we meant, or not as we must address it: host, path or account. */
  | 'misconfigured'
  | 'unknown';

export type Said = Readonly<{
  place: ApiPlace;
  /** The answer for the record: `replyLine`. */
  line: string;
  /** How long it wants us to wait; null or absent: it did not say. */
  wait?: DurationMs | null;
  /** Instead of the usual text, where more is known. */
  text?: string;
  /**
   * It was answered to the key alone. Anything else may be about this one message, such as the 403 of a filter in between
   * that looks into requests: the breaker then lets another message prove it (breaker.ts, culprit).
   */
  toTheKey?: boolean;
}>;

export function verdictOf(meaning: ApiMeaning, said: Said): Verdict {
  const { upstream } = said.place;
  switch (meaning) {
    case 'credentials':
      return waits(
        faultOf('credentials', said.toTheKey === true ? 'auth' : 'body', said, credentialsText(upstream)),
      );
    case 'quota':
    case 'throttled':
      return waits(faultOf(meaning, 'body', said, faultText(meaning, upstream)));
    case 'address-blocked':
      return waits(faultOf('unreachable', 'body', said, faultText(meaning, upstream)));
    case 'unavailable':
      return waits(faultOf('unreachable', 'body', said, `${upstream} says that it does not work just now.`));
    case 'misconfigured':
      return waits(faultOf('unreachable', 'body', said, misconfiguredText(said.place)));
    case 'broken':
    case 'maybe-taken':
      return brokenOver(meaning, said);
    case 'sender-identity':
      return aboutMessage({ ...deferred('sender-identity', said, senderText(said.place)), status: '4.1.8' });
    case 'too-many-recipients':
      return aboutMessage(deferred('refused-for-now', said, `${upstream} took no more recipients at once.`));
    case 'too-large':
      return aboutMessage({
        ...failed('not-supported-upstream', 'body', said, tooLargeText(upstream)),
        status: '5.3.4',
      });
    case 'recipient-refused':
      return aboutMessage(
        failed('recipient-refused', 'rcpt', said, `${upstream} refused this recipient for good.`),
      );
    case 'message-refused':
      return aboutMessage(
        failed('message-refused', 'body', said, `${upstream} refused the message for good.`),
      );
    case 'unknown':
      return aboutMessage(
        deferred('refused-for-now', said, `${upstream} answered something that Postern does not understand.`),
      );
    default:
      return meaning satisfies never;
  }
}

/**
 * An answer to a request, by what it means. 401 has another token tried first, where tokens are used. Retry-After is heeded
 * wherever it stands.
 */
export function refusal(
  meaning: ApiMeaning,
  response: ApiResponse,
  place: ApiPlace,
  { line, text }: Readonly<{ line: string; text?: string | undefined }>,
): ApiVerdict {
  const said = { place, line, wait: retryAfter(response, place.now), toTheKey: response.status === 401 };
  const verdict = verdictOf(meaning, text === undefined ? said : { ...said, text });
  if (meaning === 'credentials' && response.status === 401) return { kind: 'token-refused', verdict };
  const apart = meaning === 'recipient-refused' || meaning === 'too-many-recipients';
  return { kind: 'refused', verdict, ...(apart ? { apart } : {}) };
}

/**
 * The judgement by status alone, where the catalogue of the API does not know the answer. Also of a 2xx that does not look
 * like this API: something answers in its place, or it has changed; then nobody knows whether the message was taken.
 */
export function byStatus(
  response: ApiResponse,
  place: ApiPlace,
  line: string = replyLine(response, response.body),
): ApiVerdict {
  return refusal(statusMeaning(response.status), response, place, { line });
}

export function statusMeaning(status: number): ApiMeaning {
  if (status >= 200 && status < 300) return 'maybe-taken';
  if (status < 400) return 'misconfigured';
  switch (status) {
    case 401:
    case 403:
    case 407:
      return 'credentials';
    case 402:
      return 'quota';
    case 404:
    case 405:
    case 410:
      return 'misconfigured';
    case 408:
    case 409:
    case 423:
    case 425:
    case 503:
      return 'unavailable';
    case 413:
      return 'too-large';
    case 429:
      return 'throttled';
    case 502:
    case 504:
      return 'maybe-taken';
    default:
      return status >= 500 ? 'broken' : 'unknown';
  }
}

/**
 * For the record, in one line: `HTTP 400 MessageRejected: Email address is not verified.` It begins with a word, so that
 * nobody takes the status for an SMTP reply code.
 */
export function replyLine({ status }: Pick<ApiResponse, 'status'>, ...words: readonly string[]): string {
  const told = words
    .filter(word => word !== '')
    .join(': ')
    .slice(0, 4 * MAX_LINE);
  // A page for people, from whatever stands in between.
  const isPage = /^\s*<|<(!doctype|html|body|head)\b/i.test(told);
  const text = (isPage ? told.replace(/<[^<>]*>/g, ' ') : told).replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return `HTTP ${status} ${text}`.trim().slice(0, MAX_LINE);
}

const MAX_LINE = 300;

function waits(fault: UpstreamFault): Verdict {
  return { outcome: waitsForUpstream(fault), fault };
}

function aboutMessage(outcome: Outcome): Verdict {
  return { outcome, fault: null };
}

/** Who is to blame shows only with several messages in a row (classify.ts, Verdict). */
function brokenOver(meaning: 'broken' | 'maybe-taken', said: Said): Verdict {
  const { upstream } = said.place;
  const again = `${upstream} answers one message after the other with an error of its own. Its status page may say more.`;
  const outcome =
    meaning === 'broken'
      ? deferred('connection-lost', said, `${upstream} broke over this message with an error of its own.`)
      : deferred(
          'ambiguous',
          said,
          `${upstream} did not say clearly whether it took the message. It may have been delivered.`,
        );
  return { outcome, fault: faultOf('unreachable', 'body', said, again) };
}

function faultOf(kind: UpstreamFault['kind'], stage: Stage, said: Said, text: string): UpstreamFault {
  const { line, wait } = said;
  const fault = { kind, stage, reply: line, text: said.text ?? text };
  return wait === undefined || wait === null ? fault : { ...fault, wait };
}

function deferred(
  reason: Extract<Outcome, { kind: 'deferred' }>['reason'],
  { line, text: instead }: Said,
  text: string,
): Extract<Outcome, { kind: 'deferred' }> {
  return { kind: 'deferred', reason, stage: 'body', reply: line, text: instead ?? text };
}

function failed(
  reason: Extract<Outcome, { kind: 'failed' }>['reason'],
  stage: Stage,
  { line, text: instead }: Said,
  text: string,
): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', reason, stage, reply: line, text: instead ?? text };
}

function credentialsText(upstream: string): string {
  return `${upstream} does not accept our key or token, or does not let it send. Check there that it is active and may send mail. Set a new key with \`postern upstream set ${upstream} --password-stdin\`; where it takes OAuth2, authorise Postern anew with \`postern upstream authorize ${upstream}\`.`;
}

function misconfiguredText({ upstream, host }: ApiPlace): string {
  return `${host} does not know what Postern asks for. Check host, path and user in the URL of ${upstream}.`;
}

function senderText({ upstream, reversePath }: ApiPlace): string {
  return reversePath === ''
    ? `${upstream} does not take mail without a sender address (<>). \`--null-sender replace\` puts one in its place.`
    : `${upstream} does not let us send as this sender. Allow the address there (verify it, or its domain), or give the account another sender.`;
}

function tooLargeText(upstream: string): string {
  return `The message is larger than ${upstream} takes. Send it smaller (lower scan resolution, fewer pages), or use another upstream.`;
}
