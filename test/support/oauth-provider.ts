// oidc-provider, set up for the tests' OAuth server: its clients, lives, pages without looks, and the grant of RFC 7523 that
// it does not have itself. Whoever stands before its pages logs in as the one mailbox, and consents unless the browser says
// otherwise (oauth-person.ts).

import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import Provider, {
  type ClientMetadata,
  type Configuration,
  errors,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import type { OAuthStore } from './oauth-store.ts';

export type Lives = Readonly<{
  accessToken: number;
  authorizationCode: number;
  deviceCode: number;
  /** Said as `refresh_token_expires_in`, as Google does for an app in testing; null: not said. */
  refreshTokenSaid: number | null;
}>;

/** One request to the token endpoint that the server answered itself. */
export type TokenRequest = Readonly<{ grant: string; status: number }>;

type KnownClient = Readonly<{ id: string; secret: string | null; authentication: 'none' | 'post' | 'basic' }>;
type Login = Readonly<{ id: string; secret: string }>;

type Wishes = Readonly<{
  issuer: string;
  store: OAuthStore;
  lives: () => Lives;
  /** Who logs in, and for whom client credentials act. */
  mailbox: string;
  clients: readonly KnownClient[];
  /** For what the tests' server asks in its own name. */
  inner: Readonly<{ introspector: Login; bearer: Login }>;
  scopes: readonly string[];
  /** Characters of an access token. */
  accessTokenLength: number;
  /** The mailbox, or in words why the assertion is not good. */
  subjectOf: (assertion: string) => Promise<string>;
  onAnswered: (request: TokenRequest) => void;
  delay: () => Promise<void>;
}>;

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const HOURS = 3600;
const BITS_OF_A_CHARACTER = 6;

export function makeProvider(wishes: Wishes): Provider {
  const { mailbox, lives } = wishes;
  const provider = new Provider(wishes.issuer, configurationOf(wishes));
  provider.registerGrantType<{ assertion?: string }>(
    JWT_BEARER,
    async ctx => {
      const subject = await wishes.subjectOf(ctx.oidc.params.assertion ?? '');
      if (subject !== mailbox) throw new errors.CustomOIDCProviderError('invalid_grant', subject);
      const token = new provider.ClientCredentials({
        client: ctx.oidc.client,
        scope: wishes.scopes.join(' '),
      });
      const value = await token.save();
      ctx.body = { access_token: value, expires_in: token.expiration, token_type: 'Bearer' };
    },
    ['assertion'],
  );
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/device/auth' && isRecord(ctx.body)) ctx.body['interval'] = 1;
    if (ctx.path !== '/token') return;
    const { refreshTokenSaid } = lives();
    if (isRecord(ctx.body) && ctx.status === 200 && refreshTokenSaid !== null) {
      ctx.body['refresh_token_expires_in'] = refreshTokenSaid;
    }
    const grant = ctx['oidc']?.params?.grant_type;
    wishes.onAnswered({ grant: typeof grant === 'string' ? grant : '', status: ctx.status });
    await wishes.delay();
  });
  return provider;
}

function configurationOf(wishes: Wishes): Configuration {
  const { store, lives, mailbox, clients, inner, scopes } = wishes;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    adapter: store.adapter,
    clients: [...clients.map(metadataOf), ...innerClients(inner)],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
    cookies: { keys: ['test'] },
    scopes: ['openid', 'offline_access', ...scopes],
    claims: { openid: ['sub'] },
    formats: {
      bitsOfOpaqueRandomness: (_ctx, model) =>
        'kind' in model && model.kind === 'AccessToken'
          ? wishes.accessTokenLength * BITS_OF_A_CHARACTER
          : 256,
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: () => ({ username: mailbox }),
    // As Microsoft does: each refresh token is good once.
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    renderError: (ctx, out) => {
      ctx.body = `${out.error}: ${out.error_description ?? ''}`;
    },
    pkce: { required: () => true },
    ttl: {
      AccessToken: () => lives().accessToken,
      ClientCredentials: () => lives().accessToken,
      AuthorizationCode: () => lives().authorizationCode,
      DeviceCode: () => lives().deviceCode,
      RefreshToken: 24 * HOURS,
      IdToken: HOURS,
      Interaction: HOURS,
      Session: HOURS,
      Grant: 24 * HOURS,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: async (ctx, form) => void page(ctx, form),
        userCodeConfirmSource: async (ctx, form) => void page(ctx, form),
        successSource: async ctx => void page(ctx, 'You may close this page.'),
      },
    },
  };
}

function metadataOf({ id, secret, authentication }: KnownClient): ClientMetadata {
  const isDaemon = id.endsWith('-daemon');
  const method = authentication === 'none' ? 'none' : (`client_secret_${authentication}` as const);
  return {
    client_id: id,
    ...(secret === null ? {} : { client_secret: secret }),
    token_endpoint_auth_method: method,
    application_type: 'native',
    grant_types: isDaemon ? ['client_credentials'] : ['authorization_code', 'refresh_token', DEVICE_CODE],
    redirect_uris: isDaemon ? [] : ['http://127.0.0.1', 'http://localhost'],
    response_types: isDaemon ? [] : ['code'],
  };
}

function innerClients({ introspector, bearer }: Wishes['inner']): readonly ClientMetadata[] {
  const none = { redirect_uris: [], response_types: [] };
  return [
    { client_id: introspector.id, client_secret: introspector.secret, grant_types: [], ...none },
    { client_id: bearer.id, client_secret: bearer.secret, grant_types: [JWT_BEARER], ...none },
  ];
}

/** The person logs in, then consents or refuses. */
export async function decide(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  const finish = (result: Parameters<Provider['interactionFinished']>[2]) =>
    provider.interactionFinished(request, response, result, {
      mergeWithLastSubmission: prompt.name !== 'login',
    });
  if (prompt.name === 'login') return finish({ login: { accountId: LOGIN } });
  if (request.headers['x-person'] === 'refuse') {
    return finish({ error: 'access_denied', error_description: 'The person refused.' });
  }
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const clientId = String(params['client_id']);
  const grant = known ?? new provider.Grant({ accountId: session?.accountId ?? LOGIN, clientId });
  grant.addOIDCScope(String(params['scope'] ?? ''));
  await finish({ consent: { grantId: await grant.save() } });
}

const LOGIN = 'person';

function page(ctx: KoaContextWithOIDC, body: string): void {
  ctx.type = 'html';
  ctx.body = body;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Buffer.isBuffer(value);
}
