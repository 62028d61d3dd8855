// Proves to an upstream who we are, with whatever its credentials hold. An access token that it refuses is replaced by
// another one, once: tokens end early when somebody revokes them, and a second refusal is no matter of the token.

import type { UpstreamFault } from '../../queue/outcome.ts';
import type { ClientContext } from '../../sasl/client-mechanism.ts';
import type { Credentials } from '../credentials.ts';
import type { TokenResult } from '../oauth/token.ts';
import type { Place } from '../setup-fault.ts';
import {
  classifySetup,
  loginBroken,
  noCommonMechanism,
  passwordUnreadable,
  userNameMissing,
} from '../setup-fault.ts';
import type { UpstreamConnection } from './smtp-connection.ts';
import { isRefusedWith, type LoginResult, logInByToken, logInTo } from './smtp-login.ts';

/** What is in hand before a connection is opened. */
export type Proof =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'password'; password: string }>
  | TokenProof
  /** There are credentials, and they cannot be used: said once the upstream has answered, so that a test shows the rest. */
  | Readonly<{ kind: 'unusable'; fault: UpstreamFault }>;

type TokenProof = Readonly<{
  kind: 'token';
  token: string;
  /** Null: it was asked for already. */
  another: ((refused: string) => Promise<TokenResult>) | null;
}>;

export type Proved =
  /** `mechanism`: null where no login was needed. */
  | Readonly<{ kind: 'accepted'; mechanism: string | null }>
  | Readonly<{ kind: 'fault'; fault: UpstreamFault }>
  /** The upstream takes no second login on this connection: it is tried on a new one, with this. */
  | Readonly<{ kind: 'anew'; proof: TokenProof }>;

/** A token comes before the connection: where none can be had, the upstream is not bothered. */
export async function proofFrom(
  credentials: Credentials,
  upstream: string,
): Promise<Proof | Extract<TokenResult, { kind: 'fault' }>> {
  switch (credentials.kind) {
    case 'none':
    case 'password':
      return credentials;
    case 'unreadable':
      return { kind: 'unusable', fault: passwordUnreadable(upstream) };
    case 'token': {
      const got = await credentials.current();
      if (got.kind === 'fault') return got;
      return { kind: 'token', token: got.token, another: credentials.another };
    }
    default:
      return credentials satisfies never;
  }
}

export type Proving = Readonly<{
  connection: UpstreamConnection;
  /** The upstream's SASL mechanisms. */
  offered: readonly string[];
  user: string | null;
  place: Place;
  context: ClientContext;
}>;

/** Never rejects. */
export async function prove(proof: Proof, proving: Proving): Promise<Proved> {
  const { connection, offered, user, place, context } = proving;
  if (proof.kind === 'none') return { kind: 'accepted', mechanism: null };
  if (proof.kind === 'unusable') return { kind: 'fault', fault: proof.fault };
  if (user === null) return { kind: 'fault', fault: userNameMissing(place.upstream) };
  if (proof.kind === 'token') return proveByToken(proof, { ...proving, user });
  const { password } = proof;
  return provedBy(await logInTo(connection, offered, { user, password }, context), proving);
}

async function proveByToken(
  { token, another }: TokenProof,
  proving: Proving & Readonly<{ user: string }>,
): Promise<Proved> {
  const { connection, offered, user, place } = proving;
  const { host, port } = place;
  const logIn = (token: string) => logInByToken(connection, offered, { user, token, host, port });
  const result = await logIn(token);
  if (another === null || !isTokenRefused(result)) return provedBy(result, proving);

  const got = await another(token);
  if (got.kind === 'fault') return got;
  if (got.token === token) return provedBy(result, proving);
  if (connection.usable) {
    const second = await logIn(got.token);
    if (!isHungUp(second)) return provedBy(second, proving);
  }
  return { kind: 'anew', proof: { kind: 'token', token: got.token, another: null } };
}

function provedBy(result: LoginResult, { offered, place }: Proving): Proved {
  switch (result.kind) {
    case 'accepted':
      return result;
    case 'no-mechanism':
      return { kind: 'fault', fault: noCommonMechanism(offered, place) };
    case 'trouble':
      return { kind: 'fault', fault: classifySetup(result.trouble, place) };
    case 'broken':
      return { kind: 'fault', fault: loginBroken(result.failure, result.mechanism, place) };
    default:
      return result satisfies never;
  }
}

/** Google's 400 and 401, and RFC 7628's word for both; 403 and `insufficient_scope` speak of what was consented to. */
const TOKEN_STATUSES: readonly string[] = ['400', '401', 'invalid_token'];

/** Microsoft says 535 without a challenge before it; others hang up after theirs. */
function isTokenRefused(result: LoginResult): boolean {
  if (isRefusedWith(result, 535)) return true;
  const status = result.kind === 'trouble' ? result.trouble.tokenRefusal?.status : undefined;
  return typeof status === 'string' && TOKEN_STATUSES.includes(status);
}

/** The connection is gone, or the upstream wants to hear of no second login on it. A time-out tells us nothing new. */
function isHungUp(result: LoginResult): boolean {
  if (result.kind !== 'trouble') return false;
  const { reply, errorCode } = result.trouble;
  return reply === null ? errorCode !== 'ETIMEDOUT' : reply.code === 421 || reply.code === 503;
}
