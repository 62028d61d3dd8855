// What is known of an upstream's OAuth2 client: everything that is no secret. Kept as JSON in the upstream's row; the
// client secret and the tokens are sealed elsewhere. Pure.

import type { EpochMs } from '../../clock.ts';

/**
 * How we come to tokens: a person consents in a browser (RFC 6749 §4.1 with PKCE) or on another device (RFC 8628); or nobody
 * need consent, for the client has its own right (RFC 6749 §4.4) or signs with the key of a service account (RFC 7523).
 */
export type OAuthFlow = 'authorization-code' | 'device-code' | 'client-credentials' | 'service-account';

export type OAuthSettings = Readonly<{
  /** Whose endpoints, hints and refusals: `other` is known by its endpoints alone. */
  provider: 'google' | 'microsoft' | 'other';
  flow: OAuthFlow;
  /** Of a service account: its e-mail address (`client_email`). */
  clientId: string;
  scopes: readonly string[];
  /** Absolute; https, or http on this machine. Null: the provider has none, and the flow needs none. */
  authorizationEndpoint: string | null;
  deviceEndpoint: string | null;
  tokenEndpoint: string;
  /** How the client proves itself at the token endpoint: not at all (public), or with its secret (RFC 6749 §2.3.1). */
  clientAuthentication: 'none' | 'post' | 'basic';
  /** Without a port, one is chosen at each consent (RFC 8252 §7.3): `http://127.0.0.1`, `http://localhost`. */
  redirectUri: string;
  /** Of a service account: the id of its key (`private_key_id`). */
  keyId: string | null;
  /** The day on which the client secret ends, where the operator has told us. */
  clientSecretEndsAt: EpochMs | null;
  /** Google's consent screen is in "Testing": each consent ends after seven days. */
  testing: boolean;
}>;

/** Whether a person must consent, and so a refresh token is kept. */
export function needsConsent({ flow }: Pick<OAuthSettings, 'flow'>): boolean {
  return flow === 'authorization-code' || flow === 'device-code';
}

export function oauthToText(settings: OAuthSettings): string {
  return JSON.stringify(settings);
}

const PROVIDERS = ['google', 'microsoft', 'other'] as const;
const FLOWS = ['authorization-code', 'device-code', 'client-credentials', 'service-account'] as const;
const CLIENT_AUTHENTICATIONS = ['none', 'post', 'basic'] as const;

/** Throws on a text that Postern cannot have written. */
export function oauthFromText(text: string | null): OAuthSettings | null {
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  const field = (name: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  const string = (name: string): string => {
    const found = field(name);
    if (typeof found !== 'string') throw new Error(`OAuth settings without ${name}`);
    return found;
  };
  const stringOrNull = (name: string) => (typeof field(name) === 'string' ? string(name) : null);
  const oneOf = <Word extends string>(name: string, words: readonly Word[]): Word => {
    const found = words.find(word => word === field(name));
    if (found === undefined) throw new Error(`OAuth settings with unknown ${name}`);
    return found;
  };
  const scopes = field('scopes');
  const endsAt = field('clientSecretEndsAt');
  return {
    provider: oneOf('provider', PROVIDERS),
    flow: oneOf('flow', FLOWS),
    clientId: string('clientId'),
    scopes: Array.isArray(scopes) ? scopes.filter(scope => typeof scope === 'string') : [],
    authorizationEndpoint: stringOrNull('authorizationEndpoint'),
    deviceEndpoint: stringOrNull('deviceEndpoint'),
    tokenEndpoint: string('tokenEndpoint'),
    clientAuthentication: oneOf('clientAuthentication', CLIENT_AUTHENTICATIONS),
    redirectUri: string('redirectUri'),
    keyId: stringOrNull('keyId'),
    clientSecretEndsAt: typeof endsAt === 'number' ? endsAt : null,
    testing: field('testing') === true,
  };
}
