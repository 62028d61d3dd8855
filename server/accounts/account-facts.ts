// What may be shown of an account: its settings, when its passwords were set and end, what they lack. Nothing secret.

import type { EpochMs } from '../clock.ts';
import { type Account, isInForce, type StoredAccount, type StoredCredential } from './account.ts';
import { type Lack, lacksOf } from './mechanism-lacks.ts';

export type AccountFacts = Readonly<{
  account: Account;
  /** Those in force, newest first: two during a changeover. */
  credentials: readonly Pick<StoredCredential, 'version' | 'madeBy' | 'setAt' | 'endsAt'>[];
  lacks: readonly Lack[];
}>;

export function factsOf(
  stored: StoredAccount,
  now: EpochMs,
  sealer: Readonly<{ keyId: () => string | null }>,
): AccountFacts {
  return {
    account: stored.account,
    credentials: stored.credentials
      .filter(credential => isInForce(credential, now))
      .map(({ version, madeBy, setAt, endsAt }) => ({ version, madeBy, setAt, endsAt })),
    lacks: lacksOf(stored, now, { keyLost: sealer.keyId() === null }),
  };
}
