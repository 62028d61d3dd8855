-- The database schema, generated from server/storage/migrations.

CREATE TABLE account (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  canonical_name TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  removed_at INTEGER,
  sender TEXT,
  note TEXT,
  password_hash TEXT NOT NULL,
  credential_version INTEGER NOT NULL,
  password_changed_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX account_by_name ON account (canonical_name) WHERE removed_at IS NULL;

CREATE TABLE attempt (
  message_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  upstream TEXT,
  stage TEXT,
  outcome TEXT NOT NULL,
  reply TEXT,
  PRIMARY KEY (message_id, ordinal, number),
  FOREIGN KEY (message_id, ordinal) REFERENCES recipient (message_id, ordinal) ON DELETE CASCADE
);

CREATE TABLE body (
  message_id TEXT NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
  octets BLOB NOT NULL
);

CREATE TABLE message (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  account_id TEXT,
  reverse_path TEXT NOT NULL,
  body_type TEXT NOT NULL,
  smtputf8 INTEGER NOT NULL,
  size INTEGER NOT NULL,
  content TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  client_address TEXT,
  queued_at INTEGER NOT NULL,
  held_at INTEGER,
  retired_at INTEGER
);

CREATE INDEX message_by_retirement ON message (retired_at) WHERE retired_at IS NOT NULL;

CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE recipient (
  message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  forward_path TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  deferrals INTEGER NOT NULL,
  next_attempt_at INTEGER,
  age INTEGER NOT NULL,
  lease TEXT,
  lease_expires_at INTEGER,
  upstream_id TEXT,
  phase TEXT,
  ambiguous_since INTEGER,
  last_reply TEXT,
  settled_at INTEGER,
  PRIMARY KEY (message_id, ordinal)
);

CREATE INDEX recipient_in_flight ON recipient (lease) WHERE state = 'in_flight';

CREATE INDEX recipient_waiting ON recipient (next_attempt_at, message_id) WHERE state IN ('queued', 'deferred');

CREATE TABLE upstream (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  canonical_name TEXT NOT NULL,
  scheme TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  user_name TEXT,
  sealed_password BLOB,
  ca_pem TEXT,
  ehlo_name TEXT,
  connections INTEGER NOT NULL,
  is_default INTEGER NOT NULL,
  paused_at INTEGER,
  created_at INTEGER NOT NULL,
  removed_at INTEGER,
  revision INTEGER NOT NULL,
  fault_kind TEXT,
  fault_text TEXT,
  fault_since INTEGER,
  next_probe_at INTEGER
);

CREATE UNIQUE INDEX upstream_by_name ON upstream (canonical_name) WHERE removed_at IS NULL;
