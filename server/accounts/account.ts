// An account: one login for one device or app, as the database keeps it. The row parser, and each statement about accounts.
// Every change demands that the account is still there, so that two operators at once cannot undo each other's removal.
// Removal is soft while mail refers to the account; the row's id is never given to another.

import type { EpochMs } from '../clock.ts';
import type { Row, Statement } from '../storage/database.ts';

/** What may be shown: nothing here is secret. */
export type Account = Readonly<{
  /** Never reused. */
  id: string;
  /** As the operator wrote it. */
  name: string;
  /** The form in which names are compared; unique among accounts that are not removed. */
  canonicalName: string;
  enabled: boolean;
  createdAt: EpochMs;
  /** The address that stands for this account where a message names none; null where none was set. */
  sender: string | null;
  note: string | null;
  /** Rises with every new password; what was learned about an older one no longer counts. */
  credentialVersion: number;
  passwordChangedAt: EpochMs;
}>;

/** An account with its argon2 hash. Leaves this folder nowhere. */
export type StoredAccount = Readonly<{ account: Account; passwordHash: string }>;

export const SELECT_ACCOUNTS = 'SELECT * FROM account WHERE removed_at IS NULL ORDER BY canonical_name';

export function insertAccount(stored: StoredAccount): Statement {
  const { account, passwordHash } = stored;
  return {
    sql: `INSERT INTO account (id, name, canonical_name, enabled, created_at, sender, note,
            password_hash, credential_version, password_changed_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      account.id,
      account.name,
      account.canonicalName,
      account.enabled ? 1 : 0,
      account.createdAt,
      account.sender,
      account.note,
      passwordHash,
      account.credentialVersion,
      account.passwordChangedAt,
    ],
    require: 1,
  };
}

export function updateName(id: string, name: string, canonical: string): Statement {
  return {
    sql: 'UPDATE account SET name = ?, canonical_name = ? WHERE id = ? AND removed_at IS NULL',
    params: [name, canonical, id],
    require: 1,
  };
}

export function updateSender(id: string, sender: string | null): Statement {
  return {
    sql: 'UPDATE account SET sender = ? WHERE id = ? AND removed_at IS NULL',
    params: [sender, id],
    require: 1,
  };
}

export function updateNote(id: string, note: string | null): Statement {
  return {
    sql: 'UPDATE account SET note = ? WHERE id = ? AND removed_at IS NULL',
    params: [note, id],
    require: 1,
  };
}

export function updateEnabled(id: string, enabled: boolean): Statement {
  return {
    sql: 'UPDATE account SET enabled = ? WHERE id = ? AND removed_at IS NULL',
    params: [enabled ? 1 : 0, id],
    require: 1,
  };
}

export function updatePassword(id: string, passwordHash: string, now: EpochMs): Statement {
  return {
    sql: `UPDATE account SET password_hash = ?, credential_version = credential_version + 1, password_changed_at = ?
          WHERE id = ? AND removed_at IS NULL`,
    params: [passwordHash, now, id],
    require: 1,
  };
}

/** The same password under today's parameters: not a change of password. Fails where one came in between. */
export function replaceHash(stored: StoredAccount, newHash: string): Statement {
  return {
    sql: 'UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ? AND removed_at IS NULL',
    params: [newHash, stored.account.id, stored.passwordHash],
    require: 1,
  };
}

/** Two statements for one group: the account can log in no more and its name is free; without mail its row goes too. */
export function removeAccount(id: string, now: EpochMs): readonly Statement[] {
  return [
    {
      sql: `UPDATE account SET removed_at = ?, enabled = 0, password_hash = '', credential_version = credential_version + 1
            WHERE id = ? AND removed_at IS NULL`,
      params: [now, id],
      require: 1,
    },
    {
      sql: 'DELETE FROM account WHERE id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE account_id = ?)',
      params: [id, id],
    },
  ];
}

/** The only reader of account rows. Throws on a row that this schema cannot hold: a bug or a damaged database. */
export function parseAccount(row: Row): StoredAccount {
  return {
    account: {
      id: text(row, 'id'),
      name: text(row, 'name'),
      canonicalName: text(row, 'canonical_name'),
      enabled: integer(row, 'enabled') === 1,
      createdAt: integer(row, 'created_at'),
      sender: textOrNull(row, 'sender'),
      note: textOrNull(row, 'note'),
      credentialVersion: integer(row, 'credential_version'),
      passwordChangedAt: integer(row, 'password_changed_at'),
    },
    passwordHash: text(row, 'password_hash'),
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`account.${column} is not text`);
  return value;
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new Error(`account.${column} is not a number`);
  return value;
}
