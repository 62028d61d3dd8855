// All accounts in memory, by canonical name or alias and by id: every login and every message asks, so no query may stand between.
// Read again after each own change and each change by another process. A read that fails leaves the last view in place,
// is reported, and is tried again at the next question.

import type { Database } from '../storage/database.ts';
import type { StoredAccount } from './account.ts';
import { parseAccounts, SELECT_ACCOUNTS } from './account-rows.ts';

export type AccountView = Readonly<{
  /** Resolves once the view shows what was committed before the call, or the failure was reported. */
  reload: () => Promise<void>;
  /** The same for what other processes have committed: reads nothing where they have not. */
  refresh: () => Promise<void>;
  /** By canonical name. */
  all: () => readonly StoredAccount[];
  /** By its name or one of its aliases. */
  byCanonicalName: (canonicalName: string) => StoredAccount | null;
  byId: (id: string) => StoredAccount | null;
}>;

type Snapshot = Readonly<{
  all: readonly StoredAccount[];
  byName: ReadonlyMap<string, StoredAccount>;
  byId: ReadonlyMap<string, StoredAccount>;
}>;

/** Reads all accounts once. Rejects where that cannot be done: without its accounts the server must not start. */
export async function createAccountView(
  deps: Readonly<{ database: Database; onStale: (text: string) => void }>,
): Promise<AccountView> {
  let snapshot: Snapshot = snapshotOf([]);
  let begun = 0;
  let shown = 0;
  let stale = false;
  let version = Number.NaN;

  const read = async (): Promise<void> => {
    begun += 1;
    const number = begun;
    // The version first: a commit between the two is read again, not missed.
    const [before, rows] = await Promise.all([
      deps.database.foreignVersion(),
      deps.database.read(SELECT_ACCOUNTS),
    ]);
    // Two reads may end in the other order: an older one must not cover a newer one.
    if (number < shown) return;
    shown = number;
    version = before;
    stale = false;
    snapshot = snapshotOf(parseAccounts(rows));
  };

  const reload = (): Promise<void> =>
    read().catch((error: unknown) => {
      stale = true;
      deps.onStale(error instanceof Error ? error.message : String(error));
    });

  // Every refused login asks, and a flood of them must not make the database read all accounts each time.
  const refresh = async (): Promise<void> => {
    const now = await deps.database.foreignVersion().catch(() => Number.NaN);
    if (stale || now !== version) await reload();
  };

  const current = (): Snapshot => {
    if (stale) {
      stale = false;
      void reload();
    }
    return snapshot;
  };

  await read();
  deps.database.onForeignChange(() => void reload());

  return {
    reload,
    refresh,
    all: () => current().all,
    byCanonicalName: name => current().byName.get(name) ?? null,
    byId: id => current().byId.get(id) ?? null,
  };
}

function snapshotOf(all: readonly StoredAccount[]): Snapshot {
  const named = all.flatMap(stored =>
    [stored.account, ...stored.account.aliases].map(({ canonicalName }) => [canonicalName, stored] as const),
  );
  return { all, byName: new Map(named), byId: new Map(all.map(stored => [stored.account.id, stored])) };
}
