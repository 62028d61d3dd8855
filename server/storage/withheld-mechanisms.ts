// Which mechanisms are not offered to which address for some days, because an account there lacked what they need: so the
// device falls back to PLAIN or LOGIN. Bounded, and lost with the file: then the device fails once more.

import type { EpochMs } from '../clock.ts';
import type { Row, Statement } from './database.ts';
import { createKeptMap } from './kept-map.ts';

export type Withheld = Readonly<{
  /** An address key. */
  address: string;
  /** As EHLO shows it. */
  mechanism: string;
  /** The account that lacked it; empty where there is no account of the name that was tried. */
  accountId: string;
  endsAt: EpochMs;
}>;

export type WithheldMechanisms = Readonly<{
  withhold: (withheld: Withheld) => void;
  at: (address: string) => readonly Withheld[];
  all: () => readonly Withheld[];
  release: (withheld: Withheld) => void;
  /** Another process has changed the rows: what it deleted is released. */
  adopt: (rows: readonly Row[]) => void;
  takeChanges: () => readonly Statement[];
}>;

const IN_ALL = 2_000;

export const WITHHELD_TABLE = `CREATE TABLE IF NOT EXISTS withheld_mechanism (address TEXT NOT NULL, mechanism TEXT NOT NULL,
  account_id TEXT NOT NULL, ends_at INTEGER NOT NULL, PRIMARY KEY (address, mechanism, account_id))`;
export const SELECT_WITHHELD = 'SELECT * FROM withheld_mechanism ORDER BY ends_at';

export function createWithheldMechanisms(rows: readonly Row[], most = IN_ALL): WithheldMechanisms {
  const byAddress = new Map<string, Map<string, Withheld>>();
  const map = createKeptMap<Withheld>({
    entries: rows.map(parse).map(one => [keyOf(one), one] as const),
    most,
    save,
    remove,
    onChange: ({ gone, come }) => {
      if (gone !== undefined) {
        const there = byAddress.get(gone.address);
        there?.delete(keyOf(gone));
        if (there?.size === 0) byAddress.delete(gone.address);
      }
      if (come !== undefined) {
        const there = byAddress.get(come.address) ?? new Map<string, Withheld>();
        byAddress.set(come.address, there.set(keyOf(come), come));
      }
    },
  });

  const all = (): readonly Withheld[] => [...byAddress.values()].flatMap(there => [...there.values()]);

  return {
    withhold: withheld => map.set(keyOf(withheld), withheld),
    all,
    adopt: current => {
      const kept = new Set(current.map(row => keyOf(parse(row))));
      for (const key of all().map(keyOf)) if (!kept.has(key) && !map.isUnsaved(key)) map.delete(key);
    },
    at: address => [...(byAddress.get(address)?.values() ?? [])],
    release: withheld => map.delete(keyOf(withheld)),
    takeChanges: map.takeChanges,
  };
}

function keyOf({ address, mechanism, accountId }: Withheld): string {
  return `${address} ${mechanism} ${accountId}`;
}

function save({ address, mechanism, accountId, endsAt }: Withheld): Statement {
  return {
    sql: `INSERT INTO withheld_mechanism (address, mechanism, account_id, ends_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (address, mechanism, account_id) DO UPDATE SET ends_at = excluded.ends_at`,
    params: [address, mechanism, accountId, endsAt],
  };
}

function remove({ address, mechanism, accountId }: Withheld): Statement {
  return {
    sql: 'DELETE FROM withheld_mechanism WHERE address = ? AND mechanism = ? AND account_id = ?',
    params: [address, mechanism, accountId],
  };
}

function parse(row: Row): Withheld {
  return {
    address: String(row['address']),
    mechanism: String(row['mechanism']),
    accountId: String(row['account_id']),
    endsAt: Number(row['ends_at']),
  };
}
