// How it is shown with what an upstream is logged in to: password, key or OAuth2, and for OAuth2 what is known of the consent.
// Never a secret. Pure.

import { sendingApiOf } from '../relay/apis/apis.ts';
import type { Consent } from '../relay/oauth/authorizer.ts';
import { needsConsent, type OAuthFlow, type OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import type { Upstream } from '../relay/upstream.ts';
import { isSmtp } from '../relay/upstream-scheme.ts';
import { isoTime, quoted, shownTime } from './output.ts';

type Facts = readonly (readonly [string, string])[];

/** In a word, for the list. */
export function loginWord({ scheme, user, oauth }: Upstream): string {
  if (oauth !== null) return 'OAuth2';
  if (!isSmtp(scheme)) return 'key';
  return user === null ? 'none' : 'password';
}

/** `consent`: null where nobody has consented. */
export function loginFacts(upstream: Upstream, consent: Consent | null): Facts {
  const { oauth } = upstream;
  const login = oauth === null ? loginWord(upstream) : `OAuth2 of ${PROVIDERS[oauth.provider]}`;
  return [
    ['Login', login],
    ...(oauth === null ? [] : oauthFacts(upstream, oauth, consent)),
    ...apiFacts(upstream),
  ];
}

const PROVIDERS: Readonly<Record<OAuthSettings['provider'], string>> = {
  google: 'Google',
  microsoft: 'Microsoft',
  other: 'another provider',
};

const FLOWS: Readonly<Record<OAuthFlow, string>> = {
  'authorization-code': 'a person agrees in a browser (authorization code)',
  'device-code': 'a person agrees on any device (device code)',
  'client-credentials': 'by its own right (client credentials)',
  'service-account': 'by its own right (service account)',
};

function oauthFacts(upstream: Upstream, oauth: OAuthSettings, consent: Consent | null): Facts {
  return [
    ['OAuth2 client', oauth.clientId],
    ['Tokens', FLOWS[oauth.flow]],
    ['Token endpoint', oauth.tokenEndpoint],
    ['Asks for', oauth.scopes.length === 0 ? 'what the provider gives of itself' : oauth.scopes.join(' ')],
    ...(oauth.flow === 'service-account' ? [] : [['Client secret', secretText(upstream, oauth)] as const]),
    ...(needsConsent(oauth) ? [['Authorised', consentText(upstream, consent)] as const] : []),
  ];
}

function secretText({ sealedClientSecret }: Upstream, { clientSecretEndsAt }: OAuthSettings): string {
  if (sealedClientSecret === null) return 'none';
  return clientSecretEndsAt === null ? 'set' : `set, ends ${dayOf(clientSecretEndsAt)}`;
}

function consentText({ name }: Upstream, consent: Consent | null): string {
  if (consent === null) return `not yet: run postern upstream authorize ${quoted(name)}`;
  const end = consent.endsAt === null ? '' : `, ends ${shownTime(consent.endsAt)}`;
  return `${shownTime(consent.consentedAt)}, last used ${shownTime(consent.refreshedAt)}${end}`;
}

function apiFacts({ scheme, host, port, path, region }: Upstream): Facts {
  const api = sendingApiOf(scheme);
  if (api === null) return [];
  const isUsual = port === (scheme.endsWith('+https') ? 443 : 80);
  const place = `${host.includes(':') ? `[${host}]` : host}${isUsual ? '' : `:${port}`}`;
  return [
    [
      'Sending API',
      `${api.title} at ${scheme.endsWith('+https') ? 'https' : 'http'}://${place}${path ?? api.defaultPath}`,
    ],
    ...(region === null ? [] : [['Region', region] as const]),
  ];
}

export function oauthItem(upstream: Upstream): object | null {
  const { oauth, sealedClientSecret } = upstream;
  if (oauth === null) return null;
  return {
    provider: oauth.provider,
    flow: oauth.flow,
    client_id: oauth.clientId,
    scopes: oauth.scopes,
    authorization_endpoint: oauth.authorizationEndpoint,
    device_endpoint: oauth.deviceEndpoint,
    token_endpoint: oauth.tokenEndpoint,
    client_authentication: oauth.clientAuthentication,
    redirect_uri: oauth.redirectUri,
    has_client_secret: sealedClientSecret !== null,
    client_secret_ends_at: isoTime(oauth.clientSecretEndsAt),
    testing: oauth.testing,
  };
}

/** Null: nobody has consented, or nobody need. */
export function consentItem(consent: Consent | null): object | null {
  if (consent === null) return null;
  return {
    consented_at: isoTime(consent.consentedAt),
    refreshed_at: isoTime(consent.refreshedAt),
    ends_at: isoTime(consent.endsAt),
  };
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
