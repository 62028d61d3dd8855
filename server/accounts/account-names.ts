// The names of accounts by id, of removed ones too while mail of theirs waits: for routes, which go by account, and for the
// senders that are written anew. From memory; read again when another process (the command line) has changed the database.

import type { Database } from '../storage/database.ts';

export type AccountNames = Readonly<{
  /** Null: no such account was there when the names were last read. */
  byId: (id: string) => Readonly<{ name: string; canonicalName: string }> | null;
}>;

/** Rejects where the database cannot be read. */
export async function createAccountNames(
  database: Pick<Database, 'read' | 'onForeignChange'>,
): Promise<AccountNames> {
  let names = await readNames(database);
  database.onForeignChange(() => {
    readNames(database).then(
      read => {
        names = read;
      },
      () => undefined, // those known before stay
    );
  });
  return { byId: id => names.get(id) ?? null };
}

async function readNames(
  database: Pick<Database, 'read'>,
): Promise<ReadonlyMap<string, Readonly<{ name: string; canonicalName: string }>>> {
  const rows = await database.read('SELECT id, name, canonical_name FROM account');
  return new Map(
    rows.map(row => [
      String(row['id']),
      { name: String(row['name']), canonicalName: String(row['canonical_name']) },
    ]),
  );
}
