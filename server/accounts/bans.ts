// The bans that are in force, in memory, so that a banned client costs no query; each also a row, so that it survives a
// restart and an operator sees and lifts it. Rows are written within a second and read again when another process has
// changed the database. A ban of a login name ends with the password that was guessed at. Bounded: the oldest goes first.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { NewId } from '../ids.ts';
import type { Database } from '../storage/database.ts';
import { createWriteBehind } from '../storage/write-behind.ts';
import type { Account } from './account.ts';
import { type Ban, deleteBan, LEVEL_MEMORY, parseBan, putBan, SELECT_BANS, timeLeft } from './ban.ts';

export type BanTarget = Readonly<{
  /** An address key. */
  address: string;
  /** Stands for a login name; empty for the whole address. */
  nameTag: string;
  /** The account of that name as it is now; null where there is none, and for a whole address. */
  account: BannedAccount | null;
}>;

export type BannedAccount = Pick<Account, 'id' | 'name' | 'credentialVersion'>;

export type LiftedBy = 'operator' | 'new password';

export type Bans = Readonly<{
  /** How long the target is banned still; null: it is not. */
  left: (target: BanTarget) => DurationMs | null;
  /** `lengthOf` says how long, by the number of bans of the same that came before. */
  make: (target: BanTarget, failures: number, lengthOf: (level: number) => DurationMs) => Ban;
  /** Called when a ban was lifted before its end, by an operator or by a new password. */
  onLifted: (listener: (ban: Ban, by: LiftedBy) => void) => void;
  /** Writes what waits. Never rejects. */
  flush: () => Promise<void>;
  close: () => Promise<void>;
}>;

export type BansDeps = Readonly<{
  database: Pick<Database, 'read' | 'commit' | 'onForeignChange'>;
  clock: Clock;
  newId: NewId;
  log: Log;
  accountOf: (id: string) => BannedAccount | null;
  /** False while the key of the name tags is a passing one: then bans of names are not written. */
  nameTagsLast: () => boolean;
  most?: number;
}>;

/** A flood of IPv6 networks must not fill memory or disk; each ban takes 20 failed logins, so this is 100 000 of them. */
const MOST = 5_000;
const SOON: DurationMs = 1_000;

type Entry = { readonly ban: Ban; readonly until: DurationMs; readonly mark: string; written: boolean };

/** Reads all bans once. Rejects where the database cannot be read. */
export async function createBans(deps: BansDeps): Promise<Bans> {
  const { clock, database, log } = deps;
  const most = deps.most ?? MOST;
  /** By target, the one that was made last at the end. */
  const entries = new Map<string, Entry>();
  /** Rows to be deleted. While nothing can be written no row is made either, so these are never more than the rows were. */
  const gone = new Set<string>();
  const listeners: ((ban: Ban, by: LiftedBy) => void)[] = [];
  let commits = 0;

  const isWritable = ({ ban }: Entry): boolean => ban.nameTag === '' || deps.nameTagsLast();

  const writer = createWriteBehind({
    database,
    clock,
    log,
    what: 'list of bans',
    take: () => {
      const made = [...entries.values()].filter(entry => !entry.written && isWritable(entry));
      const deleted = [...gone];
      if (made.length + deleted.length === 0) return null;
      return {
        group: [...deleted.map(deleteBan), ...made.flatMap(({ ban }) => putBan(ban))],
        written: () => {
          commits += 1;
          for (const id of deleted) gone.delete(id);
          for (const entry of made) {
            entry.written = true;
            // Dropped while it was being written.
            if (!entries.has(keyOf(entry.ban))) remove(entry);
          }
        },
      };
    },
  });

  const remove = ({ ban, written }: Entry): void => {
    if (!written) return;
    gone.add(ban.id);
    writer.due(SOON);
  };

  const drop = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    remove(entry);
  };

  const tell = (event: 'auth.banned' | 'auth.ban_lifted', ban: Ban, reason: string): void => {
    const account = ban.accountId === null ? null : deps.accountOf(ban.accountId);
    const about = { address: ban.address, ...(account === null ? {} : { account: account.name }) };
    if (event === 'auth.ban_lifted') log(event, { ...about, reason });
    else log(event, { ...about, failures: ban.failures, ends_at: new Date(ban.endsAt).toISOString() });
  };

  const lifted = (ban: Ban, by: LiftedBy): void => {
    tell('auth.ban_lifted', ban, by);
    for (const listener of listeners) listener(ban, by);
  };

  const enter = (ban: Ban, mark: string, written: boolean): void => {
    entries.delete(keyOf(ban));
    entries.set(keyOf(ban), { ban, until: clock.monotonic() + untilEnd(ban, clock.now()), mark, written });
    for (const [key, { until }] of entries) {
      if (entries.size > most || until + LEVEL_MEMORY <= clock.monotonic()) drop(key);
    }
  };

  /** Makes memory what the rows are, but for what is not yet written. `marks`: of the accounts, by id, at that time. */
  const adopt = (rows: readonly Ban[], marks: ReadonlyMap<string, string>, isStart: boolean): void => {
    const ids = new Set(rows.map(({ id }) => id));
    for (const [key, { ban, written, until, mark }] of entries) {
      if (!written || ids.has(ban.id)) continue;
      entries.delete(key);
      if (until > clock.monotonic()) lifted(ban, lifterOf(ban, mark, marks));
    }
    for (const ban of rows) {
      const known = entries.get(keyOf(ban));
      if (known?.ban.id === ban.id || known?.written === false || gone.has(ban.id)) continue;
      enter(ban, markOf(ban.accountId === null ? null : deps.accountOf(ban.accountId)), true);
      if (!isStart) tell('auth.banned', ban, 'operator');
    }
  };

  const reload = async (isStart: boolean): Promise<void> => {
    for (;;) {
      const before = commits;
      const rows = await database.read(SELECT_BANS);
      // Read after the bans: a password that has lifted one is there.
      const marks = await readMarks(database);
      // A commit of our own in between makes this reading old.
      if (commits === before) return adopt(rows.map(parseBan), marks, isStart);
    }
  };

  await reload(true);
  database.onForeignChange(() => {
    reload(false).catch((error: unknown) =>
      log('storage.unavailable', { text: `The bans could not be read: ${String(error)}` }),
    );
  });

  return {
    left: target => {
      const entry = entries.get(keyOf(target));
      const left = entry === undefined ? 0 : entry.until - clock.monotonic();
      if (entry === undefined || left <= 0) return null;
      if (target.nameTag === '' || entry.mark === markOf(target.account)) return left;
      drop(keyOf(target));
      lifted(entry.ban, 'new password');
      return null;
    },
    make: (target, failures, lengthOf) => {
      const before = entries.get(keyOf(target));
      const remembered = before !== undefined && before.until + LEVEL_MEMORY > clock.monotonic();
      const level = remembered ? before.ban.level + 1 : 0;
      const now = clock.now();
      const ban: Ban = {
        id: deps.newId(),
        address: target.address,
        nameTag: target.nameTag,
        accountId: target.account?.id ?? null,
        level,
        failures,
        bannedAt: now,
        endsAt: now + lengthOf(level),
      };
      enter(ban, markOf(target.account), false);
      tell('auth.banned', ban, '');
      writer.due(SOON);
      return ban;
    },
    onLifted: listener => listeners.push(listener),
    flush: writer.flush,
    close: writer.close,
  };
}

/** Negative where it has ended: then since when. */
function untilEnd(ban: Ban, now: EpochMs): DurationMs {
  return ban.endsAt <= now ? ban.endsAt - now : timeLeft(ban, now);
}

function keyOf({ address, nameTag }: Pick<Ban, 'address' | 'nameTag'>): string {
  return `${address} ${nameTag}`;
}

/** A ban of an account that has another password by now was lifted by that. */
function lifterOf(ban: Ban, mark: string, marks: ReadonlyMap<string, string>): LiftedBy {
  const now = ban.nameTag === '' || ban.accountId === null ? undefined : marks.get(ban.accountId);
  return now === undefined || now === mark ? 'operator' : 'new password';
}

/** As the database has them, for memory may not yet have heard of a new password. */
async function readMarks(database: Pick<Database, 'read'>): Promise<ReadonlyMap<string, string>> {
  const rows = await database.read('SELECT id, credential_version FROM account WHERE removed_at IS NULL');
  return new Map(
    rows.map(row => {
      const id = String(row['id']);
      return [id, markOf({ id, credentialVersion: Number(row['credential_version']) })] as const;
    }),
  );
}

/** Changes with every new password, and when an account of that name is made or removed. */
function markOf(account: Pick<BannedAccount, 'id' | 'credentialVersion'> | null): string {
  return account === null ? '' : `${account.id}/${account.credentialVersion}`;
}
