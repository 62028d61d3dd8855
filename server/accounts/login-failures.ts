// What failed lately: by pair of login name and client, by client, and by name. In memory and bounded; forgotten with a
// success, a lifted ban or a new password.

import type { Clock, DurationMs } from '../clock.ts';
import type { ClientAddress } from '../smtp/address.ts';
import { type BanPolicy, FAILURES_TO_LONGEST_DELAY, type Failures } from './ban-decision.ts';
import type { BannedAccount, Bans } from './bans.ts';
import { createFailureCount } from './failure-count.ts';

/** A login that somebody tries. */
export type Attempt = Readonly<{
  address: ClientAddress;
  /** Stands for the name, whether or not it is an account's; empty where there was none. */
  nameTag: string;
  /** The account of that name; null where there is none. */
  account: BannedAccount | null;
}>;

export type LoginFailures = Readonly<{
  /** Different ones within the window. */
  ofPair: (attempt: Attempt) => number;
  ofAddress: (addressKey: string) => number;
  ofName: (attempt: Attempt) => number;
  /** `credential`: equal ones are the same; null is different from all others. */
  note: (
    attempt: Attempt,
    how: Readonly<{ credential: string | null; succeededLately: boolean }>,
  ) => Failures;
  /** Those that led to a ban count no more. */
  forgetPair: (attempt: Attempt) => void;
  forgetAddress: (addressKey: string) => void;
  succeeded: (attempt: Attempt) => void;
}>;

type Deps = Readonly<{
  clock: Pick<Clock, 'monotonic'>;
  policy: Pick<BanPolicy, 'banAfter' | 'banAddressAfter' | 'accountFailures'> & {
    readonly window: DurationMs;
  };
  bans: Pick<Bans, 'onLifted'>;
  keyOf: (address: ClientAddress) => string;
}>;

export function createLoginFailures({ clock, policy, bans, keyOf }: Deps): LoginFailures {
  const { window } = policy;
  const pairs = createFailureCount({ clock, window, most: policy.banAfter });
  const repeated = createFailureCount({ clock, window, most: FAILURES_TO_LONGEST_DELAY });
  const addresses = createFailureCount({ clock, window, most: policy.banAddressAfter });
  const names = createFailureCount({ clock, window, most: policy.accountFailures });
  const pairOf = (attempt: Attempt): string => pairGroup(keyOf(attempt.address), attempt);

  bans.onLifted(({ address, nameTag }) => {
    for (const count of [pairs, repeated])
      count.forgetAll(nameTag === '' ? `${address} ` : `${address} ${nameTag} `);
    if (nameTag === '') addresses.forget(address);
  });

  return {
    ofPair: attempt => pairs.count(pairOf(attempt)),
    ofAddress: addresses.count,
    ofName: attempt => names.count(nameGroup(attempt)),
    note: (attempt, { credential, succeededLately }) => {
      const key = keyOf(attempt.address);
      // Challenge and response look different each time. From a device that has logged in before, they are most likely
      // one old password: beyond its own pair they count as one.
      const elsewhere = credential ?? (succeededLately ? `${key} ${attempt.nameTag}` : null);
      if (attempt.nameTag !== '') names.note(nameGroup(attempt), elsewhere);
      return {
        pair: pairs.note(pairOf(attempt), credential),
        address: addresses.note(key, elsewhere),
        repeated: repeated.note(pairOf(attempt), null),
      };
    },
    forgetPair: attempt => pairs.forget(pairOf(attempt)),
    forgetAddress: addresses.forget,
    succeeded: attempt => {
      pairs.forget(pairOf(attempt));
      repeated.forget(pairOf(attempt));
    },
  };
}

/** What was counted against a name counts only as long as its password is the same. */
export function nameGroup({ nameTag, account }: Attempt): string {
  return account === null ? nameTag : `${nameTag} ${account.id}/${account.credentialVersion}`;
}

export function pairGroup(addressKey: string, attempt: Attempt): string {
  return `${addressKey} ${nameGroup(attempt)} `;
}
