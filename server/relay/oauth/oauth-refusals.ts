// Judges what went wrong at an OAuth2 endpoint: an outage, which passes; a setting, which the operator must change; or the end
// of a consent, which only a person can renew. The texts say which host, what happened, why, and what to do. What no table
// knows is never held against the consent. Pure; no secret comes in here (oauth-client.ts takes them out).

import type { DurationMs } from '../../clock.ts';
import type { UpstreamFault } from '../../queue/outcome.ts';
import { isTlsCode } from '../tls-words.ts';
import { needsConsent } from './oauth-settings.ts';
import type { RefusalPlace, RefusalRow } from './refusal-row.ts';
import { rowsOfAny } from './refusals-any.ts';
import { googleRows } from './refusals-google.ts';
import { microsoftRows } from './refusals-microsoft.ts';
import { quoted, type TokenTrouble } from './token-trouble.ts';

type Refused = Extract<TokenTrouble, { kind: 'refused' }>;
type Odd = Extract<TokenTrouble, { kind: 'odd' }>;
type Silent = Extract<TokenTrouble, { kind: 'silent' }>;

export function tokenFault(trouble: TokenTrouble, place: RefusalPlace): UpstreamFault {
  const judged = judge(trouble, place);
  const wait = trouble.kind === 'silent' ? null : trouble.wait;
  return {
    kind: judged.kind,
    stage: 'auth',
    reply: quoted(trouble),
    text: judged.text,
    ...(wait === null ? {} : { wait: Math.max(wait, SHORTEST_WAIT) }),
  };
}

/** The same for the conversation in which somebody consents: one text, with what the server said. */
export function refusalText(trouble: TokenTrouble, place: RefusalPlace): string {
  const { text, reply } = tokenFault(trouble, place);
  return reply === null ? text : `${text} It said: ${reply}`;
}

/** Nobody has consented yet, or the consent was given up. */
export function consentMissing(upstream: string): UpstreamFault {
  const text = `Nobody has authorised Postern at ${upstream} yet. Do it with \`postern upstream authorize ${upstream}\`.`;
  return { kind: 'consent', stage: 'auth', reply: null, text };
}

/** The sealing key is another one than that under which it was kept. */
export function consentUnreadable(upstream: string): UpstreamFault {
  const text = `The consent for ${upstream} cannot be read with this sealing key. Bring back the right sealing.key, or authorise again with \`postern upstream authorize ${upstream}\`.`;
  return { kind: 'consent', stage: 'auth', reply: null, text };
}

export function clientSecretUnreadable({ upstream, settings }: RefusalPlace, isSet: boolean): UpstreamFault {
  const isService = settings.flow === 'service-account';
  const what = isService ? 'key of the service account' : 'client secret';
  const option = isService ? '--oauth-service-account-file FILE' : '--oauth-client-secret-prompt';
  const why = isSet ? 'cannot be read with this sealing key, or is damaged' : 'is not set';
  const text = `The ${what} of ${upstream} ${why}. Set it with \`postern upstream set ${upstream} ${option}\`.`;
  return { kind: 'credentials', stage: 'auth', reply: null, text };
}

/** Whoever says "at once" is out of order all the same. */
const SHORTEST_WAIT: DurationMs = 30_000;

type Judged = Readonly<{ kind: UpstreamFault['kind']; text: string }>;

function judge(trouble: TokenTrouble, place: RefusalPlace): Judged {
  switch (trouble.kind) {
    case 'refused':
      return isOutage(trouble.status) ? outage(trouble.status, place) : refused(trouble, place);
    case 'odd':
      return odd(trouble, place);
    case 'silent':
      return silent(trouble, place);
    default:
      return trouble satisfies never;
  }
}

function isOutage(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

function refused(trouble: Refused, place: RefusalPlace): Judged {
  const row = rowsOf(place).find(candidate => fits(candidate, trouble, place));
  if (row === undefined) {
    const text = `${hostOf(place)} gave no access token for ${place.upstream}, for a reason that Postern does not know.`;
    const tried = place.consenting === null ? ' It is tried again.' : '';
    return { kind: 'unreachable', text: `${text}${tried} ${again(place)}` };
  }
  const kind = row.kind === 'passing' ? 'unreachable' : row.kind;
  // Without a person there is no consent to renew: what is missing must be set right.
  const isMended = kind === 'consent' && needsConsent(place.settings);
  const sentences = [
    `${hostOf(place)} gave no access token for ${place.upstream}.`,
    worded(row.why, place),
    worded(row.mend ?? '', place),
    isMended ? again(place) : '',
    row.kind === 'passing' ? later(place) : '',
  ];
  const text = sentences.filter(sentence => sentence !== '').join(' ');
  return { kind: kind === 'consent' && !isMended ? 'credentials' : kind, text };
}

function rowsOf({ settings }: RefusalPlace): readonly RefusalRow[] {
  switch (settings.provider) {
    case 'google':
      return [...googleRows, ...rowsOfAny];
    case 'microsoft':
      return [...microsoftRows, ...rowsOfAny];
    case 'other':
      return rowsOfAny;
    default:
      return settings.provider satisfies never;
  }
}

function fits(row: RefusalRow, { error, description, detail }: Refused, place: RefusalPlace): boolean {
  if (row.error !== undefined && !row.error.test(error)) return false;
  if (row.said !== undefined && !row.said.test(`${description ?? ''} ${detail ?? ''}`.trim())) return false;
  return row.when === undefined || row.when(place);
}

function worded(words: string | ((place: RefusalPlace) => string), place: RefusalPlace): string {
  return (typeof words === 'string' ? words : words(place)).trim();
}

function again({ upstream, consenting }: RefusalPlace): string {
  return consenting === null
    ? `Authorise Postern again with \`postern upstream authorize ${upstream}\`.`
    : `Start again with \`postern upstream authorize ${upstream}\`.`;
}

/** What passes: the server tries it again by itself, a conversation is over. */
function later(place: RefusalPlace): string {
  return place.consenting === null ? 'It is tried again.' : again(place);
}

function odd({ status, what }: Odd, place: RefusalPlace): Judged {
  if (isOutage(status)) return outage(status, place);
  const host = hostOf(place);
  if (what === 'redirect') {
    const text = `${host} sends us elsewhere (HTTP ${status}) instead of giving an access token; Postern does not follow. Check the token endpoint of ${place.upstream}.`;
    return { kind: 'unreachable', text };
  }
  const answered =
    what === 'no-json' ? `with a page (HTTP ${status})` : `with something incomplete (HTTP ${status})`;
  const text = `${host} answers ${answered} and not with an access token. A proxy or login page of this network may be in between; else check the token endpoint of ${place.upstream}.`;
  return { kind: 'unreachable', text };
}

function outage(status: number, place: RefusalPlace): Judged {
  const host = hostOf(place);
  if (status === 429) {
    return {
      kind: 'unreachable',
      text: `${host}, which gives access tokens for ${place.upstream}, wants to be asked less often (HTTP 429). ${later(place)}`,
    };
  }
  return {
    kind: 'unreachable',
    text: `${host}, which gives access tokens for ${place.upstream}, is out of order (HTTP ${status}). ${later(place)}`,
  };
}

function silent({ errorCode, message }: Silent, place: RefusalPlace): Judged {
  const host = hostOf(place);
  const role = `${host}, which gives access tokens for ${place.upstream},`;
  const unreachable = (text: string): Judged => ({ kind: 'unreachable', text });
  if (errorCode !== null && isTlsCode(errorCode)) {
    const text = `The certificate of ${role} is not trusted (${errorCode}). If this machine's clock is right, something in between opens TLS: where that is wanted, name the file with its authority in the environment variable NODE_EXTRA_CA_CERTS.`;
    return { kind: 'tls', text };
  }
  switch (errorCode) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return unreachable(
        `The name ${host} does not exist or cannot be looked up; it gives access tokens for ${place.upstream}. Check this machine's network and DNS.`,
      );
    case 'EAI_AGAIN':
    case 'ESERVFAIL':
      return unreachable(
        `The name ${host} cannot be looked up just now; it gives access tokens for ${place.upstream}. Check this machine's network and DNS.`,
      );
    case 'ECONNREFUSED':
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return unreachable(
        `There is no way to ${role} from here (${errorCode}). Check this machine's network and firewall.`,
      );
    case 'ETIMEDOUT':
      return unreachable(`${role} did not answer in time. Check this machine's network and firewall.`);
    default:
      return unreachable(`${role} broke the connection (${errorCode ?? message}). ${later(place)}`);
  }
}

/** Whom we ask: during a conversation with devices the first request goes elsewhere, on the same host as a rule. */
function hostOf({ settings }: RefusalPlace): string {
  return new URL(settings.tokenEndpoint).hostname;
}
