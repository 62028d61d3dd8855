// Which settings of an upstream differ from those that are declared, by the keys of the declaration. Secrets are compared as
// they are sealed: one that stays is the same octets. A new setting does not compile until it has its key here. Pure.

import type { OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import type { PacingLimits, SenderIdentity } from '../relay/upstream.ts';
import type { UpstreamSettings } from '../relay/upstream-statements.ts';

type Group = 'oauth' | 'pacing' | 'identity';

const KEYS: Readonly<Record<Exclude<keyof UpstreamSettings, Group>, string>> = {
  scheme: 'url',
  host: 'url',
  port: 'url',
  path: 'url',
  user: 'url',
  preset: 'preset',
  region: 'region',
  sealedPassword: 'password',
  sealedClientSecret: 'oauth.client_secret',
  caPem: 'ca',
  ehloName: 'ehlo_name',
  connections: 'connections',
  messageSize: 'max_size',
};

const PACING_KEYS: Readonly<Record<keyof PacingLimits, string>> = {
  messagesPerConnection: 'per_connection',
  messagesPerMinute: 'per_minute',
  messagesPerHour: 'per_hour',
  messagesPerDay: 'per_day',
};

const IDENTITY_KEYS: Readonly<Record<keyof SenderIdentity, string>> = {
  sender: 'sender',
  senders: 'senders',
  rewrite: 'rewrite',
  nullSender: 'null_sender',
  displayName: 'display_name',
};

const OAUTH_KEYS: Readonly<Record<keyof OAuthSettings, string>> = {
  provider: 'oauth.provider',
  flow: 'oauth.flow',
  clientId: 'oauth.client_id',
  scopes: 'oauth.scopes',
  authorizationEndpoint: 'oauth.authorization_endpoint',
  deviceEndpoint: 'oauth.device_endpoint',
  tokenEndpoint: 'oauth.token_endpoint',
  clientAuthentication: 'oauth.client_authentication',
  redirectUri: 'oauth.redirect_uri',
  keyId: 'oauth.service_account',
  clientSecretEndsAt: 'oauth.client_secret_ends',
  testing: 'oauth.testing',
};

/** The keys of which the stored settings differ from the wanted ones, each once. */
export function differences(stored: UpstreamSettings, wanted: UpstreamSettings): readonly string[] {
  const oauth =
    stored.oauth === null || wanted.oauth === null
      ? differing({ oauth: 'oauth' }, stored, wanted)
      : differing(OAUTH_KEYS, stored.oauth, wanted.oauth);
  const keys = [
    ...differing(KEYS, stored, wanted),
    ...oauth,
    ...differing(PACING_KEYS, stored.pacing, wanted.pacing),
    ...differing(IDENTITY_KEYS, stored.identity, wanted.identity),
  ];
  return [...new Set(keys)];
}

function differing(keys: Readonly<Record<string, string>>, one: object, other: object): readonly string[] {
  const [before, after] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  return Object.entries(keys)
    .filter(([name]) => text(before.get(name)) !== text(after.get(name)))
    .map(([, key]) => key);
}

function text(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : JSON.stringify(value ?? null);
}
