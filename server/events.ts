// Everything that Postern logs: one typed event per thing that happened. The reference lists them from this table.
// Never a secret: no password, no message content, no raw line after AUTH, no name of an unknown account.

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

type EventSpec = Readonly<{ level: Level; means: string; fields: readonly string[] }>;

/** `fields` are those beside the common ones (session, account, address, id, upstream). */
export const events = {
  'server.started': { level: 'info', means: 'Postern listens and relays.', fields: ['listeners', 'version'] },
  'server.stopping': { level: 'info', means: 'A signal asked Postern to stop.', fields: ['signal'] },
  'server.stopped': { level: 'info', means: 'Everything is closed.', fields: [] },
  'server.failed': {
    level: 'fatal',
    means: 'Postern exits because it can no longer keep its promise (a failed sync, or a bug).',
    fields: ['text'],
  },
  'disk.low': {
    level: 'error',
    means: 'The disk is below its reserve: new mail gets 452 until there is room.',
    fields: ['free', 'reserve'],
  },
  'disk.full': {
    level: 'error',
    means:
      'The disk refused a commit: `storage.ballast` was given up, so that mail can still be settled and deleted. New mail is refused until there is room.',
    fields: [],
  },
  'disk.relieved': { level: 'info', means: 'There is room again, also for the ballast.', fields: [] },
  'clock.untrusted': {
    level: 'warn',
    means:
      'The clock shows a time before the last known one: nothing expires and no Date is added until it is right.',
    fields: ['now', 'not_before'],
  },
  'clock.trusted': { level: 'info', means: 'The clock is plausible again.', fields: ['now'] },
  'certificate.issued': {
    level: 'info',
    means: 'A certificate was made or renewed.',
    fields: ['names', 'expires_at', 'reason'],
  },
  'certificate.rejected': {
    level: 'error',
    means: 'A new certificate file could not be used; the one before stays in use.',
    fields: ['text'],
  },
  'certificate.doubtful': {
    level: 'warn',
    means: 'The certificate in use works, but clients that check it will refuse it, now or soon.',
    fields: ['text'],
  },
  'session.opened': { level: 'debug', means: 'A client connected.', fields: ['port', 'tls'] },
  'session.closed': {
    level: 'debug',
    means: 'A session ended.',
    fields: ['duration', 'messages', 'reason'],
  },
  'session.tls': { level: 'debug', means: 'TLS is up.', fields: ['protocol', 'cipher'] },
  'session.tls_failed': {
    level: 'warn',
    means:
      'The TLS handshake failed: usually a device that speaks only old TLS, or does not trust the CA. At most one line a minute and address; `count` says how often since.',
    fields: ['text', 'count'],
  },
  'session.refused': {
    level: 'warn',
    means:
      'A client was refused or cut off. Where the same is refused again and again, `count` says how often since the last line.',
    fields: ['reply', 'reason', 'count'],
  },
  'session.command': {
    level: 'debug',
    means: 'A command was answered. AUTH lines are never shown.',
    fields: ['verb', 'reply'],
  },
  'auth.succeeded': { level: 'info', means: 'An account logged in.', fields: ['mechanism', 'cached'] },
  'auth.failed': {
    level: 'warn',
    means:
      'A login was refused. The name is shown only if an account of that name exists. Repeated, it is one line a minute: `count` says how often since the last.',
    fields: ['mechanism', 'reason', 'count'],
  },
  'auth.exposed': {
    level: 'warn',
    means:
      'A client sent a password before TLS: it can be read on the network. Change it. At most one line a minute and address; `count` says how often since.',
    fields: ['mechanism', 'count'],
  },
  'auth.derived': {
    level: 'info',
    means: 'An account got what CRAM-MD5 or SCRAM need, at a login with its password.',
    fields: ['mechanisms'],
  },
  'auth.banned': {
    level: 'warn',
    means: 'An address, or one account name from it, is refused for a while after many failed logins.',
    fields: ['failures', 'ends_at'],
  },
  'auth.ban_lifted': { level: 'info', means: 'A ban was lifted.', fields: ['reason'] },
  'auth.probed': {
    level: 'info',
    means:
      'Clients from this address connected and left without a login or a message; at most one line an hour.',
    fields: ['count'],
  },
  alert: {
    level: 'warn',
    means: 'Something that the operator should know; also sent to every alert channel.',
    fields: ['kind', 'subject', 'text'],
  },
  'alert.channel_failed': {
    level: 'warn',
    means: 'An alert could not be sent by a channel.',
    fields: ['channel', 'text'],
  },
  'key.rotated': { level: 'info', means: 'The sealing key was replaced by a new one.', fields: ['key'] },
  'key.missing': {
    level: 'error',
    means:
      'The sealing key is missing or another one: CRAM-MD5 and SCRAM are not offered; PLAIN and LOGIN go on.',
    fields: ['text'],
  },
  'message.queued': {
    level: 'info',
    means: 'A message is on disk and ours; the client got its 250.',
    fields: ['size', 'recipients', 'reverse_path', 'duration'],
  },
  'message.refused': {
    level: 'warn',
    means:
      'A message, its sender or a recipient was refused; nothing was kept. Where the account may not do that, the reason names its setting; said at most once a minute for account and reason, and `count` says how often since.',
    fields: ['reply', 'reason', 'count'],
  },
  'message.signed_not_rewritten': {
    level: 'warn',
    means:
      'The senders in the header of a signed message are not permitted at the upstream, and stayed: a change would break the signature.',
    fields: ['signature'],
  },
  'message.header_not_rewritten': {
    level: 'warn',
    means: 'A header of more than 1 MiB was not rewritten; the envelope was.',
    fields: [],
  },
  'message.retired': {
    level: 'debug',
    means: 'Every recipient is settled; the content was removed.',
    fields: [],
  },
  'recipient.relayed': {
    level: 'info',
    means: 'The upstream took the message for this recipient.',
    fields: ['forward_path', 'attempt', 'duration', 'reply'],
  },
  'recipient.deferred': {
    level: 'warn',
    means: 'It will be tried again.',
    fields: ['forward_path', 'attempt', 'reason', 'reply', 'next_attempt_at', 'text'],
  },
  'recipient.failed': {
    level: 'error',
    means: 'It will not be tried again: refused for good, or expired.',
    fields: ['forward_path', 'attempt', 'reason', 'reply', 'text'],
  },
  'report.queued': {
    level: 'info',
    means:
      'A report about mail is on its way to a person: it failed, is late, or was passed on. `about` names the messages.',
    fields: ['kind', 'forward_path', 'about'],
  },
  'report.failed': {
    level: 'error',
    means: 'A report could not be made; it is tried again.',
    fields: ['text'],
  },
  'upstream.fault': {
    level: 'error',
    means: 'An upstream cannot be used: all its mail waits and does not age.',
    fields: ['kind', 'reply', 'text', 'next_probe_at'],
  },
  'oauth.refreshed': {
    level: 'debug',
    means: 'A new access token for an upstream was got; `expires_in` is its life in milliseconds.',
    fields: ['expires_in'],
  },
  'oauth.refresh_failed': {
    level: 'warn',
    means:
      'The next access token for an upstream could not be got yet; mail goes on with the one before, until it ends.',
    fields: ['kind', 'text'],
  },
  'upstream.sender_missing': {
    level: 'warn',
    means:
      'Senders are to be rewritten at an upstream, but it has no sender, and its user name is no address: they stay. Said once.',
    fields: [],
  },
  'upstream.throttled': {
    level: 'warn',
    means:
      'An upstream wants less at a time: its mail pauses until `paused_until`, then goes at `per_minute` and gets faster again.',
    fields: ['reply', 'per_minute', 'connections', 'paused_until'],
  },
  'upstream.unthrottled': {
    level: 'info',
    means: 'An upstream gets its mail at full pace again.',
    fields: ['after'],
  },
  'upstream.recovered': { level: 'info', means: 'An upstream works again.', fields: ['after'] },
  'queue.recovered': {
    level: 'info',
    means: 'What was in flight when Postern last ended is waiting again.',
    fields: ['recipients', 'orphans'],
  },
  'queue.orphans_kept': {
    level: 'warn',
    means:
      'Whole files without a message were found at the start and moved to `folder`, where they stay for 7 days. After a crash that is mail whose sender was never told that it was taken. If mail is missing, it may be there.',
    fields: ['orphans', 'folder'],
  },
  'queue.routed': {
    level: 'info',
    means: 'What waits was routed: it came from the command line, or routes or upstreams have changed.',
    fields: ['recipients'],
  },
  'queue.held': {
    level: 'error',
    means: 'Mail is held: it waits until `postern queue release`.',
    fields: ['messages', 'reason'],
  },
  'queue.content_damaged': {
    level: 'error',
    means: 'A stored message cannot be read or is not what was stored; it is held, all others go on.',
    fields: ['text'],
  },
  'storage.migrated': {
    level: 'info',
    means: 'The database was brought to a newer schema.',
    fields: ['from', 'to', 'copy'],
  },
  'storage.unavailable': {
    level: 'error',
    means: 'The database could not commit; clients get 451 or 452.',
    fields: ['text'],
  },
} as const satisfies Readonly<Record<string, EventSpec>>;

export type EventName = keyof typeof events;

export type CommonFields = Readonly<{
  session?: string;
  account?: string;
  address?: string;
  id?: string;
  upstream?: string;
}>;

type FieldValue = string | number | boolean | null | readonly string[];

/** The fields of one event: the common ones, and those that its row in `events` names. */
export type EventFields<Name extends EventName> = CommonFields &
  Readonly<Partial<Record<(typeof events)[Name]['fields'][number], FieldValue>>>;

/** Writes one event. Never throws, never waits. */
export type Log = <Name extends EventName>(event: Name, fields?: EventFields<Name>) => void;
