// Who may do what, and when: a check for each command. A check only looks and answers; null means "go on".
// This is the gate of Postern: nothing reaches the queue without a principal. smtp-server's own gate is not used.
// What the protocol allows is checked first; what the account may do is judged after it, and such a denial is logged.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { Principal } from '../accounts/principal.ts';
import type { LimitReached } from '../accounts/sending-limits.ts';
import { isPermitted } from '../message/permitted-addresses.ts';
import type { MailCommand, RcptCommand } from '../smtp/envelope.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import type { Transaction } from './transaction.ts';

/** What a check may know of the session. */
export type Standing = Readonly<{
  /** TLS is up. */
  secure: boolean;
  /** EHLO or HELO was given. */
  greeted: boolean;
  principal: Principal | null;
  transaction: Transaction | null;
}>;

export type Limits = Readonly<{
  /** Octets of a message. */
  messageSize: number;
  /** Whose limit that is: no upstream takes more, or this account may not send more; null where it is the server's. */
  sizeLimitOf: 'upstreams' | 'account' | null;
  /** Recipients of a message. */
  recipients: number;
}>;

/** The account may not do that, or not now. */
export type Denial = Readonly<{
  reply: Reply;
  /** For the log: which setting of the account, or which limit, was in the way. */
  reason: DenialReason;
}>;

export type DenialReason =
  | 'senders'
  | 'recipients'
  | 'recipients-per-message'
  | 'recipients-per-day'
  | 'message-size'
  | 'per-minute'
  | 'per-hour'
  | 'per-day'
  | 'queue-share'
  | 'disk';

export function checkAuth({ secure, principal, transaction }: Standing): Reply | null {
  if (!secure) return replies.encryptionRequired;
  if (principal) return say(replies.badSequence, { reason: 'Already authenticated' });
  if (transaction) return say(replies.badSequence, { reason: 'Not during a mail transaction' });
  return null;
}

/** RFC 4954 §6: 530 to whatever needs a login. */
export function checkAuthenticated({ secure, principal }: Standing): Reply | null {
  if (principal) return null;
  return secure ? replies.loginRequired : replies.tlsRequired;
}

/** The part of MAIL's check that needs no arguments: asked first, so that a client hears of the login before its syntax. */
export function checkMayBegin(standing: Standing): Reply | null {
  const refused = checkAuthenticated(standing);
  if (refused) return refused;
  if (!standing.greeted) return say(replies.badSequence, { reason: 'Send EHLO first' });
  if (standing.transaction)
    return say(replies.badSequence, { reason: 'Sender already given; send RSET to begin again' });
  return null;
}

export function checkMail(standing: Standing, mail: MailCommand): Reply | null {
  const early = checkMayBegin(standing);
  if (early) return early;
  if (mail.path.smtputf8 && !mail.smtputf8) return say(replies.needsSmtputf8, { reason: NON_ASCII });
  return null;
}

/** `limits` are the account's (limitsOf); `reached` is the sending limit that leaves no room for another message. */
export function judgeMail(
  policy: AccountPolicy,
  { path, size }: MailCommand,
  limits: Limits,
  reached: LimitReached | null,
): Denial | null {
  // RFC 6409 §3.2: the null reverse-path is no reason to refuse.
  const senders = path.text === '' ? null : permittedSenders(policy);
  if (senders !== null && !isPermitted(senders, path))
    return denial('senders', say(replies.senderNotPermitted, { sender: path.text }));
  // RFC 1870 §6.1: a declared size over the limit is refused before anything is sent.
  if (size !== null && size > limits.messageSize) return tooLarge(limits);
  return reached && limitDenial(reached);
}

export function checkRcpt(transaction: Transaction, rcpt: RcptCommand): Reply | null {
  if (rcpt.path.smtputf8 && !transaction.smtputf8) return say(replies.needsSmtputf8, { reason: NON_ASCII });
  return null;
}

/** `limits` are the account's; `reached` is the limit of recipients that has no room for another. */
export function judgeRcpt(
  transaction: Transaction,
  { path }: RcptCommand,
  limits: Limits,
  reached: LimitReached | null,
): Denial | null {
  const { recipients } = transaction.policy;
  if (recipients !== null && !isPermitted(recipients, path))
    return denial('recipients', say(replies.recipientNotPermitted, { recipient: path.text }));
  if (transaction.forwardPaths.has(path)) return null;
  if (transaction.forwardPaths.length >= limits.recipients)
    return denial('recipients-per-message', say(replies.tooManyRecipients, { limit: limits.recipients }));
  return reached && limitDenial(reached);
}

/** RFC 2920 §3.1: DATA is refused when no recipient was accepted, however the commands were pipelined. */
export function checkData(standing: Standing): Reply | null {
  const refused = checkAuthenticated(standing);
  if (refused) return refused;
  if (!standing.transaction) return say(replies.badSequence, { reason: 'Send MAIL first' });
  if (standing.transaction.forwardPaths.length === 0)
    return say(replies.badSequence, { reason: 'No valid recipients' });
  return null;
}

/** An account may be held to less than everybody, never allowed more. What exceeds its share of the queue alone never fits. */
export function limitsOf(policy: AccountPolicy, limits: Limits): Limits {
  const { messageSize, recipientsPerMessage, queueShare } = policy;
  const share = queueShare?.kind === 'octets' ? queueShare.octets : limits.messageSize;
  const own = Math.min(messageSize ?? limits.messageSize, share);
  const isOwn = own < limits.messageSize;
  return {
    messageSize: isOwn ? own : limits.messageSize,
    sizeLimitOf: isOwn ? 'account' : limits.sizeLimitOf,
    recipients: Math.min(limits.recipients, recipientsPerMessage ?? limits.recipients),
  };
}

/**
 * What the server takes: its own limit, or less where no upstream carries so much. `largest`: the largest message in octets
 * that some upstream takes, as it is sent; null where that is not known, or is nobody's limit.
 */
export function limitsWith(
  own: Readonly<{ messageSize: number; recipients: number }>,
  largest: number | null,
): Limits {
  // What would never leave is better refused while the person stands at the scanner.
  const most = largest === null ? own.messageSize : Math.max(0, largest - ADDED_HEADER);
  const isTheirs = most < own.messageSize;
  return {
    ...own,
    messageSize: isTheirs ? most : own.messageSize,
    sizeLimitOf: isTheirs ? 'upstreams' : null,
  };
}

/** Whom the account may send as, in reverse-path and header (message/permitted-addresses.ts); null: anybody. */
export function permittedSenders(policy: AccountPolicy): readonly string[] | null {
  const { sender, senders, otherSenders } = policy;
  if (senders === null || otherSenders === 'allow') return null;
  return sender === null ? senders : [sender, ...senders];
}

export function tooLarge({ messageSize, sizeLimitOf }: Limits): Denial {
  const row = sizeLimitOf === 'account' ? replies.tooLargeForAccount : replies.tooLarge;
  const said = sizeLimitOf === 'upstreams' ? replies.tooLargeForUpstreams : row;
  return denial('message-size', say(said, { limit: messageSize }));
}

export function limitDenial(reached: LimitReached): Denial {
  const { limit, when } = reached;
  if (reached.kind === 'recipients') {
    const recipients = limit === 1 ? 'one recipient' : `${limit} recipients`;
    return denial('recipients-per-day', say(replies.recipientLimit, { recipients, when }));
  }
  const messages = limit === 1 ? 'one message' : `${limit} messages`;
  const period = reached.period === 'hour' ? 'an hour' : `a ${reached.period}`;
  return denial(`per-${reached.period}`, say(replies.sendingLimit, { messages, period, when }));
}

function denial(reason: DenialReason, reply: Reply): Denial {
  return { reply, reason };
}

/** Room for the header fields that are added on the way: ours (completion), and those of a rewritten sender. */
const ADDED_HEADER = 4096;
const NON_ASCII = 'An address with non-ASCII characters needs the SMTPUTF8 parameter';
