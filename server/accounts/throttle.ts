// Slows down who guesses passwords, then bans them. Failed logins are counted by pair of login name and client, by client,
// and by name; ban-decision.ts says what follows. The same wrong credential counts once: a device that retries its old
// password is no guesser. Successful logins never wait. Whatever is answered, it is the same whether or not the account exists.
// Counts are in memory and bounded, bans survive a restart (bans.ts); the session does the waiting.

import type { Clock, DurationMs } from '../clock.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { Ban } from './ban.ts';
import { type BanPolicy, banLength, bansDue, delayOf, type Failures, type Source } from './ban-decision.ts';
import type { BannedAccount, Bans, BanTarget } from './bans.ts';
import { createFailureCount } from './failure-count.ts';

/** A login that somebody tries. */
export type Attempt = Readonly<{
  address: ClientAddress;
  /** Stands for the name, whether or not it is an account's; empty where there was none. */
  nameTag: string;
  /** The account of that name; null where there is none. */
  account: BannedAccount | null;
}>;

/** What to do with a failed login. */
export type Penalty =
  | Readonly<{
      kind: 'answer';
      /** Milliseconds to wait before the reply; often 0. */
      delay: DurationMs;
      /** To be called once when the wait is over or the client is gone. */
      done: () => void;
    }>
  /** Too many sessions wait already: 421 4.7.0 at once, for waiting less would reward the flood. */
  | Readonly<{ kind: 'hang-up' }>;

/**
 * `address`: the whole address is banned. `name`: this name is, from there. `guessed`: so many guess at this name that
 * only those may try it who have logged in with it lately.
 */
export type Barred = Readonly<{ kind: 'address' | 'name' | 'guessed'; left: DurationMs }>;

export type Throttle = Readonly<{
  /** How long an address as a whole is banned still; null: it may come in. */
  addressBan: (address: ClientAddress) => DurationMs | null;
  /** Asked before anything is verified; null: go on. */
  check: (attempt: Attempt) => Barred | null;
  /**
   * Notes a failed login. `credential` is the verifier's fingerprint, or null where there is none: then every failure
   * counts. `bans` are those it has led to.
   */
  failed: (
    attempt: Attempt,
    credential: string | null,
  ) => Readonly<{ penalty: Penalty; bans: readonly Ban[] }>;
  succeeded: (attempt: Attempt) => void;
}>;

export type ThrottleDeps = Readonly<{
  clock: Pick<Clock, 'monotonic'>;
  policy: BanPolicy;
  bans: Bans;
  keyOf: (address: ClientAddress) => string;
  isNeverBanned: (address: ClientAddress) => boolean;
  /** What the logins that succeeded lately have shown. */
  history: Readonly<{
    hasLoggedIn: (accountId: string, addressKey: string) => boolean;
    /** Several accounts have. */
    isShared: (addressKey: string) => boolean;
  }>;
  /** Sessions that may wait at once, each holding a connection. */
  delayedSessions?: number;
}>;

const DELAYED_SESSIONS = 200;

export function createThrottle(deps: ThrottleDeps): Throttle {
  const { clock, policy, bans, keyOf, history } = deps;
  const { window } = policy;
  const pairs = createFailureCount({ clock, window, most: policy.banAfter });
  const addresses = createFailureCount({ clock, window, most: policy.banAddressAfter });
  const names = createFailureCount({ clock, window, most: policy.accountFailures });
  const wait = createWaiting(deps.delayedSessions ?? DELAYED_SESSIONS);

  bans.onLifted(({ address, nameTag }) => {
    pairs.forgetAll(nameTag === '' ? `${address} ` : `${address} ${nameTag} `);
    if (nameTag === '') addresses.forget(address);
  });

  const sourceOf = (address: ClientAddress): Source => ({
    isShared: history.isShared(keyOf(address)),
    isNeverBanned: address.isLoopback || deps.isNeverBanned(address),
  });
  const succeededLately = ({ account, address }: Attempt): boolean =>
    account !== null && history.hasLoggedIn(account.id, keyOf(address));

  const note = (attempt: Attempt, credential: string | null): Failures => {
    const key = keyOf(attempt.address);
    // Challenge and response look different each time. From a device that has logged in before, they are most likely one
    // old password: beyond its own pair they count as one.
    const elsewhere = credential ?? (succeededLately(attempt) ? `${key} ${attempt.nameTag}` : null);
    names.note(nameGroup(attempt), elsewhere);
    return {
      pair: pairs.note(pairGroup(key, attempt), credential),
      address: addresses.note(key, elsewhere),
    };
  };

  const ban = (target: BanTarget, failures: number, succeeded: boolean): Ban =>
    bans.make(target, failures, level => banLength({ level, succeededLately: succeeded }, policy));

  return {
    addressBan: address =>
      sourceOf(address).isNeverBanned
        ? null
        : bans.left({ address: keyOf(address), nameTag: '', account: null }),
    check: attempt => {
      const { address, nameTag, account } = attempt;
      if (sourceOf(address).isNeverBanned) return null;
      const key = keyOf(address);
      const whole = bans.left({ address: key, nameTag: '', account: null });
      if (whole !== null) return { kind: 'address', left: whole };
      const left = nameTag === '' ? null : bans.left({ address: key, nameTag, account });
      if (left !== null) return { kind: 'name', left };
      if (names.count(nameGroup(attempt)) < policy.accountFailures || succeededLately(attempt)) return null;
      return { kind: 'guessed', left: window };
    },
    failed: (attempt, credential) => {
      const key = keyOf(attempt.address);
      const source = sourceOf(attempt.address);
      const failures = note(attempt, credential);
      const penalty = wait(delayOf(failures, source));
      const due = bansDue(failures, source, policy);
      const made: Ban[] = [];
      if (due.pair && attempt.nameTag !== '') {
        const { nameTag, account } = attempt;
        made.push(ban({ address: key, nameTag, account }, failures.pair, succeededLately(attempt)));
        pairs.forget(pairGroup(key, attempt));
      }
      if (due.address) {
        made.push(ban({ address: key, nameTag: '', account: null }, failures.address, false));
        addresses.forget(key);
      }
      return { penalty, bans: made };
    },
    succeeded: attempt => pairs.forget(pairGroup(keyOf(attempt.address), attempt)),
  };
}

/** What was counted against a name counts only as long as its password is the same. */
function nameGroup({ nameTag, account }: Attempt): string {
  return account === null ? nameTag : `${nameTag} ${account.id}/${account.credentialVersion}`;
}

function pairGroup(key: string, attempt: Attempt): string {
  return `${key} ${nameGroup(attempt)} `;
}

/** Counts the sessions whose answer is held back. */
function createWaiting(most: number): (delay: DurationMs) => Penalty {
  let waiting = 0;
  return delay => {
    if (delay === 0) return { kind: 'answer', delay, done: () => undefined };
    if (waiting >= most) return { kind: 'hang-up' };
    waiting += 1;
    let over = false;
    const done = () => {
      if (!over) waiting -= 1;
      over = true;
    };
    return { kind: 'answer', delay, done };
  };
}
