// Who may do what, and when: a check for each command. A check only looks and answers; null means "go on".
// This is the gate of Postern: nothing reaches the queue without a principal. smtp-server's own gate is not used.

import type { Principal } from '../accounts/principal.ts';
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
  /** Recipients of a message. */
  recipients: number;
}>;

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

export function checkMail(standing: Standing, mail: MailCommand, limits: Limits): Reply | null {
  const early = checkMayBegin(standing);
  if (early) return early;
  if (mail.path.smtputf8 && !mail.smtputf8) return say(replies.needsSmtputf8, { reason: NON_ASCII });
  // RFC 1870 §6.1: a declared size over the limit is refused before anything is sent.
  if (mail.size !== null && mail.size > limits.messageSize)
    return say(replies.tooLarge, { limit: limits.messageSize });
  return null;
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

export function checkRcpt(transaction: Transaction, rcpt: RcptCommand, limits: Limits): Reply | null {
  if (rcpt.path.smtputf8 && !transaction.smtputf8) return say(replies.needsSmtputf8, { reason: NON_ASCII });
  if (transaction.forwardPaths.length >= limits.recipients)
    return say(replies.tooManyRecipients, { limit: limits.recipients });
  return null;
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

const NON_ASCII = 'An address with non-ASCII characters needs the SMTPUTF8 parameter';
