// Each statement that writes about accounts. Whatever changes an account demands that it is still there, so that two
// operators at once cannot undo each other's removal, and a name is taken only where no account has it as name or alias.
// Removal is soft while mail refers to the account; the row's id is never given to another.

import type { EpochMs } from '../clock.ts';
import type { Statement } from '../storage/database.ts';
import type { Account, Alias, DerivedSecret, StoredCredential } from './account.ts';
import { type SomeSettings, settingColumns } from './account-settings.ts';

/** Refused, by its requirement, where an account has the name as an alias; by the index, where one has it as its name. */
export function insertAccount(
  account: Pick<Account, 'id' | 'name' | 'canonicalName' | 'createdAt' | 'credentialVersion'>,
): Statement {
  return {
    sql: `INSERT INTO account (id, name, canonical_name, enabled, created_at, credential_version)
          SELECT ?, ?, ?, 1, ?, ? WHERE NOT EXISTS (SELECT 1 FROM account_alias WHERE canonical_name = ?)`,
    params: [
      account.id,
      account.name,
      account.canonicalName,
      account.createdAt,
      account.credentialVersion,
      account.canonicalName,
    ],
    require: 1,
  };
}

/** Changes nothing; refused where the account is gone. */
export function requireAccount(id: string): Statement {
  return {
    sql: 'UPDATE account SET enabled = enabled WHERE id = ? AND removed_at IS NULL',
    params: [id],
    require: 1,
  };
}

/** Null where nothing is to be set. */
export function updateSettings(id: string, settings: SomeSettings): Statement | null {
  const columns = settingColumns(settings);
  if (columns.length === 0) return null;
  return {
    sql: `UPDATE account SET ${columns.map(([column]) => `${column} = ?`).join(', ')}
          WHERE id = ? AND removed_at IS NULL`,
    params: [...columns.map(([, value]) => value), id],
    require: 1,
  };
}

/** Refused as `insertAccount` is. Take an alias of the same name away before. */
export function updateName(id: string, name: string, canonical: string): Statement {
  return {
    sql: `UPDATE account SET name = ?, canonical_name = ? WHERE id = ? AND removed_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM account_alias WHERE canonical_name = ?)`,
    params: [name, canonical, id, canonical],
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

/** Refused where another account has the name as its name (requirement) or as an alias (constraint). */
export function insertAlias(accountId: string, alias: Alias): Statement {
  return {
    sql: `INSERT INTO account_alias (canonical_name, name, account_id)
          SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM account WHERE canonical_name = ? AND removed_at IS NULL)`,
    params: [alias.canonicalName, alias.name, accountId, alias.canonicalName],
    require: 1,
  };
}

/** Refused where the account has no such alias. */
export function deleteAlias(accountId: string, canonical: string): Statement {
  return {
    sql: 'DELETE FROM account_alias WHERE account_id = ? AND canonical_name = ?',
    params: [accountId, canonical],
    require: 1,
  };
}

/** What SCRAM needs for a name that the account has no more. */
export function deleteScramSecrets(accountId: string, loginName: string): Statement {
  return {
    sql: `DELETE FROM derived_secret WHERE account_id = ? AND kind = 'scram' AND login_name = ?`,
    params: [accountId, loginName],
  };
}

/** Raises the version. Refused where another password came in between: the new one was made for this version. */
export function raiseCredentialVersion(id: string, from: number): Statement {
  return {
    sql: `UPDATE account SET credential_version = ?
          WHERE id = ? AND credential_version = ? AND removed_at IS NULL`,
    params: [from + 1, id, from],
    require: 1,
  };
}

export function insertCredential(
  accountId: string,
  credential: Omit<StoredCredential, 'derived'>,
): Statement {
  const { withholdsCram } = credential;
  return {
    sql: `INSERT INTO credential (account_id, version, salt_version, password_hash, made_by, withholds_cram, set_at, ends_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      accountId,
      credential.version,
      credential.saltVersion,
      credential.passwordHash,
      credential.madeBy,
      withholdsCram === null ? null : Number(withholdsCram),
      credential.setAt,
      credential.endsAt,
    ],
    require: 1,
  };
}

/** Ends all passwords at once, but for the version that a changeover keeps. Their derived secrets go with them. */
export function deleteCredentials(accountId: string, except: number | null): Statement {
  return {
    sql: 'DELETE FROM credential WHERE account_id = ? AND version <> ?',
    params: [accountId, except ?? -1],
  };
}

export function updateCredentialEnd(accountId: string, version: number, endsAt: EpochMs): Statement {
  return {
    sql: 'UPDATE credential SET ends_at = ? WHERE account_id = ? AND version = ?',
    params: [endsAt, accountId, version],
    require: 1,
  };
}

/** Passwords whose changeover is over: nothing needs their hashes any more. */
export function deleteEndedCredentials(now: EpochMs): Statement {
  return { sql: 'DELETE FROM credential WHERE ends_at <= ?', params: [now] };
}

/** Fails where the password is no longer that one: the secret was made from it. Replaces what was derived before. */
export function putDerivedSecret(
  accountId: string,
  credential: Pick<StoredCredential, 'version'>,
  secret: DerivedSecret,
): Statement {
  return {
    sql: `INSERT INTO derived_secret (account_id, version, kind, login_name, sealed)
          SELECT account_id, version, ?, ?, ? FROM credential WHERE account_id = ? AND version = ?
          ON CONFLICT (account_id, version, kind, login_name) DO UPDATE SET sealed = excluded.sealed`,
    params: [secret.kind, secret.loginName, secret.sealed, accountId, credential.version],
    require: 1,
  };
}

/** Whether the password is too weak for CRAM-MD5, found out at a login. */
export function updateWithholdsCram(accountId: string, version: number, withholds: boolean): Statement {
  return {
    sql: 'UPDATE credential SET withholds_cram = ? WHERE account_id = ? AND version = ?',
    params: [withholds ? 1 : 0, accountId, version],
    require: 1,
  };
}

/** The same password under today's parameters: not a change of password. Fails where one came in between. */
export function replaceHash(
  accountId: string,
  credential: Pick<StoredCredential, 'version' | 'passwordHash'>,
  newHash: string,
): Statement {
  return {
    sql: 'UPDATE credential SET password_hash = ? WHERE account_id = ? AND version = ? AND password_hash = ?',
    params: [newHash, accountId, credential.version, credential.passwordHash],
    require: 1,
  };
}

/** A new password is a new beginning: whoever was banned for the old one may try it. */
export function liftBans(accountId: string, nameTags: readonly string[]): readonly Statement[] {
  return [
    { sql: 'DELETE FROM ban WHERE account_id = ?', params: [accountId] },
    ...nameTags.map(tag => ({ sql: 'DELETE FROM ban WHERE name_tag = ?', params: [tag] })),
  ];
}

/** For one group: nobody can log in any more, all its names are free; without mail its row goes too. */
export function removeAccount(id: string, now: EpochMs): readonly Statement[] {
  return [
    {
      sql: `UPDATE account SET removed_at = ?, enabled = 0, credential_version = credential_version + 1
            WHERE id = ? AND removed_at IS NULL`,
      params: [now, id],
      require: 1,
    },
    { sql: 'DELETE FROM credential WHERE account_id = ?', params: [id] },
    { sql: 'DELETE FROM account_alias WHERE account_id = ?', params: [id] },
    {
      sql: 'DELETE FROM account WHERE id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE account_id = ?)',
      params: [id, id],
    },
  ];
}
