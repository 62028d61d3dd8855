// What one session knows of accounts: asks the throttle, verifies, and holds back the answer to a failure, as long as the
// client is there. Whatever was wrong with a login, the answer and its delay are the same; what it was goes to
// login-reports.ts alone.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { BannedAccount } from '../accounts/bans.ts';
import type { Attempt } from '../accounts/login-failures.ts';
import type { MechanismWithholding } from '../accounts/mechanism-withholding.ts';
import type { Principal } from '../accounts/principal.ts';
import type { SendingCheck } from '../accounts/sending-limits.ts';
import type { Barred, Penalty, Throttle } from '../accounts/throttle.ts';
import type { Refused, Verification, Verifier } from '../accounts/verifier.ts';
import type { DurationMs } from '../clock.ts';
import type { Credentials, ExchangeContext, Mechanism } from '../sasl/mechanism.ts';
import type { ClientAddress } from '../smtp/address.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { inWords } from '../smtp/waiting-time.ts';
import type { AccountConnections, AccountPlace } from './account-connections.ts';
import type { Verdict } from './authentication.ts';
import type { LoginReports, ReportedClient } from './login-reports.ts';
import type { SessionLogins } from './session.ts';

export type LoginDeps = Readonly<{
  verifier: Verifier;
  throttle: Throttle;
  withholding: MechanismWithholding;
  reports: LoginReports;
  connections: AccountConnections;
  standing: (principal: Principal, address: ClientAddress) => AccountPolicy | null;
  /** How much accounts may send. */
  sending: SendingCheck;
  /** The account of a name, as it is now. */
  accountNamed: (canonicalName: string) => BannedAccount | null;
  /** Notes a login; true where the account was never there before, but somewhere else. */
  recordLogin: (accountId: string, address: ClientAddress) => boolean;
  hasLoggedIn: (accountId: string, address: ClientAddress) => boolean;
  keyOf: (address: ClientAddress) => string;
  /** Equal for the same login sent again; null for challenge and response, which differ each time. */
  sameLogin: (credentials: Credentials) => string | null;
  exchange: Omit<ExchangeContext, 'listedPlus' | 'channelBinding'>;
  /** Those of them that need a stored secret are left out while the sealing key is lost. */
  available: (mechanism: Mechanism) => boolean;
  /** Resolves after that time. */
  wait: (duration: DurationMs) => Promise<void>;
}>;

export type SessionClient = Readonly<{
  session: string;
  address: ClientAddress;
  /** The listener's. */
  mechanisms: readonly Mechanism[];
  channelBinding: ExchangeContext['channelBinding'];
}>;

export type ConnectionLogins = SessionLogins &
  Readonly<{
    /** Whether a login was tried, in clear too. */
    tried: () => boolean;
    /** The client connected and left: no failure, but it is counted. */
    probed: () => void;
    /** The connection has ended; may be called more than once. */
    ended: () => void;
  }>;

export type LoginsFor = (client: SessionClient) => ConnectionLogins;

/** Credentials that nobody looks at (an empty name, another's authzid) guess at nothing, so all of them are one failure. */
const NO_CREDENTIALS = 'none';

/** One connection. */
type Connection = Readonly<{
  client: ReportedClient;
  address: ClientAddress;
  place: AccountPlace;
  /** Resolves when the client is gone. */
  gone: Promise<void>;
}>;

export function createLoginsFor(deps: LoginDeps): LoginsFor {
  return ({ session, address, mechanisms, channelBinding }) => {
    const end = Promise.withResolvers<void>();
    const connection: Connection = {
      client: { session, address: address.text, key: deps.keyOf(address) },
      address,
      place: deps.connections.forConnection(),
      gone: end.promise,
    };
    let tried = false;
    const accepted = () => mechanisms.filter(deps.available);

    return {
      offered: () => {
        const wanted = accepted().filter(({ name }) => !deps.withholding.isWithheld(name, address));
        return wanted.length > 0 ? wanted : accepted();
      },
      accepted,
      exchange: { ...deps.exchange, channelBinding },
      standing: principal => deps.standing(principal, address),
      sending: deps.sending,
      exposed: ({ mechanism, name }) => {
        tried = true;
        const account = name === null ? null : deps.accountNamed(deps.verifier.identify(name).canonical);
        deps.reports.exposed(connection.client, { mechanism, account: account?.name ?? null });
      },
      authenticate: (mechanism, credentials) => {
        tried = true;
        if (credentials !== null) return login(deps, connection, { mechanism, credentials });
        const attempt = { address, nameTag: '', account: null };
        return holdBack(deps, connection, fail(deps, connection, { mechanism, attempt, refused: null }));
      },
      tried: () => tried,
      probed: () => deps.reports.probed(connection.client),
      ended: () => {
        connection.place.end();
        end.resolve();
      },
    };
  };
}

async function login(
  deps: LoginDeps,
  connection: Connection,
  { mechanism, credentials }: Readonly<{ mechanism: string; credentials: Credentials }>,
): Promise<Verdict> {
  const { address, client, gone } = connection;
  const name = deps.verifier.identify(credentials.name);
  const first: Attempt = { address, nameTag: name.tag, account: deps.accountNamed(name.canonical) };
  const admission = await deps.throttle.admit(first, deps.sameLogin(credentials), gone);
  if (admission.kind === 'gone') return { kind: 'busy' };
  if (admission.kind !== 'admitted')
    return refuseUnseen(deps, client, { mechanism, attempt: first, barred: admission });
  const decided = await deps.verifier
    .verify(credentials, { mechanism, address }, name)
    .then(verification => {
      // The verifier may have seen a change that was just made by the command line.
      const attempt: Attempt = { ...first, account: deps.accountNamed(name.canonical) };
      return decide(deps, connection, { mechanism, attempt, verification });
    })
    .finally(admission.leave);
  return decided.kind === 'failed' ? holdBack(deps, connection, decided.penalty) : decided;
}

/** Notes how the login went. */
function decide(
  deps: LoginDeps,
  connection: Connection,
  {
    mechanism,
    attempt,
    verification,
  }: Readonly<{ mechanism: string; attempt: Attempt; verification: Verification }>,
): Verdict | Readonly<{ kind: 'failed'; penalty: Penalty }> {
  const { client, address } = connection;
  switch (verification.kind) {
    case 'verified': {
      const { principal, cached, serverSignature } = verification;
      const { accountId, name: account } = principal;
      deps.throttle.succeeded(attempt);
      deps.withholding.succeeded(mechanism, address);
      const isNewAddress = deps.recordLogin(accountId, address);
      deps.reports.succeeded(client, { account, mechanism, cached, isNewAddress });
      if (connection.place.take(accountId)) return { kind: 'verified', principal, evidence: serverSignature };
      deps.reports.barred(client, { mechanism, account, reason: 'connections', guessed: false });
      return { kind: 'not-now', reply: replies.tooManyForAccount };
    }
    case 'busy':
      deps.reports.barred(client, { mechanism, account: null, reason: 'busy', guessed: false });
      return { kind: 'busy' };
    case 'refused':
      return {
        kind: 'failed',
        penalty: fail(deps, connection, { mechanism, attempt, refused: verification }),
      };
    default:
      return verification satisfies never;
  }
}

/** A failed login, noted and said. `refused` is null where there was nothing to verify. */
function fail(
  deps: LoginDeps,
  { client, address }: Connection,
  { mechanism, attempt, refused }: Readonly<{ mechanism: string; attempt: Attempt; refused: Refused | null }>,
): Penalty {
  const { account, nameTag } = attempt;
  const credential = refused === null ? NO_CREDENTIALS : refused.credential;
  const reason = refused?.reason ?? 'no-credentials';
  const succeededLately = account !== null && deps.hasLoggedIn(account.id, address);
  const { penalty, bans } = deps.throttle.failed(attempt, credential);
  deps.withholding.refused({
    mechanism,
    address,
    nameTag,
    accountId: account?.id ?? null,
    cannotUse: reason === 'lacks-secret' || reason === 'mechanism-refused',
  });
  deps.reports.failed(client, {
    mechanism,
    reason,
    account,
    nameTag,
    credential,
    succeededLately,
    bans,
  });
  return penalty;
}

async function holdBack(
  { wait }: LoginDeps,
  { gone }: Connection,
  penalty: Penalty,
): Promise<Extract<Verdict, { kind: 'refused' | 'hang-up' }>> {
  if (penalty.kind === 'hang-up') return { kind: 'hang-up' };
  // Who is gone hears no answer, so its place is another's.
  if (penalty.delay > 0) await Promise.race([wait(penalty.delay), gone]);
  penalty.done();
  return { kind: 'refused' };
}

/** Nobody looks at the password while a name or an address is banned. */
function refuseUnseen(
  { reports }: LoginDeps,
  client: ReportedClient,
  { mechanism, attempt, barred }: Readonly<{ mechanism: string; attempt: Attempt; barred: Barred }>,
): Verdict {
  const account = attempt.account?.name ?? null;
  reports.barred(client, { mechanism, account, reason: 'banned', guessed: barred.kind === 'guessed' });
  if (barred.kind === 'address') return { kind: 'hang-up' };
  return { kind: 'not-now', reply: say(replies.authBanned, { when: inWords(barred.left) }) };
}
