// A ban as the database keeps it: who may not log in for a while, and until when. The row parser and the statements; the
// server (bans.ts) and the command line (ban-operator.ts) both use them. Rows stay beyond the end, so that the next ban of
// the same is longer.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Row, Statement } from '../storage/database.ts';

export type Ban = Readonly<{
  id: string;
  /** An address key (network/address-key.ts): `192.0.2.1`, `fd00::5` or `2001:db8:1:2::/64`. */
  address: string;
  /** Stands for the login name that is banned there; empty where the whole address is. */
  nameTag: string;
  /** The account of that name; null where there is none, and for a whole address. */
  accountId: string | null;
  /** How many bans of the same came before. */
  level: number;
  /** Different failed logins that led to it; 0: an operator made it. */
  failures: number;
  bannedAt: EpochMs;
  endsAt: EpochMs;
}>;

/** How long after its end a ban is remembered. */
export const LEVEL_MEMORY: DurationMs = 24 * 3_600_000;

export const SELECT_BANS = 'SELECT * FROM ban ORDER BY banned_at, id';

/**
 * Milliseconds that are left. By the wall clock, which may have been set in between: never more than the ban was made for.
 */
export function timeLeft({ bannedAt, endsAt }: Ban, now: EpochMs): DurationMs {
  return Math.max(0, Math.min(endsAt - now, endsAt - bannedAt));
}

/** Replaces the ban of the same address and name. */
export function putBan(ban: Ban): readonly Statement[] {
  return [
    { sql: 'DELETE FROM ban WHERE address = ? AND name_tag = ?', params: [ban.address, ban.nameTag] },
    {
      sql: `INSERT INTO ban (id, address, name_tag, account_id, level, failures, banned_at, ends_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      params: [
        ban.id,
        ban.address,
        ban.nameTag,
        ban.accountId,
        ban.level,
        ban.failures,
        ban.bannedAt,
        ban.endsAt,
      ],
      require: 1,
    },
  ];
}

export function deleteBan(id: string): Statement {
  return { sql: 'DELETE FROM ban WHERE id = ?', params: [id] };
}

/** The only reader of ban rows. Throws on a row that this schema cannot hold: a bug or a damaged database. */
export function parseBan(row: Row): Ban {
  return {
    id: text(row, 'id'),
    address: text(row, 'address'),
    nameTag: text(row, 'name_tag'),
    accountId: row['account_id'] === null ? null : text(row, 'account_id'),
    level: integer(row, 'level'),
    failures: integer(row, 'failures'),
    bannedAt: integer(row, 'banned_at'),
    endsAt: integer(row, 'ends_at'),
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`ban.${column} is not text`);
  return value;
}

function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new Error(`ban.${column} is not a number`);
  return value;
}
