// From which addresses each account has logged in, and when: what is new there, who shares an address, who may be let in
// while others guess. Bounded; lost with the file, and then the next login of each account counts as its first.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Row, Statement } from './database.ts';
import { createKeptMap } from './kept-map.ts';

/** Both are texts that network/address-key.ts makes. */
export type LoginAddress = Readonly<{
  /** What counts as one client. */
  key: string;
  /** What counts as one place. */
  place: string;
}>;

/** `first`: nothing is known of this account. `new`: it was never at this place. */
export type Familiarity = 'first' | 'known' | 'new';

export type LoginAddresses = Readonly<{
  /** Notes a login, and says what it was before that. */
  record: (accountId: string, address: LoginAddress, at: EpochMs) => Familiarity;
  /** Whether the account logged in from there within that time before `now`. */
  hasLoggedIn: (accountId: string, key: string, within: DurationMs, now: EpochMs) => boolean;
  /** How many accounts did. */
  accountsAt: (key: string, within: DurationMs, now: EpochMs) => number;
  /** Whether any account ever did. */
  isKnown: (key: string) => boolean;
  takeChanges: () => readonly Statement[];
}>;

type Entry = Readonly<{
  accountId: string;
  key: string;
  place: string;
  firstAt: EpochMs;
  lastAt: EpochMs;
}>;

/** A device has one or two addresses, a laptop some more; guests behind one account are what this bounds. */
const PER_ACCOUNT = 64;
const IN_ALL = 20_000;

export const LOGIN_ADDRESS_TABLE = `CREATE TABLE IF NOT EXISTS login_address (account_id TEXT NOT NULL, address TEXT NOT NULL,
  place TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (account_id, address))`;
export const SELECT_LOGIN_ADDRESSES = 'SELECT * FROM login_address ORDER BY last_at';

export function createLoginAddresses(
  rows: readonly Row[],
  limits: Readonly<{ perAccount: number; inAll: number }> = { perAccount: PER_ACCOUNT, inAll: IN_ALL },
): LoginAddresses {
  /** By account, then by address; and the other way round. */
  const byAccount = new Map<string, Map<string, Entry>>();
  const byAddress = new Map<string, Map<string, Entry>>();

  const map = createKeptMap<Entry>({
    entries: rows.map(parse).map(entry => [keyOf(entry), entry] as const),
    most: limits.inAll,
    save,
    remove,
    onChange: ({ gone, come }) => {
      if (gone !== undefined) {
        forget(byAccount, gone.accountId, gone.key);
        forget(byAddress, gone.key, gone.accountId);
      }
      if (come !== undefined) {
        learn(byAccount, come.accountId, come.key, come);
        learn(byAddress, come.key, come.accountId, come);
      }
    },
  });

  return {
    record: (accountId, { key, place }, at) => {
      const entries = byAccount.get(accountId);
      const known = entries?.get(key);
      const familiarity =
        entries === undefined
          ? 'first'
          : known !== undefined || [...entries.values()].some(entry => entry.place === place)
            ? 'known'
            : 'new';
      const [oldest] = entries?.values() ?? [];
      if (known === undefined && oldest !== undefined && (entries?.size ?? 0) >= limits.perAccount)
        map.delete(keyOf(oldest));
      const entry = { accountId, key, place, firstAt: known?.firstAt ?? at, lastAt: at };
      map.set(keyOf(entry), entry);
      return familiarity;
    },
    hasLoggedIn: (accountId, key, within, now) => isRecent(byAccount.get(accountId)?.get(key), within, now),
    accountsAt: (key, within, now) =>
      [...(byAddress.get(key)?.values() ?? [])].filter(entry => isRecent(entry, within, now)).length,
    isKnown: key => byAddress.has(key),
    takeChanges: map.takeChanges,
  };
}

/** A login in the future was noted by a clock that was wrong: it counts. */
function isRecent(entry: Entry | undefined, within: DurationMs, now: EpochMs): boolean {
  return entry !== undefined && now - entry.lastAt < within;
}

type Index = Map<string, Map<string, Entry>>;

function learn(index: Index, outer: string, inner: string, entry: Entry): void {
  const entries = index.get(outer) ?? new Map<string, Entry>();
  index.set(outer, entries);
  entries.set(inner, entry);
}

function forget(index: Index, outer: string, inner: string): void {
  const entries = index.get(outer);
  entries?.delete(inner);
  if (entries?.size === 0) index.delete(outer);
}

function keyOf({ accountId, key }: Entry): string {
  return `${accountId} ${key}`;
}

function save({ accountId, key, place, firstAt, lastAt }: Entry): Statement {
  return {
    sql: `INSERT INTO login_address (account_id, address, place, first_at, last_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (account_id, address) DO UPDATE SET last_at = excluded.last_at`,
    params: [accountId, key, place, firstAt, lastAt],
  };
}

function remove({ accountId, key }: Entry): Statement {
  return { sql: 'DELETE FROM login_address WHERE account_id = ? AND address = ?', params: [accountId, key] };
}

function parse(row: Row): Entry {
  return {
    accountId: String(row['account_id']),
    key: String(row['address']),
    place: String(row['place']),
    firstAt: Number(row['first_at']),
    lastAt: Number(row['last_at']),
  };
}
