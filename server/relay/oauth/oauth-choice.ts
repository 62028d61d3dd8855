// The words in which the operator describes an OAuth2 client, each read by itself: provider, flow, tenant, how it proves
// itself, when its secret ends. What is not said is as before, or as usual. Pure.

import type { EpochMs } from '../../clock.ts';
import { apiOf, type UpstreamScheme } from '../upstream-scheme.ts';
import { COMMON_TENANTS, isPersonalMicrosoft, tenantIn } from './oauth-endpoints.ts';
import type { OAuthFlow, OAuthSettings } from './oauth-settings.ts';

/** In the operator's words. What is absent was not said. */
export type OAuthWishes = Readonly<{
  provider?: string;
  flow?: string;
  clientId?: string;
  /** Of Microsoft. */
  tenant?: string;
  authorizationEndpoint?: string;
  deviceEndpoint?: string;
  tokenEndpoint?: string;
  /** With blanks or commas between. */
  scopes?: string;
  clientAuthentication?: string;
  redirectUri?: string;
  /** A day, such as 2027-06-30, or `none`. */
  clientSecretEnds?: string;
  testing?: boolean;
  /** What stands in the key file of a Google service account. */
  serviceAccount?: string;
}>;

export type OAuthPlace = Readonly<{ scheme: UpstreamScheme; host: string; user: string | null }>;

export type OAuthCircumstances = Readonly<{
  /** As it will be. */
  place: OAuthPlace;
  /** Whose OAuth2 the preset of the upstream takes. */
  presetProvider: 'google' | 'microsoft' | null;
  /** The client secret that is given now. */
  secret: string | null;
  before: Readonly<{ settings: OAuthSettings; place: OAuthPlace; hasSecret: boolean }> | null;
}>;

export type Refused = Readonly<{ kind: 'refused'; text: string }>;

export type OAuthChoice = Readonly<{
  provider: OAuthSettings['provider'];
  flow: OAuthFlow;
  tenant: string;
  clientSecretEndsAt: EpochMs | null;
}>;

const PROVIDERS: readonly OAuthSettings['provider'][] = ['google', 'microsoft', 'other'];

const FLOWS: ReadonlyMap<string, OAuthFlow> = new Map([
  ['authorization-code', 'authorization-code'],
  ['code', 'authorization-code'],
  ['device-code', 'device-code'],
  ['device', 'device-code'],
  ['client-credentials', 'client-credentials'],
  ['service-account', 'service-account'],
]);

export function chooseOAuth(wishes: OAuthWishes, circumstances: OAuthCircumstances): OAuthChoice | Refused {
  const provider = providerOf(wishes, circumstances);
  if (typeof provider === 'object') return provider;
  const flow = flowOf(wishes, provider, circumstances);
  if (typeof flow === 'object') return flow;
  const tenant = tenantOf(wishes, provider, circumstances);
  if (typeof tenant === 'object') return tenant;
  const before = circumstances.before?.settings.clientSecretEndsAt ?? null;
  const clientSecretEndsAt =
    wishes.clientSecretEnds === undefined ? before : readDay(wishes.clientSecretEnds.trim());
  if (clientSecretEndsAt === undefined) {
    return refused(
      `"${wishes.clientSecretEnds}" is no day: write for example 2027-06-30, or none where the client secret does not end.`,
    );
  }
  return { provider, flow, tenant, clientSecretEndsAt };
}

function providerOf(
  wishes: OAuthWishes,
  { place, presetProvider, before }: OAuthCircumstances,
): OAuthChoice['provider'] | Refused {
  if (wishes.provider !== undefined) {
    const known = PROVIDERS.find(provider => provider === wishes.provider?.trim().toLowerCase());
    return known ?? refused(`"${wishes.provider}" is no OAuth2 provider: use google, microsoft or other.`);
  }
  const usual = apiProvider(place.scheme) ?? presetProvider;
  const said = before?.settings.provider ?? (wishes.serviceAccount === undefined ? null : 'google');
  // Moved from one to the other, the old settings say nothing.
  if (usual !== null && (said === null || before?.settings.provider !== 'other')) return usual;
  if (said !== null) return said;
  if (wishes.tokenEndpoint !== undefined) return 'other';
  return refused(
    `It is not known whose OAuth2 ${place.host} takes. Say --oauth-provider google, microsoft, or other with its endpoints (--oauth-token-endpoint and so on).`,
  );
}

function apiProvider(scheme: UpstreamScheme): 'google' | 'microsoft' | null {
  const api = apiOf(scheme);
  return api === 'gmail' ? 'google' : api === 'graph' ? 'microsoft' : null;
}

function flowOf(
  wishes: OAuthWishes,
  provider: OAuthChoice['provider'],
  { before }: OAuthCircumstances,
): OAuthFlow | Refused {
  const said = wishes.flow === undefined ? null : FLOWS.get(wishes.flow.trim().toLowerCase());
  if (said === undefined) {
    return refused(
      `"${wishes.flow}" is no flow of OAuth2: use authorization-code, device-code, client-credentials or service-account.`,
    );
  }
  if (wishes.serviceAccount !== undefined) {
    if (said === null || said === 'service-account') return 'service-account';
    return refused(
      'The key file of a service account is for --oauth-flow service-account alone: leave one away.',
    );
  }
  const kept = before?.settings.provider === provider ? before.settings.flow : null;
  return said ?? kept ?? usualFlow(provider, wishes);
}

/** A code that is typed on any device is easiest for a machine without a screen, wherever there is one. */
function usualFlow(provider: OAuthChoice['provider'], wishes: OAuthWishes): OAuthFlow {
  if (provider === 'microsoft') return 'device-code';
  if (provider === 'google') return 'authorization-code';
  return wishes.authorizationEndpoint === undefined && wishes.deviceEndpoint !== undefined
    ? 'device-code'
    : 'authorization-code';
}

function tenantOf(
  wishes: OAuthWishes,
  provider: OAuthChoice['provider'],
  { place, before }: OAuthCircumstances,
): string | Refused {
  if (wishes.tenant !== undefined) {
    if (provider !== 'microsoft')
      return refused('A tenant is only for Microsoft: leave --oauth-tenant away.');
    const tenant = wishes.tenant.trim();
    if (/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(tenant)) return tenant;
    return refused(
      `"${wishes.tenant}" is no tenant: give the directory (tenant) id, a domain of the organisation, or one of ${COMMON_TENANTS.join(', ')}.`,
    );
  }
  const kept = before?.settings.provider === 'microsoft' ? tenantIn(before.settings.tokenEndpoint) : null;
  return kept ?? (isPersonalMicrosoft(place.host, place.user) ? 'consumers' : 'common');
}

/** The start of the day in UTC; null: none. Undefined: it is no day. */
function readDay(text: string): EpochMs | null | undefined {
  if (['', 'none'].includes(text.toLowerCase())) return null;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const at = Date.parse(`${text}T00:00:00Z`);
  // 2027-02-30 is read as a day in March.
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text) ? at : undefined;
}

export function refused(text: string): Refused {
  return { kind: 'refused', text };
}
