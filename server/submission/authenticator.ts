// What one session knows of accounts: asks the throttle, verifies, and holds back the answer to a failure. Whatever was
// wrong with a login, the answer and its delay are the same; what it was goes to login-reports.ts alone.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { BannedAccount } from '../accounts/bans.ts';
import type { MechanismWithholding } from '../accounts/mechanism-withholding.ts';
import type { Principal } from '../accounts/principal.ts';
import type { SendingCheck } from '../accounts/sending-limits.ts';
import type { Attempt, Barred, Throttle } from '../accounts/throttle.ts';
import type { Refused, Verifier } from '../accounts/verifier.ts';
import type { DurationMs } from '../clock.ts';
import type { Credentials, ExchangeContext, Mechanism } from '../sasl/mechanism.ts';
import type { ClientAddress } from '../smtp/address.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { inWords } from '../smtp/waiting-time.ts';
import type { AccountConnections } from './account-connections.ts';
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
  /** The account of a name as sent, as it is now. */
  accountNamed: (name: Uint8Array) => BannedAccount | null;
  /** Notes a login; true where the account was never there before, but somewhere else. */
  recordLogin: (accountId: string, address: ClientAddress) => boolean;
  hasLoggedIn: (accountId: string, address: ClientAddress) => boolean;
  keyOf: (address: ClientAddress) => string;
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

export function createLoginsFor(deps: LoginDeps): LoginsFor {
  return ({ session, address, mechanisms, channelBinding }) => {
    const client: ReportedClient = { session, address: address.text, key: deps.keyOf(address) };
    const place = deps.connections.forConnection();
    let tried = false;

    const offered = (): readonly Mechanism[] => {
      const available = mechanisms.filter(deps.available);
      const wanted = available.filter(({ name }) => !deps.withholding.isWithheld(name, address));
      return wanted.length > 0 ? wanted : available;
    };

    const login = async (mechanism: string, credentials: Credentials): Promise<Verdict> => {
      const nameTag = deps.verifier.nameTagOf(credentials.name);
      const first: Attempt = { address, nameTag, account: deps.accountNamed(credentials.name) };
      const barred = deps.throttle.check(first);
      if (barred !== null) return refuseUnseen(deps, client, { mechanism, attempt: first, barred });
      const verification = await deps.verifier.verify(credentials, { mechanism, address });
      // The verifier may have seen a change that was just made by the command line.
      const attempt: Attempt = { ...first, account: deps.accountNamed(credentials.name) };
      switch (verification.kind) {
        case 'verified': {
          const { principal, cached, serverSignature } = verification;
          deps.throttle.succeeded(attempt);
          const isNewAddress = deps.recordLogin(principal.accountId, address);
          deps.reports.succeeded(client, { account: principal.name, mechanism, cached, isNewAddress });
          if (place.take(principal.accountId))
            return { kind: 'verified', principal, evidence: serverSignature };
          deps.reports.barred(client, {
            mechanism,
            account: principal.name,
            reason: 'connections',
            guessed: false,
          });
          return { kind: 'not-now', reply: replies.tooManyForAccount };
        }
        case 'busy':
          deps.reports.barred(client, { mechanism, account: null, reason: 'busy', guessed: false });
          return { kind: 'busy' };
        case 'refused':
          return refuse(deps, client, { mechanism, attempt, refused: verification });
        default:
          return verification satisfies never;
      }
    };

    return {
      offered,
      exchange: { ...deps.exchange, channelBinding },
      standing: principal => deps.standing(principal, address),
      sending: deps.sending,
      exposed: ({ mechanism, name }) => {
        tried = true;
        const account = name === null ? null : deps.accountNamed(name);
        deps.reports.exposed(client, { mechanism, account: account?.name ?? null });
      },
      authenticate: (mechanism, credentials) => {
        tried = true;
        if (credentials !== null) return login(mechanism, credentials);
        const attempt = { address, nameTag: '', account: null };
        return refuse(deps, client, { mechanism, attempt, refused: null });
      },
      tried: () => tried,
      probed: () => deps.reports.probed(client),
      ended: place.end,
    };
  };
}

/** A failed login: noted, said, and held back. `refused` is null where there was nothing to verify. */
async function refuse(
  deps: LoginDeps,
  client: ReportedClient,
  { mechanism, attempt, refused }: Readonly<{ mechanism: string; attempt: Attempt; refused: Refused | null }>,
): Promise<Verdict> {
  const { address, account, nameTag } = attempt;
  const credential = refused?.credential ?? null;
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
  if (penalty.kind === 'hang-up') return { kind: 'hang-up' };
  if (penalty.delay > 0) await deps.wait(penalty.delay);
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
