// An upstream as a declaration writes it: as short as possible. Everything is written out first; then each key is left away
// without which the same settings come about, as reading it shows. So what is written is what would be applied. Pure.

import { parseWith } from '../config/shape.ts';
import { tenantIn } from '../relay/oauth/oauth-endpoints.ts';
import { needsConsent, type OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import { upstreamUrl } from '../relay/upstream.ts';
import { readUpstream, settingsFrom } from './upstream-input.ts';
import { upstreamKeys } from './upstream-keys.ts';
import { type StoredUpstream, serviceAccountFile } from './upstream-login.ts';
import {
  type Fields,
  isFields,
  placeFor,
  present,
  type SecretWriting,
  type Written,
  writtenSize,
  writtenTime,
} from './written.ts';

export function writtenUpstream(stored: StoredUpstream, writing: SecretWriting): Written {
  const fields = shortest(allFields(stored), stored);
  const { upstream, password } = stored;
  const { oauth } = upstream;
  const ofOAuth = oauth === null ? NOTHING : oauthSecrets(stored, oauth, writing);
  const own = upstream.sealedPassword === null ? NOTHING : passwordOf(upstream.name, password, writing);
  const section = fields['oauth'];
  return {
    fields: {
      ...fields,
      ...own.fields,
      ...(isFields(section) ? { oauth: { ...section, ...ofOAuth.fields } } : {}),
    },
    comments: [
      { path: [], lines: own.lines },
      { path: ['oauth'], lines: ofOAuth.lines },
    ],
    warnings: [...own.warnings, ...ofOAuth.warnings],
  };
}

type Secrets = Readonly<{ fields: Fields; lines: readonly string[]; warnings: readonly string[] }>;
const NOTHING: Secrets = { fields: {}, lines: [], warnings: [] };

function passwordOf(name: string, password: string | null, writing: SecretWriting): Secrets {
  if (writing.withSecrets && password !== null) return { ...NOTHING, fields: { password } };
  const lines = [placeFor('password', writing.variableFor('upstream', name, 'password'))];
  const lost = `The password of the upstream ${name} cannot be opened, so it is not in the export.`;
  return { fields: {}, lines, warnings: writing.withSecrets ? [lost] : [] };
}

function oauthSecrets(stored: StoredUpstream, oauth: OAuthSettings, writing: SecretWriting): Secrets {
  const { name, sealedClientSecret } = stored.upstream;
  const client = sealedClientSecret === null ? NOTHING : clientSecretOf(stored, oauth, writing);
  if (!needsConsent(oauth)) return client;
  const { consent } = stored;
  const refreshToken = consent?.refreshToken ?? null;
  if (!writing.withSecrets || consent === null || refreshToken === null) {
    const lines = [...client.lines, `consent: ask for it with "postern upstream authorize ${name}"`];
    const lost = `The consent for the upstream ${name} cannot be opened, so it is not in the export.`;
    const isLost = writing.withSecrets && consent !== null;
    return { ...client, lines, warnings: [...client.warnings, ...(isLost ? [lost] : [])] };
  }
  const written = present({
    refresh_token: refreshToken,
    consented_at: writtenTime(consent.consentedAt),
    refreshed_at: writtenTime(consent.refreshedAt),
    ends_at: writtenTime(consent.endsAt),
  });
  return { ...client, fields: { ...client.fields, consent: written } };
}

function clientSecretOf(
  { upstream: { name }, clientSecret }: StoredUpstream,
  oauth: OAuthSettings,
  writing: SecretWriting,
): Secrets {
  const isService = oauth.flow === 'service-account';
  const key = isService ? 'service_account' : 'client_secret';
  if (writing.withSecrets && clientSecret !== null) {
    return {
      ...NOTHING,
      fields: { [key]: isService ? serviceAccountFile(oauth, clientSecret) : clientSecret },
    };
  }
  const line = isService
    ? `${key}: { file: PATH }`
    : placeFor(key, writing.variableFor('upstream', name, key));
  const lost = `The client secret of the upstream ${name} cannot be opened, so it is not in the export.`;
  return { fields: {}, lines: [line], warnings: writing.withSecrets ? [lost] : [] };
}

/** Every setting, also where it is as usual. */
function allFields({ upstream }: StoredUpstream): Fields {
  const { pacing, identity, oauth } = upstream;
  return present({
    name: upstream.name,
    url: upstreamUrl(upstream),
    preset: upstream.preset ?? undefined,
    region: upstream.region ?? undefined,
    oauth: oauth === null ? undefined : oauthFields(oauth),
    ca: upstream.caPem ?? undefined,
    ehlo_name: upstream.ehloName ?? undefined,
    connections: upstream.connections,
    per_connection: pacing.messagesPerConnection ?? 'none',
    per_minute: pacing.messagesPerMinute ?? 'none',
    per_hour: pacing.messagesPerHour ?? 'none',
    per_day: pacing.messagesPerDay ?? 'none',
    max_size: writtenSize(upstream.messageSize) ?? 'none',
    sender: identity.sender ?? undefined,
    senders: identity.senders,
    rewrite: identity.rewrite,
    null_sender: identity.nullSender,
    display_name: identity.displayName,
    allow_plaintext: upstream.scheme === 'smtp+notls' ? true : undefined,
    default: upstream.isDefault ? true : undefined,
    paused: upstream.pausedAt === null ? undefined : true,
  });
}

function oauthFields(oauth: OAuthSettings): Fields {
  const { clientSecretEndsAt } = oauth;
  return present({
    provider: oauth.provider,
    flow: oauth.flow,
    client_id: oauth.clientId,
    tenant: oauth.provider === 'microsoft' ? (tenantIn(oauth.tokenEndpoint) ?? undefined) : undefined,
    authorization_endpoint: oauth.authorizationEndpoint ?? undefined,
    device_endpoint: oauth.deviceEndpoint ?? undefined,
    token_endpoint: oauth.tokenEndpoint,
    scopes: oauth.scopes,
    client_authentication: oauth.clientAuthentication,
    redirect_uri: oauth.redirectUri,
    client_secret_ends: writtenTime(clientSecretEndsAt)?.slice(0, 10),
    testing: oauth.testing ? true : undefined,
  });
}

/** What may be left away where it is as usual; the rest is always said. */
const USUAL = [
  'connections',
  'per_connection',
  'per_minute',
  'per_hour',
  'per_day',
  'max_size',
  'senders',
  'rewrite',
  'null_sender',
  'display_name',
  'allow_plaintext',
];
const USUAL_OF_OAUTH = [
  'authorization_endpoint',
  'device_endpoint',
  'token_endpoint',
  'redirect_uri',
  'scopes',
  'client_authentication',
  'tenant',
];

function shortest(all: Fields, stored: StoredUpstream): Fields {
  const wanted = settingsText(all, stored);
  // What cannot be said in a declaration at all is written as it is, and refused when it is applied.
  if (wanted === null) return all;
  let fields = all;
  const tryWithout = (fewer: Fields): void => {
    if (settingsText(fewer, stored) === wanted) fields = fewer;
  };
  for (const key of USUAL) tryWithout(without(fields, key));
  for (const key of USUAL_OF_OAUTH) {
    const oauth = fields['oauth'];
    if (isFields(oauth)) tryWithout({ ...fields, oauth: without(oauth, key) });
  }
  return fields;
}

/** The settings that come about with the stored secrets; null: none do. */
function settingsText(fields: Fields, stored: StoredUpstream): string | null {
  const parsed = parseWith(upstreamKeys, fields);
  if (parsed.kind === 'invalid') return null;
  const read = readUpstream(parsed.value, stored);
  if (read.kind === 'wrong') return null;
  const { sealedPassword, sealedClientSecret } = stored.upstream;
  const settings = settingsFrom(read.input, {
    password: () => sealedPassword ?? new Uint8Array(),
    clientSecret: () => sealedClientSecret ?? new Uint8Array(),
  });
  return JSON.stringify(settings);
}

function without(fields: Fields, key: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key));
}
