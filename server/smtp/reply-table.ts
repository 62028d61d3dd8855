// Everything Postern can say on the wire, in one table; the reference lists it. `{words}` are filled in by `say`.
// Devices match some of these literally: 334 VXNlcm5hbWU6, 334 UGFzc3dvcmQ6, 235 2.7.0 Authentication successful.

import type { Reply } from './reply.ts';

/** A reply and when it is given. */
type Row = Reply & Readonly<{ when: string }>;

export const replies = {
  greeting: { code: 220, text: '{hostname} ESMTP Postern', when: 'a client connects' },
  readyForTls: { code: 220, enhanced: '2.0.0', text: 'Ready to start TLS', when: 'STARTTLS' },
  bye: { code: 221, enhanced: '2.0.0', text: 'Bye', when: 'QUIT' },
  help: {
    code: 214,
    enhanced: '2.0.0',
    text: 'EHLO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY QUIT',
    when: 'HELP',
  },
  hello: { code: 250, text: '{hostname}', when: 'HELO' },
  ok: { code: 250, enhanced: '2.0.0', text: 'Ok', when: 'RSET, NOOP' },
  senderOk: { code: 250, enhanced: '2.1.0', text: 'Ok', when: 'MAIL is accepted' },
  recipientOk: { code: 250, enhanced: '2.1.5', text: 'Ok', when: 'RCPT is accepted' },
  queued: {
    code: 250,
    enhanced: '2.0.0',
    text: 'Ok: queued as {id}',
    when: 'the message is on disk, synced, and ours',
  },
  cannotVerify: {
    code: 252,
    enhanced: '2.0.0',
    text: 'Cannot verify, but will take mail for it',
    when: 'VRFY',
  },
  authenticated: {
    code: 235,
    enhanced: '2.7.0',
    text: 'Authentication successful',
    when: 'the login is right',
  },
  challenge: { code: 334, text: '{challenge}', when: 'AUTH goes on' },
  startData: { code: 354, text: 'End data with <CR><LF>.<CR><LF>', when: 'DATA' },

  tooManyConnections: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} Too many connections, try again later',
    when: 'the limit of connections in total is reached',
  },
  tooManyFromAddress: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} Too many connections from your address, try again later',
    when: 'the limit per address is reached',
  },
  shuttingDown: {
    code: 421,
    enhanced: '4.3.2',
    text: '{hostname} Shutting down, try again later',
    when: 'Postern is stopping',
  },
  idleTooLong: {
    code: 421,
    enhanced: '4.4.2',
    text: '{hostname} Nothing received for too long, closing',
    when: 'idle or command deadline',
  },
  loginTooLate: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} No login in time, closing',
    when: 'login deadline',
  },
  tooManyFailures: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} Too many failed logins, closing',
    when: 'five failed logins on a connection',
  },
  tooManyErrors: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} Too many errors, closing',
    when: 'many wrong commands on a connection',
  },
  notSmtp: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} This is a mail server, not a web server',
    when: 'an HTTP request arrives',
  },
  failing: {
    code: 421,
    enhanced: '4.3.0',
    text: '{hostname} Storage failure, try again later',
    when: 'a sync failed; Postern exits',
  },
  dataTooSlow: {
    code: 421,
    enhanced: '4.4.2',
    text: '{hostname} Message data arrived too slowly, closing',
    when: 'minimum data rate',
  },

  bannedAddress: {
    code: 421,
    enhanced: '4.7.0',
    text: '{hostname} Too many failed logins from your address, try again {when}',
    when: 'the address is banned',
  },

  sendingLimit: {
    code: 450,
    enhanced: '4.7.1',
    text: 'This account may send {messages} {period}; try again {when}',
    when: "the account's messages per minute, hour or day",
  },
  queueFailed: {
    code: 451,
    enhanced: '4.3.0',
    text: 'The message could not be stored, try again later',
    when: 'the commit failed; nothing was kept',
  },
  internalError: {
    code: 451,
    enhanced: '4.3.0',
    text: 'Internal error, try again later',
    when: 'a bug; it is logged',
  },
  noSpace: {
    code: 452,
    enhanced: '4.3.1',
    text: 'Not enough disk space, try again later',
    when: 'the disk is below its reserve',
  },
  tooManyRecipients: {
    code: 452,
    enhanced: '4.5.3',
    text: 'Too many recipients, at most {limit}',
    when: "limits.recipients, or the account's recipients per message",
  },
  recipientLimit: {
    code: 452,
    enhanced: '4.5.3',
    text: 'This account may send to {recipients} in 24 hours; try again {when}',
    when: "the account's recipients per day",
  },
  queueShareFull: {
    code: 452,
    enhanced: '4.3.1',
    text: 'Mail of this account that waits here has reached its share of the queue, try again later',
    when: "the account's share of the queue",
  },
  authBusy: {
    code: 454,
    enhanced: '4.7.0',
    text: 'Temporary authentication failure, try again',
    when: 'too many logins at once',
  },
  authBanned: {
    code: 454,
    enhanced: '4.7.0',
    text: 'Too many failed logins with this name from your address, try again {when}',
    when: 'the pair of account name and address is banned',
  },
  tooManyForAccount: {
    code: 454,
    enhanced: '4.7.0',
    text: 'Too many connections of this account, close some',
    when: 'limits.connections_per_account',
  },

  unknownCommand: { code: 500, enhanced: '5.5.1', text: 'Command not recognized', when: 'an unknown verb' },
  lineTooLong: { code: 500, enhanced: '5.5.2', text: 'Line too long', when: 'a command over its limit' },
  authLineTooLong: {
    code: 500,
    enhanced: '5.5.6',
    text: 'Authentication line too long',
    when: 'AUTH line over 12288 octets (RFC 4954 §4)',
  },
  badArguments: {
    code: 501,
    enhanced: '5.5.4',
    text: '{reason}',
    when: 'a parameter is wrong or given twice',
  },
  badSender: { code: 501, enhanced: '5.1.7', text: '{reason}', when: 'the sender is no address' },
  badRecipient: { code: 501, enhanced: '5.1.3', text: '{reason}', when: 'the recipient is no address' },
  badBase64: {
    code: 501,
    enhanced: '5.5.2',
    text: 'That is not valid base64',
    when: 'AUTH cannot be decoded',
  },
  authCancelled: {
    code: 501,
    enhanced: '5.7.0',
    text: 'Authentication cancelled',
    when: 'the client answers `*`',
  },
  authUnexpectedResponse: {
    code: 501,
    enhanced: '5.7.0',
    text: 'This mechanism takes no initial response',
    when: 'an initial response where the server speaks first',
  },
  authMalformed: {
    code: 501,
    enhanced: '5.5.2',
    text: 'Malformed authentication data',
    when: 'not what the mechanism expects',
  },
  badSequence: { code: 503, enhanced: '5.5.1', text: '{reason}', when: 'a command at the wrong time' },
  unknownMechanism: {
    code: 504,
    enhanced: '5.5.4',
    text: 'Authentication mechanism not supported',
    when: 'AUTH with another mechanism',
  },
  channelBindingUnsupported: {
    code: 504,
    enhanced: '5.5.4',
    text: 'Channel binding of this type is not supported; use tls-exporter or tls-server-end-point',
    when: 'SCRAM-SHA-256-PLUS with tls-unique, or another type that this connection does not have',
  },
  loginRequired: {
    code: 530,
    enhanced: '5.7.0',
    text: 'Authentication required',
    when: 'MAIL, RCPT or DATA before a login',
  },
  tlsRequired: {
    code: 530,
    enhanced: '5.7.0',
    text: 'Authentication required, must issue STARTTLS and AUTH first',
    when: 'the same, before TLS',
  },
  credentialsInvalid: {
    code: 535,
    enhanced: '5.7.8',
    text: 'Authentication credentials invalid',
    when: 'name or password is wrong, or the account is disabled',
  },
  encryptionRequired: {
    code: 538,
    enhanced: '5.7.11',
    text: 'Encryption required for requested authentication mechanism',
    when: 'AUTH before TLS',
  },
  accountEnded: {
    code: 550,
    enhanced: '5.7.1',
    text: 'This account may not send any more',
    when: 'while the data arrived, the account was disabled, removed, or got a new password',
  },
  senderNotPermitted: {
    code: 550,
    enhanced: '5.7.1',
    text: 'This account may not send as <{sender}>',
    when: "the reverse-path is none of the account's permitted senders",
  },
  fromNotPermitted: {
    code: 550,
    enhanced: '5.7.1',
    text: '{reason}',
    when: "From, Sender, Resent-From or Resent-Sender names another than the account's permitted senders, or cannot be read for certain",
  },
  recipientNotPermitted: {
    code: 550,
    enhanced: '5.7.1',
    text: 'This account may not send to <{recipient}>',
    when: "the recipient is none of the account's permitted recipients",
  },
  tooLarge: {
    code: 552,
    enhanced: '5.3.4',
    text: 'Message too large, at most {limit} octets',
    when: 'limits.message_size',
  },
  tooLargeForAccount: {
    code: 552,
    enhanced: '5.3.4',
    text: 'Message too large, this account may send at most {limit} octets',
    when: "the account's message size, or its share of the queue where that is smaller",
  },
  tooLargeForUpstreams: {
    code: 552,
    enhanced: '5.3.4',
    text: 'Message too large, the mail provider takes at most {limit} octets',
    when: 'no upstream carries so much',
  },
  needsSmtputf8: {
    code: 553,
    enhanced: '5.6.7',
    text: '{reason}',
    when: 'a non-ASCII address without SMTPUTF8, or not UTF-8',
  },
  networkNotServed: {
    code: 554,
    enhanced: '5.7.1',
    text: '{hostname} Your network is not served here',
    when: 'limits.networks',
  },
  messageMalformed: { code: 554, enhanced: '5.6.0', text: '{reason}', when: 'the header cannot be read' },
  loopDetected: {
    code: 554,
    enhanced: '5.4.6',
    text: 'Mail loop: this message has been here before',
    when: 'own trace found, or too many Received',
  },
  unknownParameter: {
    code: 555,
    enhanced: '5.5.4',
    text: 'Parameter {parameter} not recognized',
    when: 'an unknown MAIL or RCPT parameter',
  },
} as const satisfies Readonly<Record<string, Row>>;

/** The reply of a row with its `{words}` filled in. */
export function say<R extends Row>(row: R, values: Readonly<Record<string, string | number>> = {}): Reply {
  return {
    ...row,
    text: row.text.replace(/\{(\w+)\}/g, (whole, word: string) => String(values[word] ?? whole)),
  };
}
