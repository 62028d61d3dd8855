// How a declared upstream is logged in to: what the file says, and for secrets that it leaves out those that are stored. A
// secret that cannot be opened is stood in for: it stays as it is sealed. Pure.

import type { KnownConsent } from '../relay/oauth/consents.ts';
import type { OAuthWishes } from '../relay/oauth/oauth-choice.ts';
import { oauthSettings } from '../relay/oauth/oauth-input.ts';
import type { OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import { presetOf } from '../relay/presets.ts';
import { sesPassword, sesRegionOf } from '../relay/ses-password.ts';
import type { Upstream } from '../relay/upstream.ts';
import { apiOf, isSmtp } from '../relay/upstream-scheme.ts';
import type { UpstreamAddress } from '../relay/upstream-url.ts';
import { inKeys } from './change.ts';
import type { DeclaredOAuth, DeclaredUpstream } from './upstream-keys.ts';
import type { KeyProblem } from './upstream-place.ts';

/** An upstream with its secrets in clear; null: there is none, or nobody can open it. */
export type StoredUpstream = Readonly<{
  upstream: Upstream;
  password: string | null;
  clientSecret: string | null;
  consent: KnownConsent | null;
}>;

export type Login = Readonly<{
  password: string | null;
  oauth: OAuthSettings | null;
  clientSecret: string | null;
  /** The region has done its service: the password was derived for it. */
  usedRegion: boolean;
  /** What is stored already stays as it is sealed. */
  keeps: Readonly<{ password: boolean; clientSecret: boolean }>;
  problems: readonly KeyProblem[];
}>;

/** In the place of a secret that is stored and cannot be opened: a key in PEM form, so that it passes for one. */
const STAND_IN = '-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----\n';

const SERVICE = 'service-account';

export const GIVE_SECRET = 'give { file: PATH }, { env: NAME } or the text itself';

const NO_LOGIN: Login = {
  password: null,
  oauth: null,
  clientSecret: null,
  usedRegion: false,
  keeps: { password: false, clientSecret: false },
  problems: [],
};

export function loginOf(
  declared: DeclaredUpstream,
  place: Readonly<{ address: UpstreamAddress; preset: string | null }>,
  stored: StoredUpstream | null,
): Login {
  const { password, iam_secret: iam, oauth } = declared;
  const both = (key: string, other: string): Login => ({
    ...NO_LOGIN,
    problems: [{ path: [key], text: `stands beside ${other}; keep one of them` }],
  });
  if (password !== undefined && iam !== undefined) return both('iam_secret', 'password');
  if (oauth === undefined) {
    if (iam !== undefined) return iamLogin(declared, iam, place.address, stored);
    return passwordLogin(password ?? null, place.address, stored);
  }
  if (password !== undefined) return both('password', 'oauth');
  return iam === undefined ? oauthLogin(oauth, place, stored) : both('iam_secret', 'oauth');
}

function passwordLogin(
  given: string | null,
  { scheme, user }: UpstreamAddress,
  stored: StoredUpstream | null,
): Login {
  if (given !== null) {
    return {
      ...NO_LOGIN,
      password: given,
      keeps: { password: given === stored?.password, clientSecret: false },
    };
  }
  // The key of one API is none of another, and no password of a mailbox.
  const isSameKind = stored !== null && apiOf(scheme) === apiOf(stored.upstream.scheme);
  const takesOne = user !== null || !isSmtp(scheme);
  const isKept = isSameKind && takesOne && stored.upstream.sealedPassword !== null;
  if (!isKept) return NO_LOGIN;
  return {
    ...NO_LOGIN,
    password: stored.password ?? STAND_IN,
    keeps: { password: true, clientSecret: false },
  };
}

function iamLogin(
  { region: given, preset }: DeclaredUpstream,
  iam: string,
  { scheme, host }: UpstreamAddress,
  stored: StoredUpstream | null,
): Login {
  const login = (password: string, usedRegion: boolean): Login => ({
    ...NO_LOGIN,
    ...{ password, usedRegion, keeps: { password: password === stored?.password, clientSecret: false } },
  });
  if (apiOf(scheme) === 'ses') return login(iam, false);
  const region = given ?? sesRegionOf(host);
  const isSes = isSmtp(scheme) && (preset === 'ses' || region !== null);
  if (isSes && region !== null) return login(sesPassword(iam, region), given !== undefined);
  const text = isSes
    ? 'needs the region too: the password that Amazon SES takes is made for one region; give region'
    : 'is for Amazon SES alone; give password';
  return { ...NO_LOGIN, problems: [{ path: ['iam_secret'], text }] };
}

function oauthLogin(
  declared: DeclaredOAuth,
  { address, preset }: Readonly<{ address: UpstreamAddress; preset: string | null }>,
  stored: StoredUpstream | null,
): Login {
  const before = stored?.upstream.oauth ?? null;
  const known =
    stored !== null && stored.upstream.sealedClientSecret !== null ? (stored.clientSecret ?? STAND_IN) : null;
  const isService = declared.flow === SERVICE || declared.service_account !== undefined;
  // A private key is no client secret, and the other way round.
  const kept = known !== null && (before?.flow === SERVICE) === isService ? known : null;
  const file = declared.service_account ?? keyFileOf(isService ? before : null, kept);
  const secret = declared.client_secret ?? (isService ? null : kept);
  const missing = (key: string): Login => ({
    ...NO_LOGIN,
    problems: [{ path: ['oauth', key], text: `is missing; ${GIVE_SECRET}` }],
  });
  if (isService && file === undefined) return missing('service_account');
  const read = oauthSettings(wishesOf(declared, file), {
    place: address,
    presetProvider: presetOf({ ...address, preset })?.oauth ?? null,
    secret: secret || null,
    before: null,
  });
  if (read.kind === 'settings') {
    const clientSecret = read.clientSecret ?? null;
    const isKept = clientSecret !== null && clientSecret === known;
    return {
      ...NO_LOGIN,
      oauth: read.settings,
      clientSecret,
      keeps: { password: false, clientSecret: isKept },
    };
  }
  if (read.kind === 'refused') {
    return { ...NO_LOGIN, problems: [{ path: ['oauth'], text: inKeys(read.text) }] };
  }
  return missing('client_secret');
}

/** The key file as it would be, from what is stored of it. */
function keyFileOf(settings: OAuthSettings | null, privateKey: string | null): string | undefined {
  if (settings === null || privateKey === null) return undefined;
  return serviceAccountFile(settings, privateKey);
}

export function serviceAccountFile({ clientId, keyId }: OAuthSettings, privateKey: string): string {
  const file = {
    type: 'service_account',
    client_email: clientId,
    ...(keyId === null ? {} : { private_key_id: keyId }),
    private_key: privateKey,
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function wishesOf(declared: DeclaredOAuth, serviceAccount: string | undefined): OAuthWishes {
  const texts = {
    provider: declared.provider,
    flow: declared.flow,
    clientId: declared.client_id,
    tenant: declared.tenant,
    authorizationEndpoint: declared.authorization_endpoint,
    deviceEndpoint: declared.device_endpoint,
    tokenEndpoint: declared.token_endpoint,
    scopes: declared.scopes?.join(' '),
    clientAuthentication: declared.client_authentication,
    redirectUri: declared.redirect_uri,
    clientSecretEnds: declared.client_secret_ends,
    serviceAccount,
  };
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)),
    ...(declared.testing === undefined ? {} : { testing: declared.testing }),
  };
}
