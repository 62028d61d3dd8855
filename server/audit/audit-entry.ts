// What the audit remembers: who did what to which account, key or ban, and which logins stood out. Never a secret, and
// never the name of an account that does not exist (devices with swapped fields send the password there).

/** Every action that is recorded, and what it means. */
export const auditActions = {
  'login.new-address': 'An account logged in from an address for the first time.',
  'login.failed': 'Logins failed; `count` says how many of the same kind this row stands for.',
  'account.added': 'An account was made.',
  'account.changed': 'Settings of an account were changed; `detail` names them.',
  'account.password': 'An account got a new password.',
  'account.disabled': 'An account was disabled.',
  'account.enabled': 'An account was enabled.',
  'account.removed': 'An account was removed.',
  'key.rotated': 'The sealing key was replaced.',
  'key.reset': 'A lost sealing key was replaced; what was sealed under it is gone.',
  'ban.made': 'An address was banned.',
  'ban.lifted': 'A ban was lifted.',
  'route.added': 'A route was added.',
  'route.changed': 'A route was changed; `detail` names what of it.',
  'route.moved': 'A route got another place among the routes.',
  'route.removed': 'A route was removed.',
  'recipient.rule-added': 'A rule for local recipients was added; `detail` is where their mail goes.',
  'recipient.rule-removed': 'A rule for local recipients was removed.',
  'upstream.authorized': 'A person consented that Postern sends by an upstream (OAuth2).',
  'queue.held': 'Messages were held; `detail` says which.',
  'queue.released': 'Held messages were released.',
  'queue.retried': 'Mail was tried at once, or again.',
  'queue.bounced': 'Mail was given up.',
  'queue.deleted': 'Mail was deleted.',
  'queue.exported': 'The content of a message was taken out.',
  'queue.resent': 'A message was sent again, as a new one.',
  'alert.channel-added': 'A way for alerts was added.',
  'alert.channel-changed': 'A way for alerts was changed.',
  'alert.channel-removed': 'A way for alerts was removed.',
  'secrets.exported': 'All settings were exported with the secrets among them.',
} as const;

export type AuditAction = keyof typeof auditActions;

export type AuditFact = Readonly<{
  action: AuditAction;
  /** The account's name, the ban's address, the channel's name; empty where there is nothing to name. */
  object: string;
  /** The account that it is about; null where it is about none. What happens to another of the same name is another fact. */
  account?: Readonly<{ id: string; name: string }> | null;
  /** The client's address; null where none took part. */
  address?: string | null;
  /** More, in words; null where there is nothing to add. */
  detail?: string | null;
}>;

/** Who did it: `postern`, `account:NAME`, or `operator:NAME` (the machine's user who ran the command). */
export type Actor = 'postern' | `account:${string}` | `operator:${string}`;

/** For what the server sees. Never throws, never waits. */
export type RecordAudit = (fact: AuditFact, actor: Actor) => void;
