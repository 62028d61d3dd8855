// Who we are, in the headers of a request to a sending API: an access token, an API key, or Amazon's signature. Never
// rejects; what is missing or cannot be read is a fault of the upstream. No part of a secret reaches a text.

import type { EpochMs } from '../../clock.ts';
import type { UpstreamFault } from '../../queue/outcome.ts';
import type { SendingApi } from '../apis/sending-api.ts';
import type { Credentials } from '../credentials.ts';
import { passwordUnreadable } from '../setup-fault.ts';
import type { Upstream } from '../upstream.ts';
import { type AwsRequest, signAws } from './aws-signature.ts';

export type Key =
  /** An access token: another one may be had where it is refused. */
  Readonly<{ kind: 'token'; secret: string }> | Readonly<{ kind: 'key'; secret: string }>;

export type KeyResult = Key | Readonly<{ kind: 'fault'; fault: UpstreamFault }>;

/** The token or key that is good now. */
export async function keyFor(
  { authentication, title }: SendingApi,
  { name }: Upstream,
  credentials: Credentials,
): Promise<KeyResult> {
  const wantsToken = authentication.kind === 'token';
  switch (credentials.kind) {
    case 'token': {
      if (!wantsToken)
        return fault(`${title} takes a key, and ${name} is set up for OAuth2. ${setKey(name)}`);
      const result = await credentials.current();
      return result.kind === 'token' ? tokenFrom(result.token, name) : result;
    }
    case 'password': {
      if (wantsToken) return noToken(title, name);
      const { password } = credentials;
      if (authentication.kind === 'basic' || isSayable(password)) return { kind: 'key', secret: password };
      return fault(`The key of ${name} has characters that no key has. ${setKey(name)}`);
    }
    case 'unreadable':
      return { kind: 'fault', fault: passwordUnreadable(name) };
    case 'none':
      return wantsToken ? noToken(title, name) : fault(`${name} has no key for ${title}. ${setKey(name)}`);
    default:
      return credentials satisfies never;
  }
}

/** In place of `refused`, which the upstream does not take; the same one where no other can be had. */
export async function anotherFor(
  { name }: Upstream,
  credentials: Extract<Credentials, { kind: 'token' }>,
  refused: string,
): Promise<KeyResult> {
  const result = await credentials.another(refused);
  return result.kind === 'token' ? tokenFrom(result.token, name) : result;
}

/** Amazon's signature covers the whole body, so its hash must be known first. */
export function signsBody({ authentication }: SendingApi): boolean {
  return authentication.kind === 'aws';
}

type Asker = Readonly<{ api: SendingApi; upstream: Upstream; now: EpochMs }>;

/** The headers of `request`, and those that prove who we are; by names in lower case. */
export async function authorized(
  { api: { authentication }, upstream: { host, user, region }, now }: Asker,
  { secret }: Key,
  request: AwsRequest,
): Promise<Readonly<Record<string, string>>> {
  const { headers } = request;
  switch (authentication.kind) {
    case 'token':
      return { ...headers, authorization: `Bearer ${secret}` };
    case 'basic': {
      const pair = Buffer.from(`${authentication.user}:${secret}`);
      return { ...headers, authorization: `Basic ${pair.toString('base64')}` };
    }
    case 'header':
      return { ...headers, [authentication.name.toLowerCase()]: `${authentication.prefix}${secret}` };
    case 'aws': {
      const { service } = authentication;
      const where = authentication.region({ host, region });
      return signAws(request, { keyId: user ?? '', secretKey: secret, region: where, service, now });
    }
    default:
      return authentication satisfies never;
  }
}

/** What may stand in a header (RFC 9110 §5.5), without blanks: no key and no token has others. */
function isSayable(secret: string): boolean {
  return /^[\x21-\x7e]+$/.test(secret);
}

function tokenFrom(token: string, name: string): KeyResult {
  if (isSayable(token)) return { kind: 'token', secret: token };
  return fault(`What the login server gave for ${name} is no access token. Check the token endpoint.`);
}

function noToken(title: string, name: string): KeyResult {
  return fault(
    `${title} takes only OAuth2, and ${name} is not set up for it: \`postern upstream set ${name} --oauth-client-id ID\`, then \`postern upstream authorize ${name}\`.`,
  );
}

function setKey(name: string): string {
  return `Set one with \`postern upstream set ${name} --password-stdin\`.`;
}

function fault(text: string): KeyResult {
  return { kind: 'fault', fault: { kind: 'credentials', stage: 'auth', reply: null, text } };
}
