// A real OAuth2 server for tests (oidc-provider) on a port of the loopback: authorization code with PKCE, device code,
// refresh tokens that are replaced at each use (a used one ends the whole consent), client credentials, service accounts
// (signed assertions), revocation, introspection as Dovecot asks for it. The test plays the person (`approveCode`,
// `approveDevice`), takes consents away, and lets the token endpoint fail in the ways that real ones do. Runs in the test's
// own process.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Provider } from 'oidc-provider';
import { decideAboutDevice, followConsent } from './oauth-person.ts';
import { decide, type Lives, makeProvider, type TokenRequest } from './oauth-provider.ts';
import {
  type KnownServiceAccount,
  makeServiceAccount,
  type ServiceAccount,
} from './oauth-service-account.ts';
import { createOAuthStore } from './oauth-store.ts';

/** Whoever consents has this mailbox, and so do client credentials. */
export const MAILBOX = 'scans@example.com';
export const SCOPE = 'mail';

/** Registered clients. `secret` null: a public one. Redirects: `http://127.0.0.1` and `http://localhost`, any port, no path. */
export const OAUTH_CLIENTS = {
  public: { id: 'postern', secret: null, authentication: 'none' },
  post: { id: 'postern-post', secret: 'post-Secret+/=&%1', authentication: 'post' },
  basic: { id: 'postern-basic', secret: 'basic-Secret+/=&%1', authentication: 'basic' },
  /** For the client credentials grant. */
  daemon: { id: 'postern-daemon', secret: 'daemon-Secret+/=&%1', authentication: 'post' },
} as const;

/** Instead of what the server would say. */
export type OddAnswer =
  | Readonly<{
      kind: 'answer';
      status: number;
      body: string;
      type?: string;
      headers?: Readonly<Record<string, string>>;
    }>
  /** Takes the request and says nothing. */
  | Readonly<{ kind: 'hang' }>
  /** Cuts the connection. */
  | Readonly<{ kind: 'cut' }>;

export type OAuthServer = Readonly<{
  issuer: string;
  port: number;
  endpoints: Readonly<{
    authorization: string;
    device: string;
    token: string;
    /** For the JWT bearer grant; asks for no client authentication, as Google's does. */
    serviceAccountToken: string;
    revocation: string;
    /** POST with the form field `token`, or GET with `Authorization: Bearer`; answers `active`, `username`. Asks for no login. */
    introspection: string;
  }>;
  /** An RSA key that the server knows, for the mailbox `MAILBOX` alone. */
  serviceAccount: () => Promise<ServiceAccount>;
  /** The person consents in a browser; resolves with the address that the browser ends at. */
  approveCode: (authorizationUrl: string) => Promise<string>;
  refuseCode: (authorizationUrl: string) => Promise<string>;
  /** The person types the code on another device. */
  approveDevice: (userCode: string) => Promise<void>;
  refuseDevice: (userCode: string) => Promise<void>;
  /** The mailbox that an access token speaks for now; null: the token is not good. */
  mailboxOf: (accessToken: string) => Promise<string | null>;
  /** As if the password had been changed: refresh tokens and access tokens are of no use from now on. */
  revokeConsents: () => void;
  /** Refresh tokens stay good. */
  revokeAccessTokens: () => void;
  /** Lives, in seconds, of what is issued from now on. */
  setLives: (lives: Partial<Lives>) => void;
  /** For the next requests to the token endpoint, one each. */
  answerNext: (...answers: readonly OddAnswer[]) => void;
  /** For all requests to token and device endpoint; null: it answers itself again. */
  answerAlways: (answer: OddAnswer | null) => void;
  /** Before each answer of the token endpoint, once the request was carried out. */
  setDelay: (milliseconds: number) => void;
  /** All that reached the token endpoint, also what was answered oddly. */
  tokenRequests: () => number;
  answered: () => readonly TokenRequest[];
  /** Every code and token ever issued, and the clients' secrets. */
  secrets: () => readonly string[];
  stop: () => Promise<void>;
}>;

export type OAuthServerOptions = Readonly<{
  /** On which port of 127.0.0.1; as the kernel likes where there is none. */
  port?: number;
  lives?: Partial<Lives>;
  /** Characters; Microsoft's have about two thousand. */
  accessTokenLength?: number;
}>;

const PATHS = {
  token: '/token',
  serviceAccountToken: '/service-account/token',
  introspection: '/introspection',
};

export async function startOAuthServer(options: OAuthServerOptions = {}): Promise<OAuthServer> {
  const store = createOAuthStore();
  const faults = createFaults();
  const answered: TokenRequest[] = [];
  let account: Promise<KnownServiceAccount> | null = null;
  /** An RSA key takes its time, and few tests want one. */
  const serviceAccount = () => {
    account ??= makeServiceAccount(MAILBOX);
    return account;
  };
  let lives: Lives = {
    ...{ accessToken: 3600, authorizationCode: 60, deviceCode: 600, refreshTokenSaid: null },
    ...options.lives,
  };
  let tokenRequests = 0;
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;

  const http = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith(PATHS.token) || path.startsWith(PATHS.serviceAccountToken)) tokenRequests++;
    if (!faults.answer(request, response)) handle(request, response);
  });
  http.listen(options.port ?? 0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const issuer = `http://127.0.0.1:${port}`;
  const introspector = { id: 'introspector', secret: generateSecret() };
  const bearer = { id: 'service-accounts', secret: generateSecret() };
  const provider = makeProvider({
    issuer,
    store,
    lives: () => lives,
    mailbox: MAILBOX,
    clients: [...Object.values(OAUTH_CLIENTS)],
    inner: { introspector, bearer },
    scopes: [SCOPE],
    accessTokenLength: options.accessTokenLength ?? 43,
    subjectOf: async assertion =>
      (await serviceAccount()).subjectOf(assertion, `${issuer}${PATHS.serviceAccountToken}`),
    onAnswered: request => void answered.push(request),
    delay: faults.delay,
  });
  const endpoints = {
    authorization: `${issuer}/auth`,
    device: `${issuer}/device/auth`,
    token: `${issuer}${PATHS.token}`,
    serviceAccountToken: `${issuer}${PATHS.serviceAccountToken}`,
    revocation: `${issuer}/token/revocation`,
    introspection: `${issuer}${PATHS.introspection}`,
  };
  const carryOut = provider.callback();
  handle = (request, response) => {
    if (request.url?.startsWith('/interaction/')) return void decide(provider, request, response);
    if (request.url === PATHS.introspection) {
      if (request.method === 'GET') return void introspectBearer(provider, request, response);
      loginAs(request, introspector, '/token/introspection');
    }
    if (request.url === PATHS.serviceAccountToken) loginAs(request, bearer, PATHS.token);
    void carryOut(request, response);
  };
  const follow = (url: string, decision: 'approve' | 'refuse') =>
    followConsent(url, new URL(url).searchParams.get('redirect_uri') ?? '', decision);

  return {
    issuer,
    port,
    endpoints,
    serviceAccount: async () => (await serviceAccount()).account,
    approveCode: url => follow(url, 'approve'),
    refuseCode: url => follow(url, 'refuse'),
    approveDevice: userCode => decideAboutDevice(`${issuer}/device`, userCode, 'approve'),
    refuseDevice: userCode => decideAboutDevice(`${issuer}/device`, userCode, 'refuse'),
    mailboxOf: token => mailboxOf(provider, token),
    revokeConsents: () =>
      store.forget('Grant', 'RefreshToken', 'AccessToken', 'ClientCredentials', 'Session'),
    revokeAccessTokens: () => store.forget('AccessToken', 'ClientCredentials'),
    setLives: changed => {
      lives = { ...lives, ...changed };
    },
    answerNext: faults.answerNext,
    answerAlways: faults.answerAlways,
    setDelay: faults.setDelay,
    tokenRequests: () => tokenRequests,
    answered: () => answered,
    secrets: () => [...store.issued(), ...Object.values(OAUTH_CLIENTS).flatMap(({ secret }) => secret ?? [])],
    stop: async () => {
      if (!http.listening) return;
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
}

/** What goes wrong on purpose. */
function createFaults() {
  const next: OddAnswer[] = [];
  let always: OddAnswer | null = null;
  let delay = 0;

  const oddAnswer = (path: string): OddAnswer | null => {
    const isToken = path.startsWith(PATHS.token) && !path.startsWith('/token/');
    const isAsked = isToken || path.startsWith(PATHS.serviceAccountToken);
    if (isAsked && next.length > 0) return next.shift() ?? null;
    return isAsked || path.startsWith('/device/auth') ? always : null;
  };
  return {
    answer: (request: IncomingMessage, response: ServerResponse): boolean => {
      const odd = oddAnswer(request.url ?? '');
      if (odd === null) return false;
      request.resume();
      if (odd.kind === 'cut') request.socket.destroy();
      if (odd.kind === 'answer') {
        const type = odd.type ?? 'application/json';
        response.writeHead(odd.status, { 'content-type': type, ...odd.headers }).end(odd.body);
      }
      return true;
    },
    answerNext: (...answers: readonly OddAnswer[]) => void next.push(...answers),
    answerAlways: (answer: OddAnswer | null) => {
      always = answer;
    },
    setDelay: (milliseconds: number) => {
      delay = milliseconds;
    },
    delay: () => sleep(delay),
  };
}

/** Who asks needs no login here; oidc-provider wants one. */
function loginAs(
  request: IncomingMessage,
  client: Readonly<{ id: string; secret: string }>,
  path: string,
): void {
  request.headers.authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;
  request.url = path;
}

async function introspectBearer(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const username = await mailboxOf(provider, token);
  const answer = username === null ? { active: false } : { active: true, username, scope: SCOPE };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}

async function mailboxOf(provider: Provider, token: string): Promise<string | null> {
  const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
  const username = found?.isValid ? found.extra?.['username'] : undefined;
  return typeof username === 'string' ? username : null;
}

function generateSecret(): string {
  return generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).toString('hex');
}
