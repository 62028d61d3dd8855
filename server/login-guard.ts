// What keeps out who does not belong, put together: throttle and bans, what earlier logins have shown, which networks are
// served, and who is told of what.

import type { Account } from './accounts/account.ts';
import type { Accounts } from './accounts/accounts.ts';
import { createBans } from './accounts/bans.ts';
import { createFingerprint } from './accounts/fingerprint.ts';
import { lacksOf } from './accounts/mechanism-lacks.ts';
import { createMechanismWithholding, type MechanismWithholding } from './accounts/mechanism-withholding.ts';
import { createThrottle, type Throttle } from './accounts/throttle.ts';
import type { RecordAudit } from './audit/audit-entry.ts';
import type { Clock, DurationMs } from './clock.ts';
import type { Config } from './config/schema.ts';
import type { Log } from './events.ts';
import { makeId, type RandomBytes } from './ids.ts';
import { createAddressKeys } from './network/address-key.ts';
import { inNetworks } from './network/named-networks.ts';
import { createOnLink } from './network/on-link.ts';
import type { RaiseAlert } from './notification/alert.ts';
import type { Credentials } from './sasl/mechanism.ts';
import type { ClientAddress } from './smtp/address.ts';
import type { Store } from './storage/open-store.ts';
import { createLoginReports, type LoginReports } from './submission/login-reports.ts';

export type LoginGuard = Readonly<{
  throttle: Throttle;
  withholding: MechanismWithholding;
  reports: LoginReports;
  /** The account of a name as sent; null where there is none. */
  accountNamed: (canonicalName: string) => Account | null;
  /** True where the account was never there before, but somewhere else. */
  recordLogin: (accountId: string, address: ClientAddress) => boolean;
  hasLoggedIn: (accountId: string, address: ClientAddress) => boolean;
  /** Equal for the same login sent again; null for challenge and response, which differ each time. */
  sameLogin: (credentials: Credentials) => string | null;
  keyOf: (address: ClientAddress) => string;
  /** Whether anybody has ever logged in from there. */
  isKnown: (addressKey: string) => boolean;
  isServed: (address: ClientAddress) => boolean;
  raise: RaiseAlert;
  /** Writes the bans that are not yet written. */
  close: () => Promise<void>;
}>;

export type LoginGuardDeps = Readonly<{
  config: Pick<Config, 'limits'>;
  store: Pick<Store, 'database' | 'observations' | 'lastingKey'>;
  accounts: Pick<Accounts, 'lookup' | 'byId'>;
  clock: Clock;
  random: RandomBytes;
  log: Log;
  raise: RaiseAlert;
  record: RecordAudit;
}>;

const DAY: DurationMs = 24 * 3_600_000;
/** A device that scans once a month is still known. */
const LATELY = 30 * DAY;
/** Several accounts at one address in this time: it stands for several devices. */
const SHARED = 7 * DAY;

/** Rejects where the bans cannot be read. */
export async function createLoginGuard(deps: LoginGuardDeps): Promise<LoginGuard> {
  const { config, store, accounts, clock, log } = deps;
  const { limits } = config;
  const { loginAddresses, withheldMechanisms } = store.observations;
  const isOnLink = createOnLink({ clock });
  const { keyOf, placeOf } = createAddressKeys({ isOnLink });
  const hasLoggedIn = (accountId: string, key: string) =>
    loginAddresses.hasLoggedIn(accountId, key, LATELY, clock.now());
  const isShared = (key: string) => loginAddresses.accountsAt(key, SHARED, clock.now()) > 1;
  const fingerprint = createFingerprint(deps.random);

  const bans = await createBans({
    database: store.database,
    clock,
    newId: () => makeId(clock.now(), deps.random),
    log,
    accountOf: accounts.byId,
    nameTagsLast: store.lastingKey.available,
  });
  // An operator's own hand is in the commit already.
  bans.onLifted(({ address: object, accountId }, by) => {
    const account = accountId === null ? null : accounts.byId(accountId);
    if (by === 'new password') deps.record({ action: 'ban.lifted', object, account, detail: by }, 'postern');
  });
  return {
    throttle: createThrottle({
      clock,
      policy: {
        banAfter: limits.ban_after,
        banAddressAfter: limits.ban_address_after,
        accountFailures: limits.account_failures,
        window: limits.ban_window,
        banTime: limits.ban_time,
        longestBan: limits.ban_longest,
      },
      bans,
      keyOf,
      isNeverBanned: inNetworks(limits.never_banned, { isOnLink }),
      history: { hasLoggedIn, isShared },
    }),
    withholding: createMechanismWithholding({
      kept: withheldMechanisms,
      keyOf,
      cannotUse: (accountId, mechanism) => cannotUse(deps, accountId, mechanism),
      isShared,
      clock,
    }),
    reports: createLoginReports({ ...deps, window: limits.ban_window }),
    accountNamed: canonicalName => accounts.lookup(canonicalName)?.account ?? null,
    recordLogin: (accountId, address) => {
      const at = { key: keyOf(address), place: placeOf(address) };
      return loginAddresses.record(accountId, at, clock.now()) === 'new';
    },
    hasLoggedIn: (accountId, address) => hasLoggedIn(accountId, keyOf(address)),
    sameLogin: credentials =>
      credentials.kind === 'password' ? fingerprint(credentials.name, credentials.password) : null,
    keyOf,
    isKnown: loginAddresses.isKnown,
    isServed: inNetworks(limits.networks, { isOnLink }),
    raise: deps.raise,
    close: bans.close,
  };
}

/** Whether the account cannot log in by this mechanism as it is now: it lacks the secret, or is not allowed to. */
function cannotUse(
  { accounts, clock }: Pick<LoginGuardDeps, 'accounts' | 'clock'>,
  accountId: string,
  mechanism: string,
): boolean {
  const account = accounts.byId(accountId);
  const stored = account === null ? null : accounts.lookup(account.canonicalName);
  if (account === null || stored === null) return false;
  if (account.mechanisms !== null && !account.mechanisms.includes(mechanism)) return true;
  return lacksOf(stored, clock.now()).some(lack => lack.mechanism === mechanism);
}
