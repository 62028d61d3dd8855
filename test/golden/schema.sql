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
  credential_version INTEGER NOT NULL, mechanisms TEXT, networks TEXT, senders TEXT, other_senders TEXT NOT NULL DEFAULT 'refuse', recipients TEXT, messages_per_minute INTEGER, messages_per_hour INTEGER, messages_per_day INTEGER, recipients_per_message INTEGER, recipients_per_day INTEGER, message_size INTEGER, queue_share TEXT, expires_at INTEGER, owner TEXT);

CREATE UNIQUE INDEX account_by_name ON account (canonical_name) WHERE removed_at IS NULL;

CREATE TABLE account_alias (
  canonical_name TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE
);

CREATE INDEX account_alias_by_account ON account_alias (account_id);

CREATE TABLE alert (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  said_at INTEGER NOT NULL,
  sent_at INTEGER,
  count INTEGER NOT NULL,
  PRIMARY KEY (kind, subject)
);

CREATE TABLE alert_channel (
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
);

CREATE UNIQUE INDEX alert_channel_by_name ON alert_channel (canonical_name);

CREATE TABLE attempt (
  message_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  upstream TEXT,
  stage TEXT,
  outcome TEXT NOT NULL,
  reply TEXT, text TEXT, status TEXT,
  PRIMARY KEY (message_id, ordinal, number),
  FOREIGN KEY (message_id, ordinal) REFERENCES recipient (message_id, ordinal) ON DELETE CASCADE
);

CREATE TABLE audit (
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
);

CREATE INDEX audit_by_time ON audit (happened_at);

CREATE TABLE ban (
  id TEXT NOT NULL PRIMARY KEY,
  address TEXT NOT NULL,
  name_tag TEXT NOT NULL,
  account_id TEXT,
  level INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  banned_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX ban_by_target ON ban (address, name_tag);

CREATE TABLE body (
  message_id TEXT NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
  octets BLOB NOT NULL
);

CREATE TABLE consent (
  upstream_id TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL,
  generation INTEGER NOT NULL,
  consented_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  ends_at INTEGER,
  busy_until INTEGER,
  busy_by TEXT
);

CREATE TABLE credential (
  account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  salt_version INTEGER NOT NULL,
  password_hash TEXT NOT NULL,
  made_by TEXT NOT NULL,
  withholds_cram INTEGER,
  set_at INTEGER NOT NULL,
  ends_at INTEGER,
  PRIMARY KEY (account_id, version)
);

CREATE TABLE derived_secret (
  account_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  login_name TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (account_id, version, kind, login_name),
  FOREIGN KEY (account_id, version) REFERENCES credential (account_id, version) ON DELETE CASCADE
);

CREATE TABLE lasting_key (
  name TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL
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
    , envelope_id TEXT, returns TEXT, require_tls INTEGER NOT NULL DEFAULT 0, held_because TEXT, about_id TEXT, report_kind TEXT);

CREATE INDEX message_by_retirement ON message (retired_at) WHERE retired_at IS NOT NULL;

CREATE INDEX message_by_subject ON message (about_id) WHERE about_id IS NOT NULL;

CREATE INDEX message_not_retired ON message (account_id, size) WHERE retired_at IS NULL;

CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE outage (
  route_id TEXT NOT NULL PRIMARY KEY,
  total INTEGER NOT NULL
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
  settled_at INTEGER, way TEXT NOT NULL DEFAULT '', account_id TEXT NOT NULL DEFAULT '', notify TEXT, original_recipient TEXT, report TEXT, delay_reported_at INTEGER, outage_mark INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (message_id, ordinal)
);

CREATE INDEX recipient_given_up ON recipient (settled_at, message_id) WHERE state IN ('failed', 'expired');

CREATE INDEX recipient_in_flight ON recipient (lease) WHERE state = 'in_flight';

CREATE INDEX recipient_to_report ON recipient (message_id) WHERE report IS NOT NULL;

CREATE INDEX recipient_waiting ON recipient (way, account_id, next_attempt_at, message_id)
  WHERE state IN ('queued', 'deferred');

CREATE TABLE recipient_rule (
  pattern TEXT NOT NULL PRIMARY KEY,
  position INTEGER NOT NULL,
  forward_path TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE TABLE route (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  canonical_name TEXT NOT NULL,
  position INTEGER NOT NULL,
  accounts TEXT,
  senders TEXT,
  recipients TEXT,
  size_over INTEGER,
  size_up_to INTEGER,
  upstreams TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX route_by_name ON route (canonical_name);

CREATE TABLE sending (
  account_id TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  recipients INTEGER NOT NULL
);

CREATE INDEX sending_by_account ON sending (account_id, sent_at);

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
    , sender_rewrite TEXT NOT NULL DEFAULT 'keep', sender TEXT, senders TEXT, null_sender TEXT NOT NULL DEFAULT 'keep', display_name TEXT NOT NULL DEFAULT 'keep', messages_per_connection INTEGER, messages_per_minute INTEGER, messages_per_hour INTEGER, messages_per_day INTEGER, message_size INTEGER, announced_size INTEGER, path TEXT, region TEXT, oauth TEXT, sealed_client_secret BLOB, preset TEXT);

CREATE UNIQUE INDEX upstream_by_name ON upstream (canonical_name) WHERE removed_at IS NULL;
