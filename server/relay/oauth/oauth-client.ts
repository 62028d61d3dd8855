// Postern as an OAuth2 client: every request to a provider's endpoints, over oauth4webapi. Load it with `await import()`: a
// server without such upstreams never needs it. Each request takes at most 30 seconds, its answer at most 64 KiB, redirects
// are not followed, and only the authorities that Node trusts are (NODE_EXTRA_CA_CERTS adds some). Whatever goes wrong comes
// back as a value, without the secrets that we sent.

import * as oauth from 'oauth4webapi';
import type { DurationMs } from '../../clock.ts';
import type { LoginSecrets } from '../without-secrets.ts';
import { createExchange, type EndpointAnswer, PATIENCE } from './endpoint-exchange.ts';
import type { OAuthSettings } from './oauth-settings.ts';
import { troubleOf } from './token-answer.ts';
import type { TokenTrouble } from './token-trouble.ts';

/** An OAuth2 client as it stands before the provider. */
export type OAuthIdentity = Readonly<{
  settings: OAuthSettings;
  /** Null: it has none. */
  clientSecret: string | null;
  /** Ends requests under way. */
  signal?: AbortSignal;
  /** For one request; 30 seconds where it is not said. */
  patience?: DurationMs;
}>;

export type Tokens = Readonly<{
  kind: 'tokens';
  accessToken: string;
  /** Null: not said. */
  expiresIn: DurationMs | null;
  /** Null: none was given, so one that we have stays good. */
  refreshToken: string | null;
  /** When the refresh token ends, where the provider says so (Google). */
  refreshTokenExpiresIn: DurationMs | null;
  /** What was granted; null: all that was asked for. */
  scopes: readonly string[] | null;
}>;

export type TokenAnswer = Tokens | Readonly<{ kind: 'trouble'; trouble: TokenTrouble }>;

export type DeviceAnswer =
  | Readonly<{
      kind: 'device';
      deviceCode: string;
      userCode: string;
      address: string;
      addressWithCode: string | null;
      lifetime: DurationMs;
      interval: DurationMs;
    }>
  | Readonly<{ kind: 'trouble'; trouble: TokenTrouble }>;

export type Challenge = Readonly<{ state: string; verifier: string; challenge: string }>;

export type CodeAnswer = Readonly<{
  code: string;
  challenge: Challenge;
  redirectUri: string;
}>;

/** RFC 8628 §3.2: where the server says none. */
const USUAL_INTERVAL: DurationMs = 5_000;

/** State and PKCE (RFC 7636, S256) for one attempt. */
export async function newChallenge(): Promise<Challenge> {
  const verifier = oauth.generateRandomCodeVerifier();
  const challenge = await oauth.calculatePKCECodeChallenge(verifier);
  return { state: oauth.generateRandomState(), verifier, challenge };
}

/** Whose answer it is, the caller has decided: the provider's name is not among our settings (pasted-answer.ts). */
export function redeemCode(identity: OAuthIdentity, answer: CodeAnswer): Promise<TokenAnswer> {
  const { code, challenge, redirectUri } = answer;
  const { state, verifier } = challenge;
  return askToken(identity, [code, verifier], ({ server, client, proof, options }) => {
    const parameters = new URLSearchParams({ code, state });
    const checked = oauth.validateAuthResponse(server, client, parameters, state);
    return oauth.authorizationCodeGrantRequest(
      server,
      client,
      proof,
      checked,
      redirectUri,
      verifier,
      options,
    );
  });
}

export function refreshTokens(identity: OAuthIdentity, refreshToken: string): Promise<TokenAnswer> {
  return askToken(identity, [refreshToken], ({ server, client, proof, options }) =>
    oauth.refreshTokenGrantRequest(server, client, proof, refreshToken, options),
  );
}

export function redeemDeviceCode(identity: OAuthIdentity, deviceCode: string): Promise<TokenAnswer> {
  return askToken(identity, [deviceCode], ({ server, client, proof, options }) =>
    oauth.deviceCodeGrantRequest(server, client, proof, deviceCode, options),
  );
}

/** For the client itself (RFC 6749 §4.4). */
export function clientTokens(identity: OAuthIdentity): Promise<TokenAnswer> {
  const scope = identity.settings.scopes.join(' ');
  return askToken(identity, [], ({ server, client, proof, options }) =>
    oauth.clientCredentialsGrantRequest(server, client, proof, { scope }, options),
  );
}

/** For a signed assertion (RFC 7523 §2.1), which proves the client too. */
export function assertedTokens(identity: OAuthIdentity, assertion: string): Promise<TokenAnswer> {
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return askToken(identity, [assertion], ({ server, client, options }) =>
    oauth.genericTokenEndpointRequest(server, client, nameless, grant, { assertion }, options),
  );
}

export async function askForDevice(identity: OAuthIdentity): Promise<DeviceAnswer> {
  const scope = identity.settings.scopes.join(' ');
  const read = await exchange(
    identity,
    ({ server, client, proof, options }) =>
      oauth.deviceAuthorizationRequest(server, client, proof, { scope }, options),
    ({ server, client }, response) => oauth.processDeviceAuthorizationResponse(server, client, response),
  );
  if (read.kind === 'answer')
    return { kind: 'trouble', trouble: troubleOf(read.answer, secretsOf(identity, [])) };
  const { value } = read;
  return {
    kind: 'device',
    deviceCode: value.device_code,
    userCode: value.user_code,
    address: value.verification_uri,
    addressWithCode: value.verification_uri_complete ?? null,
    lifetime: value.expires_in * 1000,
    interval: value.interval === undefined ? USUAL_INTERVAL : value.interval * 1000,
  };
}

type Parts = Readonly<{ server: oauth.AuthorizationServer; client: oauth.Client; proof: oauth.ClientAuth }>;

type Options = oauth.HttpRequestOptions<'POST', URLSearchParams>;
type Request = (parts: Parts & Readonly<{ options: Options }>) => Promise<Response>;

async function askToken(
  identity: OAuthIdentity,
  sent: readonly string[],
  request: Request,
): Promise<TokenAnswer> {
  const read = await exchange(identity, request, ({ server, client }, response) =>
    oauth.processGenericTokenEndpointResponse(server, client, response),
  );
  if (read.kind === 'answer') {
    return { kind: 'trouble', trouble: troubleOf(read.answer, secretsOf(identity, sent)) };
  }
  const { value } = read;
  return {
    kind: 'tokens',
    accessToken: value.access_token,
    expiresIn: milliseconds(value.expires_in),
    refreshToken: value.refresh_token ?? null,
    refreshTokenExpiresIn: milliseconds(value['refresh_token_expires_in']),
    scopes: value.scope === undefined ? null : value.scope.split(' ').filter(scope => scope !== ''),
  };
}

type Read<T> = Readonly<{ kind: 'read'; value: T }> | Readonly<{ kind: 'answer'; answer: EndpointAnswer }>;

/** The library rejects whatever is not as it must be; what it was, the answer itself says better. */
async function exchange<T>(
  identity: OAuthIdentity,
  request: Request,
  process: (parts: Parts, response: Response) => Promise<T>,
): Promise<Read<T>> {
  const parts = partsOf(identity);
  const { fetch, answer } = createExchange(identity.signal ?? null, identity.patience ?? PATIENCE);
  const options: Options = {
    [oauth.customFetch]: fetch,
    [oauth.allowInsecureRequests]: isPlain(identity.settings),
  };
  try {
    return { kind: 'read', value: await process(parts, await request({ ...parts, options })) };
  } catch (error) {
    const came = answer();
    if (came === null) throw error; // nothing was asked: a mistake of ours
    return { kind: 'answer', answer: came };
  }
}

function partsOf({ settings, clientSecret }: OAuthIdentity): Parts {
  return {
    server: {
      // Never compared with anything: who is asked is known by the endpoints.
      issuer: new URL(settings.tokenEndpoint).origin,
      token_endpoint: settings.tokenEndpoint,
      ...(settings.deviceEndpoint === null ? {} : { device_authorization_endpoint: settings.deviceEndpoint }),
    },
    client: { client_id: settings.clientId },
    proof: proofOf(settings, clientSecret),
  };
}

function proofOf({ clientAuthentication }: OAuthSettings, secret: string | null): oauth.ClientAuth {
  if (secret === null || clientAuthentication === 'none') return oauth.None();
  return clientAuthentication === 'post' ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
}

/** The assertion says who we are; Google wants no client id beside it. */
const nameless: oauth.ClientAuth = () => undefined;

/** The settings let only this machine be asked without TLS (oauth-addresses.ts). */
function isPlain({ tokenEndpoint, deviceEndpoint }: OAuthSettings): boolean {
  return [tokenEndpoint, deviceEndpoint].some(endpoint => endpoint?.startsWith('http://'));
}

function secretsOf({ clientSecret, settings }: OAuthIdentity, sent: readonly string[]): LoginSecrets {
  const basic = `${encodeURIComponent(settings.clientId)}:${encodeURIComponent(clientSecret ?? '')}`;
  const tokens = clientSecret === null ? sent : [...sent, Buffer.from(basic).toString('base64')];
  return { password: clientSecret ?? '', tokens };
}

function milliseconds(seconds: unknown): DurationMs | null {
  const count = typeof seconds === 'string' ? Number.parseFloat(seconds) : seconds;
  return typeof count === 'number' && Number.isFinite(count) && count > 0 ? count * 1000 : null;
}
