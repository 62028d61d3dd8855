// Everything that a login needs, put together: accounts, password hashing behind its semaphore, cache, guard.

import { availableParallelism } from 'node:os';
import type { Account } from './accounts/account.ts';
import { type Accounts, createAccounts } from './accounts/accounts.ts';
import { createCheckResponse } from './accounts/challenge-response.ts';
import { createComparison } from './accounts/comparison.ts';
import { createDeriveSecrets, type DeriveSecrets } from './accounts/derived-secrets.ts';
import { createFingerprint } from './accounts/fingerprint.ts';
import { createLoginUpkeep } from './accounts/login-upkeep.ts';
import { createPasswordHasher, type PasswordHasher } from './accounts/password.ts';
import { createSemaphore, PASSWORD_LINE, passwordPlaces, type Semaphore } from './accounts/semaphore.ts';
import { createVerifiedCredentials } from './accounts/verified-credentials.ts';
import { createVerifier, type Verifier } from './accounts/verifier.ts';
import { auditStatement } from './audit/audit.ts';
import type { RecordAudit } from './audit/audit-entry.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import type { Log } from './events.ts';
import { makeId, type RandomBytes } from './ids.ts';
import { createLoginGuard, type LoginGuard } from './login-guard.ts';
import type { RaiseAlert } from './notification/alert.ts';
import type { Store } from './storage/open-store.ts';

export type Logins = Readonly<{
  verifier: Verifier;
  guard: LoginGuard;
  standing: Accounts['standing'];
  /** Accounts at the start. */
  accounts: number;
  listAccounts: () => readonly Account[];
  /** Deletes passwords whose changeover is over. They count no more anyway. */
  forgetEndedPasswords: () => Promise<void>;
}>;

type Deps = Readonly<{
  config: Pick<Config, 'limits'>;
  store: Store;
  clock: Clock;
  random: RandomBytes;
  log: Log;
  raise: RaiseAlert;
  record: RecordAudit;
}>;

/** What computes, for accounts and verifier alike: one semaphore before all of it. */
type Computing = Readonly<{ hasher: PasswordHasher; semaphore: Semaphore; deriveSecrets: DeriveSecrets }>;

export async function createLogins(deps: Deps): Promise<Logins> {
  const { store, random } = deps;
  const semaphore = createSemaphore({ places: passwordPlaces(availableParallelism()), line: PASSWORD_LINE });
  const computing: Computing = {
    hasher: createPasswordHasher({ random }),
    semaphore,
    deriveSecrets: createDeriveSecrets({ lastingKey: store.lastingKey, random, semaphore }),
  };
  const accounts = await openAccounts(deps, computing);
  return {
    verifier: openVerifier(deps, accounts, computing),
    guard: await createLoginGuard({ ...deps, accounts }),
    standing: accounts.standing,
    accounts: accounts.list().length,
    listAccounts: () => accounts.list().map(({ account }) => account),
    forgetEndedPasswords: accounts.forgetEnded,
  };
}

function openAccounts({ store, clock, random, log }: Deps, computing: Computing): Promise<Accounts> {
  const { database, sealer, lastingKey } = store;
  const newId = () => makeId(clock.now(), random);
  return createAccounts({
    ...computing,
    database,
    sealer,
    lastingKey,
    clock,
    newId,
    random,
    audit: fact => auditStatement(fact, 'postern', clock.now(), newId()),
    onStale: text => log('storage.unavailable', { text }),
  });
}

function openVerifier(
  { store, clock, random, log }: Deps,
  accounts: Accounts,
  { hasher, semaphore, deriveSecrets }: Computing,
): Verifier {
  const { database, sealer, lastingKey, observations } = store;
  const checkResponse = createCheckResponse({ sealer, random });
  return createVerifier({
    accounts,
    compare: createComparison({ hasher, semaphore, checkResponse }),
    verifiedCredentials: createVerifiedCredentials({ clock }),
    fingerprint: createFingerprint(random),
    lastingKey,
    upkeep: createLoginUpkeep({
      database,
      accounts,
      hasher,
      semaphore,
      deriveSecrets,
      sealer,
      clock,
      log,
    }),
    clock,
    recordUse: observations.recordLogin,
  });
}
