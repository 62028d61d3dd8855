// Logs in to an upstream with the best mechanism that both sides know: with a password, or with an access token. A mechanism
// that is offered and not taken after all gives way to the next.

import type { ClientContext, ClientLogin, ClientMechanism } from '../../sasl/client-mechanism.ts';
import { clientMechanisms, tokenMechanisms } from '../../sasl/client-mechanisms.ts';
import type { TokenLogin } from '../../sasl/client-token.ts';
import { tokenSecrets } from '../without-secrets.ts';
import type { UpstreamConnection } from './smtp-connection.ts';
import { type ExchangeResult, exchange } from './smtp-exchange.ts';

export type LoginResult = ExchangeResult | Readonly<{ kind: 'no-mechanism' }>;

/** `offered`: the upstream's SASL mechanisms. Never rejects. */
export function logInTo(
  connection: UpstreamConnection,
  offered: readonly string[],
  login: ClientLogin,
  context: ClientContext,
): Promise<LoginResult> {
  return firstThatIsTaken(clientMechanisms(offered, context), mechanism =>
    logInWith(mechanism, connection, login, context),
  );
}

/** The same with an access token. */
export function logInByToken(
  connection: UpstreamConnection,
  offered: readonly string[],
  login: TokenLogin,
): Promise<LoginResult> {
  return firstThatIsTaken(tokenMechanisms(offered), ({ name, start }) =>
    exchange(connection, { mechanism: name, first: start(login), secrets: tokenSecrets(login.token) }),
  );
}

export function isRefusedWith(result: LoginResult, code: number): boolean {
  return result.kind === 'trouble' && result.trouble.reply?.code === code;
}

/** 504: the mechanism is offered and not taken after all (RFC 4954 §4); the next one may do. */
async function firstThatIsTaken<Mechanism>(
  mechanisms: readonly Mechanism[],
  logIn: (mechanism: Mechanism) => Promise<LoginResult>,
): Promise<LoginResult> {
  let result: LoginResult = { kind: 'no-mechanism' };
  for (const mechanism of mechanisms) {
    result = await logIn(mechanism);
    if (!isRefusedWith(result, 504)) break;
  }
  return result;
}

/** Tries the password's other form where the first is said to be wrong. */
async function logInWith(
  mechanism: ClientMechanism,
  connection: UpstreamConnection,
  login: ClientLogin,
  context: ClientContext,
): Promise<ExchangeResult> {
  const logIn = (password: string) =>
    exchange(connection, {
      mechanism: mechanism.name,
      first: mechanism.start({ ...login, password }, context),
      secrets: { password, tokens: [] },
    });
  const [password = login.password, other] = mechanism.passwords(login.password);
  const result = await logIn(password);
  if (other === undefined || !isRefusedWith(result, 535)) return result;
  const again = await logIn(other);
  // A server may hang up at the second: what it said to the first is the reason.
  return again.kind === 'accepted' ? again : result;
}
