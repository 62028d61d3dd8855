// All accounts in memory, by canonical name and by id: every login and every message asks, so no query may stand between.
// Read again after each own change and each change by another process. A read that fails leaves the last view in place,
// is reported, and is tried again at the next question.

import type { Database } from '../storage/database.ts';
import { parseAccount, SELECT_ACCOUNTS, type StoredAccount } from './account.ts';

export type AccountView = Readonly<{
  /** Resolves once the view shows what was committed before the call, or the failure was reported. */
  reload: () => Promise<void>;
  all: () => readonly StoredAccount[];
  byCanonicalName: (canonicalName: string) => StoredAccount | null;
  byId: (id: string) => StoredAccount | null;
}>;

type Snapshot = Readonly<{
  byName: ReadonlyMap<string, StoredAccount>;
  byId: ReadonlyMap<string, StoredAccount>;
}>;

/** Reads all accounts once. Rejects where that cannot be done: without its accounts the server must not start. */
export async function createAccountView(
  deps: Readonly<{ database: Database; onStale: (text: string) => void }>,
): Promise<AccountView> {
  let snapshot: Snapshot = { byName: new Map(), byId: new Map() };
  let begun = 0;
  let shown = 0;
  let stale = false;

  const read = async (): Promise<void> => {
    begun += 1;
    const number = begun;
    const rows = await deps.database.read(SELECT_ACCOUNTS);
    // Two reads may end in the other order: an older one must not cover a newer one.
    if (number < shown) return;
    shown = number;
    stale = false;
    snapshot = snapshotOf(rows.map(parseAccount));
  };

  const reload = (): Promise<void> =>
    read().catch((error: unknown) => {
      stale = true;
      deps.onStale(error instanceof Error ? error.message : String(error));
    });

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
    all: () => [...current().byName.values()],
    byCanonicalName: name => current().byName.get(name) ?? null,
    byId: id => current().byId.get(id) ?? null,
  };
}

function snapshotOf(accounts: readonly StoredAccount[]): Snapshot {
  return {
    byName: new Map(accounts.map(stored => [stored.account.canonicalName, stored])),
    byId: new Map(accounts.map(stored => [stored.account.id, stored])),
  };
}
