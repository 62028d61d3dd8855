// Slows down who guesses passwords, then bans them. Failed logins are counted by pair of login name and client, by client,
// and by name, those under way included; ban-decision.ts says what follows. The same wrong credential repeated leads to no
// ban: a device that retries its old password is no guesser. The answer to a right login is never held back. Whatever is
// answered, it is the same whether or not the account exists. Counts are in memory and bounded, bans survive a restart
// (bans.ts); the session does the waiting after a failure.

import type { Clock, DurationMs } from '../clock.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { Ban } from './ban.ts';
import { type BanPolicy, banLength, bansDue, delayOf, type Source } from './ban-decision.ts';
import type { Bans, BanTarget } from './bans.ts';
import { type Attempt, createLoginFailures, nameGroup, pairGroup } from './login-failures.ts';
import { createLoginsUnderWay, type Room } from './logins-under-way.ts';

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

export type Admitted = Readonly<{
  kind: 'admitted';
  /** To be called however the login went, once that is noted. */
  leave: () => void;
}>;

export type Throttle = Readonly<{
  /** How long an address as a whole is banned still; null: it may come in. */
  addressBan: (address: ClientAddress) => DurationMs | null;
  /**
   * Asked before anything is verified. Where as many logins are under way as may still fail, it waits until enough of them
   * are decided, or `gone` resolves. `login`: equal ones are the same credentials; null is like no other.
   */
  admit: (
    attempt: Attempt,
    login: string | null,
    gone: Promise<void>,
  ) => Promise<Admitted | Barred | Readonly<{ kind: 'gone' }>>;
  /**
   * Notes a failed login. `credential` is the verifier's fingerprint, or null where there is none: then every failure
   * failures. `bans` are those it has led to; one that is in force already is not made again.
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
  const { policy, bans, keyOf, history } = deps;
  const failures = createLoginFailures(deps);
  const underWay = createLoginsUnderWay();
  const wait = createWaiting(deps.delayedSessions ?? DELAYED_SESSIONS);

  const sourceOf = (address: ClientAddress): Source => ({
    isShared: history.isShared(keyOf(address)),
    isNeverBanned: address.isLoopback || deps.isNeverBanned(address),
  });
  const succeededLately = ({ account, address }: Attempt): boolean =>
    account !== null && history.hasLoggedIn(account.id, keyOf(address));

  const barred = (attempt: Attempt): Barred | null => {
    const { address, nameTag, account } = attempt;
    const key = keyOf(address);
    const whole = bans.left(wholeAddress(key));
    if (whole !== null) return { kind: 'address', left: whole };
    const left = nameTag === '' ? null : bans.left({ address: key, nameTag, account });
    if (left !== null) return { kind: 'name', left };
    if (failures.ofName(attempt) < policy.accountFailures || succeededLately(attempt)) return null;
    return { kind: 'guessed', left: policy.window };
  };

  /** Where failures lead to something, and how many of them may still come. */
  const roomsOf = (attempt: Attempt): readonly Room[] => {
    const key = keyOf(attempt.address);
    const pair = {
      group: `pair ${pairGroup(key, attempt)}`,
      left: policy.banAfter - failures.ofPair(attempt),
    };
    const address = { group: `address ${key}`, left: policy.banAddressAfter - failures.ofAddress(key) };
    const name = {
      group: `name ${nameGroup(attempt)}`,
      left: policy.accountFailures - failures.ofName(attempt),
    };
    return [
      pair,
      ...(sourceOf(attempt.address).isShared ? [] : [address]),
      ...(succeededLately(attempt) ? [] : [name]),
    ];
  };

  /** Failures that were under way when the ban was made must not lead to the next, longer one. */
  const ban = (target: BanTarget, count: number, succeeded: boolean): readonly Ban[] =>
    bans.left(target) === null
      ? [bans.make(target, count, level => banLength({ level, succeededLately: succeeded }, policy))]
      : [];

  return {
    addressBan: address => (sourceOf(address).isNeverBanned ? null : bans.left(wholeAddress(keyOf(address)))),
    admit: async (attempt, login, gone) => {
      if (sourceOf(attempt.address).isNeverBanned) return { kind: 'admitted', leave: () => undefined };
      for (;;) {
        const bar = barred(attempt);
        if (bar !== null) return bar;
        const rooms = roomsOf(attempt);
        const full = underWay.full(rooms, login);
        if (full === null) {
          const groups = rooms.map(({ group }) => group);
          return { kind: 'admitted', leave: underWay.begin(groups, login) };
        }
        const left = gone.then(() => 'gone' as const);
        if ((await Promise.race([underWay.change(full), left])) === 'gone') return { kind: 'gone' };
      }
    },
    failed: (attempt, credential) => {
      const { address, nameTag, account } = attempt;
      const key = keyOf(address);
      const source = sourceOf(address);
      const succeeded = succeededLately(attempt);
      const count = failures.note(attempt, { credential, succeededLately: succeeded });
      const penalty = wait(delayOf(count, source));
      const due = bansDue(count, source, policy);
      const made: Ban[] = [];
      if (due.pair && nameTag !== '') {
        made.push(...ban({ address: key, nameTag, account }, count.pair, succeeded));
        failures.forgetPair(attempt);
      }
      if (due.address) {
        made.push(...ban(wholeAddress(key), count.address, false));
        failures.forgetAddress(key);
      }
      return { penalty, bans: made };
    },
    succeeded: failures.succeeded,
  };
}

function wholeAddress(key: string): BanTarget {
  return { address: key, nameTag: '', account: null };
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
