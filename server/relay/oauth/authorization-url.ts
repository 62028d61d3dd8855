// The address that a person opens to consent (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8252 §7.3), with what some providers need
// beside the standard. Pure.

import type { OAuthSettings } from './oauth-settings.ts';

export type AskedConsent = Readonly<{
  settings: OAuthSettings;
  /** Of authorization; may have a query of its own. */
  endpoint: string;
  /** The mailbox for which consent is wanted. */
  user: string | null;
  redirectUri: string;
  challenge: Readonly<{ state: string; challenge: string }>;
}>;

export function authorizationUrl({ settings, endpoint, user, redirectUri, challenge }: AskedConsent): string {
  const url = new URL(endpoint);
  const parameters: Readonly<Record<string, string>> = {
    response_type: 'code',
    client_id: settings.clientId,
    redirect_uri: redirectUri,
    scope: settings.scopes.join(' '),
    state: challenge.state,
    code_challenge: challenge.challenge,
    code_challenge_method: 'S256',
    ...peculiarities(settings),
    ...(user?.includes('@') && settings.provider !== 'other' ? { login_hint: user } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

function peculiarities({ provider, scopes }: OAuthSettings): Readonly<Record<string, string>> {
  switch (provider) {
    // Without both there is no refresh token, or only at the first consent.
    case 'google':
      return { access_type: 'offline', prompt: 'consent' };
    case 'microsoft':
      return {};
    // OpenID Connect Core §11: offline access must be agreed to explicitly.
    case 'other':
      return scopes.includes('offline_access') ? { prompt: 'consent' } : {};
    default:
      return provider satisfies never;
  }
}

/** The port is chosen at each consent, unless the address names one or is not on this machine. */
export function redirectWithPort(redirectUri: string, port: number): string {
  const [, host, rest = ''] =
    /^(http:\/\/(?:localhost|127(?:\.\d+){3}|\[::1\]))(\/.*)?$/i.exec(redirectUri) ?? [];
  return host === undefined ? redirectUri : `${host}:${port}${rest}`;
}
