// From credentials to a principal. An unknown account, a wrong password and a disabled account cost the same work and get
// the same answer; only the reason for the log differs, and it never carries the name of an account that does not exist
// (devices with swapped fields send the password there). Gates come after the full verification.
// Identical logins at the same time share one computation, and what was found right is remembered (verified-credentials.ts).

import type { Clock, EpochMs } from '../clock.ts';
import { canonicalName, canonicalPassword, decodeText } from '../sasl/credential-text.ts';
import type { Credentials } from '../sasl/mechanism.ts';
import type { StoredAccount } from './account.ts';
import type { Accounts } from './accounts.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { PasswordHasher } from './password.ts';
import type { Principal } from './principal.ts';
import type { Admission, Semaphore } from './semaphore.ts';
import type { VerifiedCredentials } from './verified-credentials.ts';

/** For the log only: the client gets one and the same 535 5.7.8. `credential` is for the throttle. */
export type Refused = Readonly<{ kind: 'refused'; credential: string }> &
  (
    | Readonly<{ reason: 'unknown-account'; account?: never }>
    /** `account` is the name of the existing account. */
    | Readonly<{ reason: 'wrong-password' | 'disabled'; account: string }>
  );

export type Verification =
  | Readonly<{
      kind: 'verified';
      principal: Principal;
      /** No password was computed for this login. */
      cached: boolean;
    }>
  | Refused
  /** Too many logins wait: 454 4.7.0. Says nothing about the credentials. */
  | Readonly<{ kind: 'busy' }>;

export type Verifier = Readonly<{ verify: (credentials: Credentials) => Promise<Verification> }>;

export type VerifierDeps = Readonly<{
  accounts: Pick<Accounts, 'lookup' | 'refresh' | 'renewHash'>;
  hasher: PasswordHasher;
  semaphore: Semaphore;
  verifiedCredentials: VerifiedCredentials;
  fingerprint: Fingerprint;
  clock: Clock;
  /** Called at every successful login; must not throw. */
  recordUse: (accountId: string, at: EpochMs) => void;
}>;

/** A login on its way: `stored` as it was at the beginning. */
type Login = Readonly<{
  name: string;
  password: string;
  stored: StoredAccount | null;
  /** Of name and password, whether or not there is such an account. */
  credential: string;
}>;

export function createVerifier(deps: VerifierDeps): Verifier {
  const running = new Map<string, Promise<Admission<boolean>>>();

  /** Computes once for all that ask the same at the same time. */
  const compute = (login: Login, key: string): Promise<Admission<boolean>> => {
    const shared = running.get(key);
    if (shared !== undefined) return shared;
    const hash = login.stored?.passwordHash ?? deps.hasher.dummyHash;
    const computation = deps.semaphore
      .run(() => deps.hasher.verify(hash, login.password))
      .finally(() => running.delete(key));
    running.set(key, computation);
    return computation;
  };

  const verifyOnce = async (login: Login): Promise<Verification> => {
    const key = cacheKey(deps.fingerprint, login);
    // Only an account that could log in profits from the cache: a disabled one must not answer faster or slower.
    if (login.stored?.account.enabled === true && deps.verifiedCredentials.has(key))
      return verified(deps, login.stored, true);
    const result = await compute(login, key);
    if (result.kind === 'busy') return { kind: 'busy' };
    const judged = judge(login, result.value, deps.accounts.lookup(login.name));
    if (judged.kind === 'refused') return judged;
    deps.verifiedCredentials.remember(key);
    renewHash(deps, judged.stored, login.password);
    return verified(deps, judged.stored, false);
  };

  return {
    verify: async credentials => {
      const login = beginLogin(deps, credentials);
      const verification = await verifyOnce(login);
      if (verification.kind !== 'refused') return verification;
      // Somebody may have made the account, or its password, a moment ago by the command line: then it counts already.
      await deps.accounts.refresh();
      const again = beginLogin(deps, credentials);
      return isSame(login.stored, again.stored) ? verification : verifyOnce(again);
    },
  };
}

function isSame(then: StoredAccount | null, now: StoredAccount | null): boolean {
  const [one, other] = [then?.account, now?.account];
  if (one === undefined || other === undefined) return one === other;
  return (
    one.id === other.id && one.credentialVersion === other.credentialVersion && one.enabled === other.enabled
  );
}

function beginLogin(deps: VerifierDeps, credentials: Credentials): Login {
  const name = canonicalName(decodeText(credentials.name));
  const password = canonicalPassword(decodeText(credentials.password));
  return {
    name,
    password,
    stored: deps.accounts.lookup(name),
    credential: deps.fingerprint(name, password),
  };
}

/** Bound to the account and to the version of its password: a new password makes what was remembered worthless. */
function cacheKey(fingerprint: Fingerprint, login: Login): string {
  const account = login.stored?.account;
  return account === undefined
    ? fingerprint('unknown', login.name, login.password)
    : fingerprint('account', account.id, String(account.credentialVersion), login.password);
}

/** `now` is the account after the computation: meanwhile it may have been disabled, removed or given a new password. */
function judge(
  login: Login,
  matches: boolean,
  now: StoredAccount | null,
): Refused | Readonly<{ kind: 'right'; stored: StoredAccount }> {
  const refusal = { kind: 'refused', credential: login.credential } as const;
  const then = login.stored?.account;
  if (then === undefined || now === null || now.account.id !== then.id)
    return { ...refusal, reason: 'unknown-account' };
  const account = now.account.name;
  if (!matches || now.account.credentialVersion !== then.credentialVersion)
    return { ...refusal, reason: 'wrong-password', account };
  if (!now.account.enabled) return { ...refusal, reason: 'disabled', account };
  return { kind: 'right', stored: now };
}

function verified(deps: VerifierDeps, stored: StoredAccount, cached: boolean): Verification {
  const { id, name, sender } = stored.account;
  deps.recordUse(id, deps.clock.now());
  return { kind: 'verified', principal: { accountId: id, name, sender }, cached };
}

/**
 * After our parameters have risen, the hash rises with the next login. Not awaited: the login is right either way, and
 * what fails here (busy, full disk, a new password in between) is tried again at the login after.
 */
function renewHash(deps: VerifierDeps, stored: StoredAccount, password: string): void {
  if (!deps.hasher.needsRehash(stored.passwordHash)) return;
  void deps.semaphore
    .run(() => deps.hasher.hash(password))
    .then(result => (result.kind === 'done' ? deps.accounts.renewHash(stored, result.value) : null))
    .catch(() => null);
}
