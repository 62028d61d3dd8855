// One request of an API's description as it goes over a connection: address, headers, proof of who we are; and its answer, out
// of which our secrets are taken should it repeat them. Never rejects.

import type { EpochMs } from '../../clock.ts';
import type { ApiPlace, ApiRequest, ApiResponse, ApiTarget, SendingApi } from '../apis/sending-api.ts';
import { needsConsent } from '../oauth/oauth-settings.ts';
import type { Upstream } from '../upstream.ts';
import { type LoginSecrets, tokenSecrets, withoutSecrets } from '../without-secrets.ts';
import { authorized, type Key, signsBody } from './api-authorization.ts';
import { type ApiBody, hashOf } from './api-body.ts';
import type { HttpAnswer, HttpConnection, HttpPatience } from './api-http.ts';

export type ApiAt = Readonly<{
  api: SendingApi;
  upstream: Upstream;
  /** Wall clock. */
  now: () => EpochMs;
}>;

type Asking = Readonly<{
  request: ApiRequest;
  /** Of `request`, with the message in it. */
  body: ApiBody;
  key: Key;
  patience: HttpPatience;
  onWhole?: () => void;
}>;

export async function askApi(
  connection: HttpConnection,
  { api, upstream, now }: ApiAt,
  { request, body, key, patience, onWhole = () => undefined }: Asking,
): Promise<HttpAnswer> {
  const { method } = request;
  const bodyHash = signsBody(api) ? await hashOf(body) : '';
  if (typeof bodyHash !== 'string') return bodyHash;
  const host = hostHeader(upstream);
  const path = `${upstream.path ?? api.defaultPath}${request.path}`;
  const proved = await authorized({ api, upstream, now: now() }, key, {
    method,
    host,
    path,
    headers: lowerCase(request.headers),
    bodyHash,
  });
  const headers = { host, 'user-agent': 'Postern', accept: 'application/json', ...proved };
  const answer = await connection.ask({ method, path, headers, body, patience, onWhole });
  if (answer.kind !== 'response') return answer;
  return { ...answer, response: withoutKey(answer.response, secretsOf(key, api)) };
}

export function targetOf({ host, user, region, oauth }: Upstream): ApiTarget {
  return { host, user, region, delegated: oauth !== null && needsConsent(oauth) };
}

export function placeOfApi({ upstream, now }: ApiAt, reversePath: string): ApiPlace {
  const { name, host, user } = upstream;
  return { upstream: name, host, user, reversePath, now: now() };
}

function secretsOf({ secret }: Key, { authentication }: SendingApi): LoginSecrets {
  const secrets = tokenSecrets(secret);
  if (authentication.kind !== 'basic') return secrets;
  const pair = Buffer.from(`${authentication.user}:${secret}`).toString('base64');
  return { ...secrets, tokens: [...secrets.tokens, pair] };
}

function withoutKey({ status, headers, body }: ApiResponse, secrets: LoginSecrets): ApiResponse {
  const hidden = Object.entries(headers).map(([name, value = '']) => [name, withoutSecrets(value, secrets)]);
  return { status, headers: Object.fromEntries(hidden), body: withoutSecrets(body, secrets) };
}

/** RFC 9110 §7.2: without the port where it is the usual one. */
function hostHeader({ scheme, host, port }: Upstream): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (scheme.endsWith('+https') ? 443 : 80) ? name : `${name}:${port}`;
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
