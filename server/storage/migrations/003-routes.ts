// Routes, failover, pacing, reports: which upstreams may take a recipient, how each of them wants its mail, what must still
// be said about it to a person. Times are integer milliseconds since 1970; lists are JSON arrays of text; NULL in a
// condition is "any", in a limit "none".

export const routes = {
  number: 3,
  name: 'routes',
  statements: [
    // An ordered rule. Conditions: names of accounts, patterns of addresses, octets. upstreams: names, in the order in which
    // they are tried; they are looked up by name at each attempt, so a route may name one that does not exist yet.
    `CREATE TABLE route (
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
    )`,
    'CREATE UNIQUE INDEX route_by_name ON route (canonical_name)',
    // Local recipients (root, root@localhost, *@localdomain) and the address that their mail really goes to.
    `CREATE TABLE recipient_rule (
      pattern TEXT NOT NULL PRIMARY KEY,
      position INTEGER NOT NULL,
      forward_path TEXT NOT NULL,
      created_at INTEGER NOT NULL
    )`,
    // How long, in all, no upstream of a route was usable: milliseconds, only ever growing.
    `CREATE TABLE outage (
      route_id TEXT NOT NULL PRIMARY KEY,
      total INTEGER NOT NULL
    )`,
    // sender_rewrite: keep | if-not-permitted | always. sender: what it is rewritten to, may contain {account}. senders:
    // patterns of what the upstream permits. null_sender: keep | replace. display_name: keep | without-at.
    `ALTER TABLE upstream ADD COLUMN sender_rewrite TEXT NOT NULL DEFAULT 'keep'`,
    'ALTER TABLE upstream ADD COLUMN sender TEXT',
    'ALTER TABLE upstream ADD COLUMN senders TEXT',
    `ALTER TABLE upstream ADD COLUMN null_sender TEXT NOT NULL DEFAULT 'keep'`,
    `ALTER TABLE upstream ADD COLUMN display_name TEXT NOT NULL DEFAULT 'keep'`,
    'ALTER TABLE upstream ADD COLUMN messages_per_connection INTEGER',
    'ALTER TABLE upstream ADD COLUMN messages_per_minute INTEGER',
    'ALTER TABLE upstream ADD COLUMN messages_per_hour INTEGER',
    'ALTER TABLE upstream ADD COLUMN messages_per_day INTEGER',
    // message_size: what the operator says; announced_size: what the upstream said last in EHLO. Octets.
    'ALTER TABLE upstream ADD COLUMN message_size INTEGER',
    'ALTER TABLE upstream ADD COLUMN announced_size INTEGER',
    // envelope_id and returns (full | headers): RFC 3461 ENVID and RET. about_id: the message that a report is about.
    // report_kind: what that report says: failure | delay | relayed. held_because: operator | outage | damaged | restored.
    'ALTER TABLE message ADD COLUMN envelope_id TEXT',
    'ALTER TABLE message ADD COLUMN returns TEXT',
    'ALTER TABLE message ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0',
    'ALTER TABLE message ADD COLUMN held_because TEXT',
    'ALTER TABLE message ADD COLUMN about_id TEXT',
    'ALTER TABLE message ADD COLUMN report_kind TEXT',
    `UPDATE message SET held_because = 'operator' WHERE held_at IS NOT NULL`,
    `CREATE INDEX message_by_subject ON message (about_id) WHERE about_id IS NOT NULL`,
    // way: which upstreams may take it (queue/way.ts); empty until it is routed. account_id: as in message, empty for mail
    // that Postern wrote; here so that claims can go round the accounts. notify, original_recipient: RFC 3461 NOTIFY and
    // ORCPT. report: what must still be said to a person: failure | delay | relayed. delay_reported_at: when that was
    // said. outage_mark: its route's outage total when it was routed.
    `ALTER TABLE recipient ADD COLUMN way TEXT NOT NULL DEFAULT ''`,
    `ALTER TABLE recipient ADD COLUMN account_id TEXT NOT NULL DEFAULT ''`,
    'ALTER TABLE recipient ADD COLUMN notify TEXT',
    'ALTER TABLE recipient ADD COLUMN original_recipient TEXT',
    'ALTER TABLE recipient ADD COLUMN report TEXT',
    'ALTER TABLE recipient ADD COLUMN delay_reported_at INTEGER',
    'ALTER TABLE recipient ADD COLUMN outage_mark INTEGER NOT NULL DEFAULT 0',
    `UPDATE recipient SET account_id = COALESCE((SELECT account_id FROM message WHERE id = recipient.message_id), '')`,
    'DROP INDEX recipient_waiting',
    `CREATE INDEX recipient_waiting ON recipient (way, account_id, next_attempt_at, message_id)
      WHERE state IN ('queued', 'deferred')`,
    `CREATE INDEX recipient_to_report ON recipient (message_id) WHERE report IS NOT NULL`,
    // What was given up keeps its content for a while: this finds it when that is over.
    `CREATE INDEX recipient_given_up ON recipient (settled_at, message_id) WHERE state IN ('failed', 'expired')`,
    // Content that was kept of relayed messages (queue.keep_content) takes nothing of anybody's share.
    'DROP INDEX message_with_content',
    'CREATE INDEX message_not_retired ON message (account_id, size) WHERE retired_at IS NULL',
    // The plain words beside the remote reply; status: the enhanced code where ours, not the upstream's.
    'ALTER TABLE attempt ADD COLUMN text TEXT',
    'ALTER TABLE attempt ADD COLUMN status TEXT',
  ],
} as const;
