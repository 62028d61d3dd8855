// What is said about logins to the log, the audit and the operator. Nobody is named who does not exist, and whoever fails
// all day is not told of all day.

import type { Ban } from '../accounts/ban.ts';
import type { BannedAccount } from '../accounts/bans.ts';
import { createFailureCount } from '../accounts/failure-count.ts';
import type { RecordAudit } from '../audit/audit-entry.ts';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import {
  type BanFacts,
  banDetail,
  bannedAlert,
  exposedAlert,
  guessedAtAlert,
  newAddressAlert,
  repeatedFailuresAlert,
  unknownAccountsAlert,
} from './login-alerts.ts';
import { createThinning } from './thinning.ts';

/** `key`: what counts as one client. */
export type ReportedClient = Readonly<{ session: string; address: string; key: string }>;

export type FailedLogin = Readonly<{
  mechanism: string;
  reason: string;
  /** Null where there is no account of that name. */
  account: BannedAccount | null;
  /** Stands for the name; empty where there was none. */
  nameTag: string;
  credential: string | null;
  /** This account has logged in from there lately. */
  succeededLately: boolean;
  bans: readonly Ban[];
}>;

export type LoginReports = Readonly<{
  succeeded: (
    client: ReportedClient,
    login: Readonly<{ account: string; mechanism: string; cached: boolean; isNewAddress: boolean }>,
  ) => void;
  failed: (client: ReportedClient, login: FailedLogin) => void;
  /** Refused without a look at the password. `guessed`: because so many guess at this name. */
  barred: (
    client: ReportedClient,
    login: Readonly<{ mechanism: string; account: string | null; reason: string; guessed: boolean }>,
  ) => void;
  exposed: (
    client: ReportedClient,
    exposure: Readonly<{ mechanism: string; account: string | null }>,
  ) => void;
  /** Connected and left, without a login or a message. */
  probed: (client: ReportedClient) => void;
}>;

export type LoginReportsDeps = Readonly<{
  clock: Pick<Clock, 'monotonic'>;
  /** The time in which failures are counted. */
  window: DurationMs;
  log: Log;
  record: RecordAudit;
  raise: RaiseAlert;
}>;

/** From so many different failures of one account at one client, or so many in all, the operator hears of it. */
const DIFFERENT_FAILURES = 5;
const FAILURES_IN_ALL = 10;
/** So many names that are no accounts. */
const UNKNOWN_NAMES = 5;
const MINUTE: DurationMs = 60_000;
const HOUR = 60 * MINUTE;

export function createLoginReports(deps: LoginReportsDeps): LoginReports {
  const { clock, window, log, record, raise } = deps;
  const different = createFailureCount({ clock, window, most: DIFFERENT_FAILURES });
  const all = createFailureCount({ clock, window, most: FAILURES_IN_ALL });
  const unknown = createFailureCount({ clock, window, most: UNKNOWN_NAMES });
  const exposures = createThinning({ clock, interval: MINUTE });
  const failures = createThinning({ clock, interval: MINUTE });
  const barrings = createThinning({ clock, interval: MINUTE });
  const probes = createThinning({ clock, interval: HOUR });

  const notePattern = ({ key, address }: ReportedClient, login: FailedLogin): void => {
    const { account, credential, nameTag, succeededLately } = login;
    if (account === null) {
      if (nameTag !== '' && unknown.note(key, nameTag) >= UNKNOWN_NAMES) raise(unknownAccountsAlert(address));
      return;
    }
    const group = `${key} ${account.id}`;
    const isGuessing = different.note(group, credential) >= DIFFERENT_FAILURES;
    if (all.note(group, null) >= FAILURES_IN_ALL || isGuessing)
      raise(repeatedFailuresAlert({ account: account.name, address, succeededLately }));
  };

  return {
    succeeded: (client, { account, mechanism, cached, isNewAddress }) => {
      log('auth.succeeded', { ...who(client, account), mechanism, cached });
      if (!isNewAddress) return;
      const { address } = client;
      record({ action: 'login.new-address', object: account, address }, `account:${account}`);
      raise(newAddressAlert({ account, address }));
    },
    failed: (client, login) => {
      const { account, mechanism, nameTag, reason } = login;
      const { address } = client;
      const count = failures(`${client.key} ${account?.id ?? nameTag} ${mechanism} ${reason}`);
      if (count !== null) log('auth.failed', { ...who(client, account?.name), mechanism, reason, count });
      const object = account?.name ?? '';
      record({ action: 'login.failed', object, account, address, detail: reason }, 'postern');
      notePattern(client, login);
      for (const ban of login.bans) {
        const facts = factsOf(ban, account);
        raise(bannedAlert(facts));
        const of = facts.account === null ? null : account;
        const detail = banDetail(facts);
        record({ action: 'ban.made', object: ban.address, account: of, address, detail }, 'postern');
      }
    },
    barred: (client, { mechanism, account, reason, guessed }) => {
      const count = barrings(`${client.key} ${account ?? ''} ${reason}`);
      if (count !== null)
        log('auth.failed', { ...who(client, account ?? undefined), mechanism, reason, count });
      if (guessed && account !== null) raise(guessedAtAlert(account));
    },
    exposed: (client, { mechanism, account }) => {
      const count = exposures(`${client.key} ${account ?? ''}`);
      if (count !== null) log('auth.exposed', { ...who(client, account ?? undefined), mechanism, count });
      raise(exposedAlert({ account, address: client.address }));
    },
    probed: client => {
      const count = probes(client.key);
      if (count !== null) log('auth.probed', { session: client.session, address: client.address, count });
    },
  };
}

function who({ session, address }: ReportedClient, account: string | undefined) {
  return { session, address, ...(account === undefined ? {} : { account }) };
}

function factsOf(ban: Ban, account: BannedAccount | null): BanFacts {
  const whole = ban.nameTag === '';
  return {
    account: whole ? null : (account?.name ?? null),
    whole,
    address: ban.address,
    failures: ban.failures,
    length: ban.endsAt - ban.bannedAt,
  };
}
