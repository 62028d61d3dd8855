// Authentication and abuse: more than one password for an account, what other mechanisms need, policies, bans, an audit,
// alerts. Times are integer milliseconds since 1970; lists are JSON arrays of text; NULL is "no limit of its own".

export const authentication = {
  number: 2,
  name: 'authentication',
  statements: [
    // A password of an account. Two are in force during a changeover; the older one ends at ends_at. salt_version goes into
    // the SCRAM salt: both passwords of a changeover share it. made_by: postern | person | unknown.
    // withholds_cram: the password is weak, so nothing that is guessed quickly is derived from it.
    `CREATE TABLE credential (
      account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      version INTEGER NOT NULL,
      salt_version INTEGER NOT NULL,
      password_hash TEXT NOT NULL,
      made_by TEXT NOT NULL,
      withholds_cram INTEGER,
      set_at INTEGER NOT NULL,
      ends_at INTEGER,
      PRIMARY KEY (account_id, version)
    )`,
    `INSERT INTO credential (account_id, version, salt_version, password_hash, made_by, set_at)
      SELECT id, credential_version, credential_version, password_hash, 'unknown', password_changed_at FROM account
      WHERE removed_at IS NULL`,
    'ALTER TABLE account DROP COLUMN password_hash',
    'ALTER TABLE account DROP COLUMN password_changed_at',
    // What CRAM-MD5 and SCRAM need beside the argon2 hash, sealed. kind: cram | scram. login_name: the canonical name that
    // the SCRAM salt was made with; empty for cram, which has no salt.
    `CREATE TABLE derived_secret (
      account_id TEXT NOT NULL,
      version INTEGER NOT NULL,
      kind TEXT NOT NULL,
      login_name TEXT NOT NULL,
      sealed BLOB NOT NULL,
      PRIMARY KEY (account_id, version, kind, login_name),
      FOREIGN KEY (account_id, version) REFERENCES credential (account_id, version) ON DELETE CASCADE
    )`,
    // Keys that outlive the sealing key, sealed under it: the one from which SCRAM salts are made.
    `CREATE TABLE lasting_key (
      name TEXT NOT NULL PRIMARY KEY,
      sealed BLOB NOT NULL
    )`,
    // Further names of an account. Unique together with the names of accounts: the statements see to that.
    `CREATE TABLE account_alias (
      canonical_name TEXT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE
    )`,
    'CREATE INDEX account_alias_by_account ON account_alias (account_id)',
    // other_senders: refuse | allow. queue_share: octets, or percent with a % sign.
    'ALTER TABLE account ADD COLUMN mechanisms TEXT',
    'ALTER TABLE account ADD COLUMN networks TEXT',
    'ALTER TABLE account ADD COLUMN senders TEXT',
    `ALTER TABLE account ADD COLUMN other_senders TEXT NOT NULL DEFAULT 'refuse'`,
    'ALTER TABLE account ADD COLUMN recipients TEXT',
    'ALTER TABLE account ADD COLUMN messages_per_minute INTEGER',
    'ALTER TABLE account ADD COLUMN messages_per_hour INTEGER',
    'ALTER TABLE account ADD COLUMN messages_per_day INTEGER',
    'ALTER TABLE account ADD COLUMN recipients_per_message INTEGER',
    'ALTER TABLE account ADD COLUMN recipients_per_day INTEGER',
    'ALTER TABLE account ADD COLUMN message_size INTEGER',
    'ALTER TABLE account ADD COLUMN queue_share TEXT',
    'ALTER TABLE account ADD COLUMN expires_at INTEGER',
    'ALTER TABLE account ADD COLUMN owner TEXT',
    // What accounts with limits have sent in the last 24 hours: a row for each accepted message, in the commit of it.
    `CREATE TABLE sending (
      account_id TEXT NOT NULL,
      sent_at INTEGER NOT NULL,
      recipients INTEGER NOT NULL
    )`,
    'CREATE INDEX sending_by_account ON sending (account_id, sent_at)',
    // Octets that wait, by account: all that adding them up needs stands in the index.
    `CREATE INDEX message_with_content ON message (account_id, size, content) WHERE content <> 'gone'`,
    // name_tag: keyed digest of the name that was tried (it may be no account's); empty for a ban of the whole address.
    // account_id: the account of that name, for the list. level: how many bans came before; remembered beyond the end.
    `CREATE TABLE ban (
      id TEXT NOT NULL PRIMARY KEY,
      address TEXT NOT NULL,
      name_tag TEXT NOT NULL,
      account_id TEXT,
      level INTEGER NOT NULL,
      failures INTEGER NOT NULL,
      banned_at INTEGER NOT NULL,
      ends_at INTEGER NOT NULL
    )`,
    'CREATE UNIQUE INDEX ban_by_target ON ban (address, name_tag)',
    // count: how many equal facts the row stands for, the last of them at last_at. account: where the object is something
    // else, the name of the account that it is about.
    `CREATE TABLE audit (
      id TEXT NOT NULL PRIMARY KEY,
      happened_at INTEGER NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      object TEXT NOT NULL,
      address TEXT,
      detail TEXT,
      count INTEGER NOT NULL,
      last_at INTEGER NOT NULL,
      account TEXT
    )`,
    'CREATE INDEX audit_by_time ON audit (happened_at)',
    // One row for each kind and subject. count: how often since first_at. said_at: when it last went out, to the log at
    // least; sent_at: when a channel was last given it.
    `CREATE TABLE alert (
      kind TEXT NOT NULL,
      subject TEXT NOT NULL,
      text TEXT NOT NULL,
      first_at INTEGER NOT NULL,
      last_at INTEGER NOT NULL,
      said_at INTEGER NOT NULL,
      sent_at INTEGER,
      count INTEGER NOT NULL,
      PRIMARY KEY (kind, subject)
    )`,
    // kind: webhook | ntfy | email. sealed: what the kind needs (address, secret), as JSON. detail: minimal | full.
    `CREATE TABLE alert_channel (
      id TEXT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      canonical_name TEXT NOT NULL,
      kind TEXT NOT NULL,
      detail TEXT NOT NULL,
      sealed BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      last_sent_at INTEGER,
      last_error TEXT,
      last_error_at INTEGER
    )`,
    'CREATE UNIQUE INDEX alert_channel_by_name ON alert_channel (canonical_name)',
  ],
} as const;
