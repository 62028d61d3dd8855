// The operator's hand in the bans: list, lift, add. Writes the rows; a running server sees them within half a second. Each
// change is one commit with its line of the audit. Names of accounts that do not exist are known to nobody, here neither.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { Clock, DurationMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { ClientAddress } from '../smtp/address.ts';
import { lengthInWords } from '../smtp/waiting-time.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import { type Ban, deleteBan, parseBan, putBan, SELECT_BANS, timeLeft } from './ban.ts';
import type { BannedAccount } from './bans.ts';

export type ListedBan = Ban &
  Readonly<{
    /** Name of the banned account; null for a name that is no account, and for a whole address. */
    account: string | null;
    isWholeAddress: boolean;
  }>;

export type BanFilter = Readonly<{
  id?: string;
  /** As the list shows it, or any address that is within. */
  address?: string;
  accountId?: string;
}>;

export type BanOperator = Readonly<{
  /** The bans that are in force, the newest last. */
  list: (filter?: BanFilter) => Promise<readonly ListedBan[]>;
  /** Lifts those, for good: the next ban counts as the first. */
  lift: (bans: readonly ListedBan[]) => Promise<CommitRefusal | null>;
  /** Bans a whole address. Null where it is one that is never banned. */
  add: (
    address: ClientAddress,
    length: DurationMs,
  ) => Promise<Readonly<{ kind: 'banned'; ban: ListedBan }> | CommitRefusal | null>;
}>;

export type BanOperatorDeps = Readonly<{
  database: Pick<Database, 'read' | 'commit'>;
  clock: Clock;
  newId: NewId;
  audit: (fact: AuditFact) => Statement;
  accountOf: (id: string) => BannedAccount | null;
  keyOf: (address: ClientAddress) => string;
  isNeverBanned: (address: ClientAddress) => boolean;
}>;

export function createBanOperator(deps: BanOperatorDeps): BanOperator {
  const { database, clock, audit } = deps;

  const listed = (ban: Ban): ListedBan => ({
    ...ban,
    account: ban.accountId === null ? null : (deps.accountOf(ban.accountId)?.name ?? null),
    isWholeAddress: ban.nameTag === '',
  });

  return {
    list: async (filter = {}) => {
      const bans = (await database.read(SELECT_BANS)).map(parseBan);
      return bans
        .filter(ban => timeLeft(ban, clock.now()) > 0)
        .filter(
          ban =>
            (filter.id === undefined || ban.id === filter.id) &&
            (filter.address === undefined || ban.address === filter.address) &&
            (filter.accountId === undefined || ban.accountId === filter.accountId),
        )
        .map(listed);
    },
    lift: async bans => {
      const result = await database.commit(
        bans.flatMap(ban => [
          deleteBan(ban.id),
          audit({ action: 'ban.lifted', object: ban.address, account: accountOf(ban), detail: whatOf(ban) }),
        ]),
      );
      return result.kind === 'committed' ? null : result;
    },
    add: async (address, length) => {
      if (address.isLoopback || deps.isNeverBanned(address)) return null;
      const now = clock.now();
      const ban = listed({
        id: deps.newId(),
        address: deps.keyOf(address),
        nameTag: '',
        accountId: null,
        level: 0,
        failures: 0,
        bannedAt: now,
        endsAt: now + length,
      });
      const detail = `${whatOf(ban)}, for ${lengthInWords(length)}`;
      const fact = { action: 'ban.made', object: ban.address, detail } as const;
      const result = await database.commit([...putBan(ban), audit(fact)]);
      return result.kind === 'committed' ? { kind: 'banned', ban } : result;
    },
  };
}

function accountOf({ accountId, account }: ListedBan): Readonly<{ id: string; name: string }> | null {
  return accountId === null || account === null ? null : { id: accountId, name: account };
}

function whatOf({ isWholeAddress, account }: ListedBan): string {
  return isWholeAddress ? 'the whole address' : (account ?? 'a name that is no account');
}
