// What the operator says of an upstream's OAuth2 client becomes settings, or the sentence that says what is wrong with it.
// What is not said is as before, else as the provider has it for everybody. Pure.

import { checkEndpoint, checkRedirect } from './oauth-addresses.ts';
import {
  chooseOAuth,
  type OAuthChoice,
  type OAuthCircumstances,
  type OAuthPlace,
  type OAuthWishes,
  type Refused,
  refused,
} from './oauth-choice.ts';
import {
  COMMON_TENANTS,
  isPersonalMicrosoft,
  type Standard,
  standardFor,
  tenantIn,
} from './oauth-endpoints.ts';
import { needsConsent, type OAuthSettings } from './oauth-settings.ts';
import { parseServiceAccount, type ServiceAccount } from './service-account-file.ts';

export type OAuthInputResult =
  | Readonly<{
      kind: 'settings';
      settings: OAuthSettings;
      /** To be kept with them: the client secret, or a service account's private key. Null: none. Undefined: as it is. */
      clientSecret?: string | null;
    }>
  /** It would do with a client secret. */
  | Readonly<{ kind: 'lacks-secret'; text: string }>
  | Refused;

const GUIDE = 'config/oauth.md says step by step how to make one.';
const NO_KEY_FILE =
  'The key file of the service account is missing: give it with --oauth-service-account-file.';

export function oauthSettings(wishes: OAuthWishes, circumstances: OAuthCircumstances): OAuthInputResult {
  const account = wishes.serviceAccount === undefined ? null : parseServiceAccount(wishes.serviceAccount);
  if (wishes.serviceAccount !== undefined && account === null) {
    return refused(
      'That is no key file of a Google service account: it is JSON with "type": "service_account", client_email and private_key. Download it in the Cloud console (Service accounts > Keys > Add key > JSON).',
    );
  }
  const choice = chooseOAuth(wishes, circumstances);
  if ('kind' in choice) return choice;
  const clientSecret = secretToKeep(wishes, choice, circumstances, account);
  const has = clientSecret === undefined ? circumstances.before?.hasSecret === true : clientSecret !== null;
  const keepsSecret = clientSecret === undefined && has;
  const settings = settingsFrom({ wishes, choice, circumstances, account, hasSecret: has, keepsSecret });
  if ('kind' in settings) return settings;
  const problem =
    flowProblem(choice, circumstances.place) ??
    addressProblem(settings) ??
    clientProblem(settings, wishes, choice);
  if (problem !== null) return refused(problem);
  const lacking = has ? null : lackingSecret(settings);
  if (lacking !== null) return lacking;
  return { kind: 'settings', settings, ...(clientSecret === undefined ? {} : { clientSecret }) };
}

type Person = Readonly<{ oauth: OAuthSettings | null; user: string | null }>;

/** Whether what somebody has consented to is of no use any more. */
export function needsAnotherConsent(before: Person, after: Person): boolean {
  if (before.oauth === null || !needsConsent(before.oauth)) return false;
  if (after.oauth === null || !needsConsent(after.oauth)) return true;
  const rights = ({ scopes }: OAuthSettings) => [...scopes].sort().join(' ');
  return (
    before.user !== after.user ||
    before.oauth.clientId !== after.oauth.clientId ||
    before.oauth.tokenEndpoint !== after.oauth.tokenEndpoint ||
    rights(before.oauth) !== rights(after.oauth)
  );
}

/** Undefined: what is kept already. A private key is no client secret, and the other way round. */
function secretToKeep(
  wishes: OAuthWishes,
  { flow }: OAuthChoice,
  { secret, before }: OAuthCircumstances,
  account: ServiceAccount | null,
): string | null | undefined {
  if (account !== null) return account.privateKey;
  const isOfAnotherKind =
    before !== null && (before.settings.flow === 'service-account') !== (flow === 'service-account');
  if (flow === 'service-account') return isOfAnotherKind || before === null ? null : undefined;
  if (secret !== null) return secret;
  return before === null || isOfAnotherKind || wishes.clientAuthentication === 'none' ? null : undefined;
}

type Parts = Readonly<{
  wishes: OAuthWishes;
  choice: OAuthChoice;
  circumstances: OAuthCircumstances;
  account: ServiceAccount | null;
  hasSecret: boolean;
  /** It is the same as before. */
  keepsSecret: boolean;
}>;

function settingsFrom(parts: Parts): OAuthSettings | Refused {
  const { wishes, choice, circumstances, account } = parts;
  const { provider, flow } = choice;
  const standard = standardFor({ ...choice, ...circumstances.place });
  const before = circumstances.before?.settings.provider === provider ? circumstances.before : null;
  const own: Partial<Standard> = before === null ? {} : byHand(before);
  const keepsFlow = before?.settings.flow === flow;
  const keepsScopes = before !== null && needsConsent(before.settings) === needsConsent(choice);
  const clientAuthentication = clientAuthenticationOf(parts, before?.settings ?? null);
  if (typeof clientAuthentication === 'object') return clientAuthentication;
  return {
    provider,
    flow,
    clientId: clientIdOf(parts, before?.settings ?? null),
    scopes:
      wordsIn(wishes.scopes) ??
      (keepsScopes || provider === 'other' ? own.scopes : undefined) ??
      standard.scopes,
    authorizationEndpoint:
      wishes.authorizationEndpoint ?? own.authorizationEndpoint ?? standard.authorizationEndpoint,
    deviceEndpoint: wishes.deviceEndpoint ?? own.deviceEndpoint ?? standard.deviceEndpoint,
    tokenEndpoint: wishes.tokenEndpoint ?? own.tokenEndpoint ?? standard.tokenEndpoint ?? '',
    clientAuthentication,
    redirectUri: wishes.redirectUri ?? own.redirectUri ?? standard.redirectUri,
    keyId: account?.keyId ?? (keepsFlow && account === null ? (before?.settings.keyId ?? null) : null),
    clientSecretEndsAt: endOfSecret(parts),
    testing: (wishes.testing ?? before?.settings.testing ?? false) && needsConsent(choice),
  };
}

/** The day is that of one secret: another one, or none, does not end on it. */
function endOfSecret({ wishes, choice, keepsSecret }: Parts): OAuthSettings['clientSecretEndsAt'] {
  return keepsSecret || wishes.clientSecretEnds !== undefined ? choice.clientSecretEndsAt : null;
}

/** What was set in place of the provider's usual values. */
function byHand({ settings, place }: NonNullable<OAuthCircumstances['before']>): Partial<Standard> {
  const tenant = tenantIn(settings.tokenEndpoint) ?? 'common';
  const usual = standardFor({ ...settings, tenant, ...place });
  const { authorizationEndpoint, deviceEndpoint, tokenEndpoint, redirectUri, scopes } = settings;
  return {
    ...(authorizationEndpoint === usual.authorizationEndpoint ? {} : { authorizationEndpoint }),
    ...(deviceEndpoint === usual.deviceEndpoint ? {} : { deviceEndpoint }),
    ...(tokenEndpoint === usual.tokenEndpoint ? {} : { tokenEndpoint }),
    ...(redirectUri === usual.redirectUri ? {} : { redirectUri }),
    ...(scopes.join(' ') === usual.scopes.join(' ') ? {} : { scopes }),
  };
}

function clientIdOf({ wishes, choice, account }: Parts, before: OAuthSettings | null): string {
  // The client id of a service account is its address, which is that of no other client.
  const isService = choice.flow === 'service-account';
  const kept = before !== null && isService === (before.flow === 'service-account') ? before.clientId : '';
  return wishes.clientId?.trim() || account?.clientId || kept;
}

function clientAuthenticationOf(
  { wishes, choice, hasSecret }: Parts,
  before: OAuthSettings | null,
): OAuthSettings['clientAuthentication'] | Refused {
  const wish = wishes.clientAuthentication?.trim();
  if (wish === 'none' || wish === 'post' || wish === 'basic') return wish;
  if (wish !== undefined) {
    return refused(`"${wish}" is no way for a client to prove itself: use none (no secret), post or basic.`);
  }
  // It proves itself by its signature.
  if (choice.flow === 'service-account') return 'none';
  if (before !== null && before.clientAuthentication !== 'none') return before.clientAuthentication;
  return hasSecret ? 'post' : 'none';
}

function flowProblem({ provider, flow, tenant }: OAuthChoice, place: OAuthPlace): string | null {
  if (provider === 'google' && flow === 'device-code') {
    return 'Google gives no rights to mail by device code: use --oauth-flow authorization-code. It works without a browser on this machine too.';
  }
  if (provider === 'google' && flow === 'client-credentials') {
    return 'Google has no client credentials for mail: use a service account with domain-wide delegation (--oauth-service-account-file).';
  }
  if (flow === 'service-account') {
    if (provider !== 'google')
      return 'Only Google has service accounts of this kind: use --oauth-flow client-credentials.';
    if (/@(gmail|googlemail)\.com$/i.test(place.user ?? '')) {
      return `A service account acts only for users of a Google Workspace, and ${place.user} is none: use --oauth-flow authorization-code.`;
    }
  }
  if (provider !== 'microsoft' || flow !== 'client-credentials') return null;
  if (isPersonalMicrosoft(place.host, place.user)) {
    return 'For a private mailbox an application has no right of its own: use --oauth-flow device-code or authorization-code.';
  }
  if (!COMMON_TENANTS.includes(tenant)) return null;
  return 'With client credentials the tenant must be named: give --oauth-tenant with its directory (tenant) id or a domain of it.';
}

function addressProblem(settings: OAuthSettings): string | null {
  const { flow, authorizationEndpoint, deviceEndpoint, tokenEndpoint } = settings;
  const missing = (which: string, option: string) =>
    `The ${which} is missing: the documentation of the provider names it; give it with ${option}.`;
  if (tokenEndpoint === '') return missing('token endpoint', '--oauth-token-endpoint');
  if (flow === 'authorization-code' && authorizationEndpoint === null) {
    return missing('authorization endpoint', '--oauth-authorization-endpoint');
  }
  if (flow === 'device-code' && deviceEndpoint === null) {
    return missing('device endpoint', '--oauth-device-endpoint');
  }
  return (
    checkEndpoint('token endpoint', tokenEndpoint) ??
    (authorizationEndpoint === null
      ? null
      : checkEndpoint('authorization endpoint', authorizationEndpoint)) ??
    (deviceEndpoint === null ? null : checkEndpoint('device endpoint', deviceEndpoint)) ??
    checkRedirect(settings.redirectUri)
  );
}

function clientProblem(
  settings: OAuthSettings,
  wishes: OAuthWishes,
  { provider }: OAuthChoice,
): string | null {
  const { clientId, flow, scopes } = settings;
  if (clientId === '') {
    return flow === 'service-account'
      ? NO_KEY_FILE
      : `The client id is missing: give it with --oauth-client-id. ${GUIDE}`;
  }
  if (/[\s\p{Cc}]/u.test(clientId))
    return 'The client id contains blanks or control characters: copy it once more.';
  // RFC 6749 §3.3.
  if (!scopes.every(scope => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) {
    return 'A scope contains characters that no scope can have: separate them with blanks or commas.';
  }
  if (wishes.testing === true && provider !== 'google') {
    return 'Only Google ends the consents of clients in testing: leave --oauth-testing away.';
  }
  return null;
}

/** Null: it needs none, or proves itself otherwise. */
function lackingSecret({
  provider,
  flow,
  clientAuthentication,
}: OAuthSettings): Exclude<OAuthInputResult, { kind: 'settings' }> | null {
  const lacks = (why: string) =>
    ({
      kind: 'lacks-secret',
      text: `${why}: give it with --oauth-client-secret-prompt, --oauth-client-secret-file FILE or --oauth-client-secret-stdin.`,
    }) as const;
  if (flow === 'service-account') return refused(NO_KEY_FILE);
  if (flow === 'client-credentials') return lacks('With client credentials the client needs its secret');
  // Its "desktop" clients too, though the secret is none there.
  if (provider === 'google') {
    return lacks('Google wants the client secret too, which it shows beside the client id');
  }
  return clientAuthentication === 'none'
    ? null
    : lacks('The client is to prove itself with its secret, and there is none');
}

/** Undefined: none were given. */
function wordsIn(text: string | undefined): readonly string[] | undefined {
  return text?.split(/[\s,]+/).filter(word => word !== '');
}
