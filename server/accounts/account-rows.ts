// From rows to accounts: the only reader of account, account_alias, credential and derived_secret. One query for all of
// them, because one statement is one moment: a change by another process is seen whole or not at all.

import type { Row } from '../storage/database.ts';
import type { Account, Alias, DerivedSecret, StoredAccount, StoredCredential } from './account.ts';
import type { AccountPolicy, QueueShare } from './account-policy.ts';

/** An account has as many rows as it has aliases times derived secrets: few, and at least one. */
export const SELECT_ACCOUNTS = `SELECT account.*,
    credential.version, credential.salt_version, credential.password_hash, credential.made_by,
    credential.withholds_cram, credential.set_at, credential.ends_at,
    derived_secret.kind, derived_secret.login_name, derived_secret.sealed,
    account_alias.name AS alias_name, account_alias.canonical_name AS alias_canonical_name
  FROM account
  LEFT JOIN account_alias ON account_alias.account_id = account.id
  LEFT JOIN credential ON credential.account_id = account.id
  LEFT JOIN derived_secret ON derived_secret.account_id = credential.account_id
    AND derived_secret.version = credential.version
  WHERE account.removed_at IS NULL
  ORDER BY account.canonical_name, credential.version DESC, alias_canonical_name,
    derived_secret.kind, derived_secret.login_name`;

/** The accounts of SELECT_ACCOUNTS. Throws on a row that this schema cannot hold: a bug or a damaged database. */
export function parseAccounts(rows: readonly Row[]): readonly StoredAccount[] {
  return groups(rows, row => text(row, 'id')).map(parseAccount);
}

function parseAccount(rows: readonly [Row, ...Row[]]): StoredAccount {
  const [row] = rows;
  const credentials = groups(
    rows.filter(one => one['version'] !== null),
    one => integer(one, 'version'),
  ).map(parseCredential);
  const createdAt = integer(row, 'created_at');
  const account: Account = {
    id: text(row, 'id'),
    name: text(row, 'name'),
    canonicalName: text(row, 'canonical_name'),
    aliases: parseAliases(rows),
    enabled: integer(row, 'enabled') === 1,
    createdAt,
    note: textOrNull(row, 'note'),
    owner: textOrNull(row, 'owner'),
    expiresAt: integerOrNull(row, 'expires_at'),
    mechanisms: listOrNull(row, 'mechanisms'),
    networks: listOrNull(row, 'networks'),
    policy: parsePolicy(row),
    credentialVersion: integer(row, 'credential_version'),
    passwordChangedAt: credentials[0]?.setAt ?? createdAt,
  };
  return { account, credentials };
}

function parsePolicy(row: Row): AccountPolicy {
  return {
    sender: textOrNull(row, 'sender'),
    senders: listOrNull(row, 'senders'),
    otherSenders: oneOf(row, 'other_senders', ['refuse', 'allow']),
    recipients: listOrNull(row, 'recipients'),
    messagesPerMinute: integerOrNull(row, 'messages_per_minute'),
    messagesPerHour: integerOrNull(row, 'messages_per_hour'),
    messagesPerDay: integerOrNull(row, 'messages_per_day'),
    recipientsPerMessage: integerOrNull(row, 'recipients_per_message'),
    recipientsPerDay: integerOrNull(row, 'recipients_per_day'),
    messageSize: integerOrNull(row, 'message_size'),
    queueShare: parseQueueShare(textOrNull(row, 'queue_share')),
  };
}

function parseAliases(rows: readonly Row[]): readonly Alias[] {
  const named = rows.filter(row => row['alias_name'] !== null);
  return groups(named, row => text(row, 'alias_canonical_name')).map(([row]) => ({
    name: text(row, 'alias_name'),
    canonicalName: text(row, 'alias_canonical_name'),
  }));
}

function parseCredential(rows: readonly [Row, ...Row[]]): StoredCredential {
  const [row] = rows;
  const withholds = integerOrNull(row, 'withholds_cram');
  return {
    version: integer(row, 'version'),
    saltVersion: integer(row, 'salt_version'),
    passwordHash: text(row, 'password_hash'),
    madeBy: oneOf(row, 'made_by', ['postern', 'person', 'unknown']),
    withholdsCram: withholds === null ? null : withholds === 1,
    setAt: integer(row, 'set_at'),
    endsAt: integerOrNull(row, 'ends_at'),
    derived: parseDerived(rows),
  };
}

function parseDerived(rows: readonly Row[]): readonly DerivedSecret[] {
  const secrets = rows.filter(row => row['kind'] !== null);
  return groups(secrets, row => `${text(row, 'kind')} ${text(row, 'login_name')}`).map(([row]) => ({
    kind: oneOf(row, 'kind', ['cram', 'scram']),
    loginName: text(row, 'login_name'),
    sealed: blob(row, 'sealed'),
  }));
}

/** `1048576` or `10%`. */
function parseQueueShare(written: string | null): QueueShare | null {
  if (written === null) return null;
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(written) ?? [];
  if (number === undefined) throw new Error('account.queue_share is neither octets nor percent');
  return percent === '%'
    ? { kind: 'percent', percent: Number(number) }
    : { kind: 'octets', octets: Number(number) };
}

/** Rows with the same key, in the order in which the keys first appear. */
function groups<Key>(rows: readonly Row[], keyOf: (row: Row) => Key): readonly (readonly [Row, ...Row[]])[] {
  const byKey = new Map<Key, [Row, ...Row[]]>();
  for (const row of rows) {
    const group = byKey.get(keyOf(row));
    if (group === undefined) byKey.set(keyOf(row), [row]);
    else group.push(row);
  }
  return [...byKey.values()];
}

function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`account: ${column} is not text`);
  return value;
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new Error(`account: ${column} is not a number`);
  return value;
}

function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

function blob(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new Error(`account: ${column} is no blob`);
  return value;
}

function oneOf<const Word extends string>(row: Row, column: string, words: readonly Word[]): Word {
  const value = text(row, column);
  const word = words.find(known => known === value);
  if (word === undefined) throw new Error(`account: ${column} is none of ${words.join(', ')}`);
  return word;
}

/** A JSON array of text. */
function listOrNull(row: Row, column: string): readonly string[] | null {
  const written = textOrNull(row, column);
  if (written === null) return null;
  const list: unknown = JSON.parse(written);
  if (!Array.isArray(list)) throw new Error(`account: ${column} is no list`);
  return list.map((item: unknown) => {
    if (typeof item !== 'string') throw new Error(`account: ${column} holds something else than text`);
    return item;
  });
}
