// Which settings of an upstream differ from those that are declared, by the keys of the declaration. Secrets are compared as
// they are sealed: one that stays is the same octets. Pure.

import type { OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import type { UpstreamSettings } from '../relay/upstream-statements.ts';

/** The keys of which the stored settings differ from the wanted ones. */
export function differences(stored: UpstreamSettings, wanted: UpstreamSettings): readonly string[] {
  const where = ({ scheme, host, port, path, user }: UpstreamSettings) => [scheme, host, port, path, user];
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['url', where(stored), where(wanted)],
    ['preset', stored.preset, wanted.preset],
    ['region', stored.region, wanted.region],
    ['password', hex(stored.sealedPassword), hex(wanted.sealedPassword)],
    ...oauthPairs(stored.oauth, wanted.oauth),
    ['oauth.client_secret', hex(stored.sealedClientSecret), hex(wanted.sealedClientSecret)],
    ['ca', stored.caPem, wanted.caPem],
    ['ehlo_name', stored.ehloName, wanted.ehloName],
    ['connections', stored.connections, wanted.connections],
    ['per_connection', stored.pacing.messagesPerConnection, wanted.pacing.messagesPerConnection],
    ['per_minute', stored.pacing.messagesPerMinute, wanted.pacing.messagesPerMinute],
    ['per_hour', stored.pacing.messagesPerHour, wanted.pacing.messagesPerHour],
    ['per_day', stored.pacing.messagesPerDay, wanted.pacing.messagesPerDay],
    ['max_size', stored.messageSize, wanted.messageSize],
    ['sender', stored.identity.sender, wanted.identity.sender],
    ['senders', stored.identity.senders, wanted.identity.senders],
    ['rewrite', stored.identity.rewrite, wanted.identity.rewrite],
    ['null_sender', stored.identity.nullSender, wanted.identity.nullSender],
    ['display_name', stored.identity.displayName, wanted.identity.displayName],
  ];
  return pairs.filter(([, one, other]) => JSON.stringify(one) !== JSON.stringify(other)).map(([key]) => key);
}

const OAUTH_KEYS: Readonly<Record<keyof OAuthSettings, string>> = {
  provider: 'provider',
  flow: 'flow',
  clientId: 'client_id',
  scopes: 'scopes',
  authorizationEndpoint: 'authorization_endpoint',
  deviceEndpoint: 'device_endpoint',
  tokenEndpoint: 'token_endpoint',
  clientAuthentication: 'client_authentication',
  redirectUri: 'redirect_uri',
  keyId: 'service_account',
  clientSecretEndsAt: 'client_secret_ends',
  testing: 'testing',
};

function oauthPairs(
  stored: OAuthSettings | null,
  wanted: OAuthSettings | null,
): readonly (readonly [string, unknown, unknown])[] {
  if (stored === null || wanted === null) return [['oauth', stored, wanted]];
  const now = new Map<string, unknown>(Object.entries(wanted));
  const names = new Map<string, string>(Object.entries(OAUTH_KEYS));
  return Object.entries(stored).map(([name, value]) => [`oauth.${names.get(name)}`, value, now.get(name)]);
}

function hex(sealed: Uint8Array | null): string | null {
  return sealed === null ? null : Buffer.from(sealed).toString('hex');
}
