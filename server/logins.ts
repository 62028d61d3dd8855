// Everything that a login needs, put together: accounts, password hashing behind its semaphore, cache, throttle.

import { availableParallelism } from 'node:os';
import { createAccounts } from './accounts/accounts.ts';
import { createFingerprint } from './accounts/fingerprint.ts';
import { createPasswordHasher } from './accounts/password.ts';
import type { Principal } from './accounts/principal.ts';
import { createSemaphore, PASSWORD_LINE, passwordPlaces } from './accounts/semaphore.ts';
import { createThrottle, type Throttle } from './accounts/throttle.ts';
import { createVerifiedCredentials } from './accounts/verified-credentials.ts';
import { createVerifier, type Verifier } from './accounts/verifier.ts';
import type { Clock } from './clock.ts';
import type { Log } from './events.ts';
import { makeId, type RandomBytes } from './ids.ts';
import type { Store } from './storage/open-store.ts';

export type Logins = Readonly<{
  verifier: Verifier;
  throttle: Throttle;
  isInForce: (principal: Principal) => boolean;
  /** Accounts at the start. */
  accounts: number;
}>;

export async function createLogins(
  deps: Readonly<{ store: Store; clock: Clock; random: RandomBytes; log: Log }>,
): Promise<Logins> {
  const { store, clock, random, log } = deps;
  const hasher = createPasswordHasher({ random });
  const accounts = await createAccounts({
    database: store.database,
    clock,
    newId: () => makeId(clock.now(), random),
    random,
    hasher,
    onStale: text => log('storage.unavailable', { text }),
  });
  const verifier = createVerifier({
    accounts,
    hasher,
    semaphore: createSemaphore({ places: passwordPlaces(availableParallelism()), line: PASSWORD_LINE }),
    verifiedCredentials: createVerifiedCredentials({ clock }),
    fingerprint: createFingerprint(random),
    clock,
    recordUse: store.observations.recordLogin,
  });
  return {
    verifier,
    throttle: createThrottle({ clock }),
    isInForce: principal => accounts.byId(principal.accountId)?.enabled === true,
    accounts: accounts.list().length,
  };
}
