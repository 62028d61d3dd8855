// MAIL, RCPT and DATA of one session: what a client says of a message before it sends it. Each command is parsed, checked
// and judged (policy.ts), and then the transaction is replaced by the next value, or nothing has changed.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { Principal } from '../accounts/principal.ts';
import { parseMail, parseRcpt } from '../smtp/envelope.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { envelopeReply } from './envelope-replies.ts';
import { noForwardPaths } from './forward-paths.ts';
import {
  checkAuthenticated,
  checkData,
  checkMail,
  checkMayBegin,
  checkRcpt,
  type Denial,
  judgeMail,
  judgeRcpt,
  limitsOf,
  type Standing,
} from './policy.ts';
import type { SessionLogins, SessionSettings } from './session.ts';
import { type Transaction, withRecipient } from './transaction.ts';

/** A message that may be sent now, if there is room for it. */
export type Ready = Readonly<{ kind: 'ready'; transaction: Transaction; principal: Principal }>;

export type MailCommands = Readonly<{
  mail: (argument: Uint8Array) => Reply | Denial;
  rcpt: (argument: Uint8Array) => Reply | Denial;
  data: (argument: Uint8Array) => Reply | Ready;
  transaction: () => Transaction | null;
  reset: () => void;
}>;

type Session = Readonly<{
  settings: Pick<SessionSettings, 'hostname' | 'limits'>;
  logins: Pick<SessionLogins, 'standing' | 'sending'>;
  /** What is known of the client at this moment. */
  client: () => Omit<Standing, 'transaction'>;
  /** Its account may not send any more. */
  logOut: () => void;
}>;

/** So many denied recipients of one message are told to the log: a list may have thousands. */
const REPORTED = 10;

export function createMailCommands({ settings, logins, client, logOut }: Session): MailCommands {
  const { hostname } = settings;
  let transaction: Transaction | null = null;
  let deniedRecipients = 0;

  const standing = (): Standing => ({ ...client(), transaction });

  /** An account that may not send any more sends nothing, in the middle of a transaction either. */
  const currentPolicy = (): AccountPolicy | null => {
    const { principal } = client();
    const policy = principal ? logins.standing(principal) : null;
    if (policy === null) {
      transaction = null;
      logOut();
    }
    return policy;
  };

  return {
    mail: argument => {
      const policy = currentPolicy();
      const early = checkMayBegin(standing());
      if (early) return early;
      const parsed = parseMail(argument, hostname);
      if (parsed.kind === 'refused') return envelopeReply(parsed, 'sender');
      const refused = checkMail(standing(), parsed);
      if (refused) return refused;
      const { principal } = client();
      if (!policy || !principal) throw new Error('checkMayBegin let a transaction begin without a principal');
      const reached = logins.sending.message(principal.accountId, policy);
      const denied = judgeMail(policy, parsed, limitsOf(policy, settings.limits()), reached);
      if (denied) return denied;
      const { path, size, body, smtputf8, requireTls, dsn } = parsed;
      deniedRecipients = 0;
      transaction = {
        policy,
        reversePath: path,
        forwardPaths: noForwardPaths(),
        declaredSize: size,
        body,
        smtputf8,
        requireTls,
        dsn,
      };
      return replies.senderOk;
    },

    rcpt: argument => {
      const early = checkAuthenticated(standing());
      if (early) return early;
      const { principal } = client();
      if (!transaction || !principal) return say(replies.badSequence, { reason: 'Send MAIL first' });
      const parsed = parseRcpt(argument, hostname);
      if (parsed.kind === 'refused') return envelopeReply(parsed, 'recipient');
      const refused = checkRcpt(transaction, parsed);
      if (refused) return refused;
      const { policy, forwardPaths } = transaction;
      const reached = logins.sending.recipients(principal.accountId, policy, forwardPaths.length + 1);
      const denied = judgeRcpt(transaction, parsed, limitsOf(policy, settings.limits()), reached);
      if (denied) return ++deniedRecipients > REPORTED ? denied.reply : denied;
      transaction = withRecipient(transaction, parsed.path, parsed.dsn);
      return replies.recipientOk;
    },

    data: argument => {
      currentPolicy();
      const refused = checkData(standing());
      if (refused) return refused;
      if (argument.length > 0) return say(replies.badArguments, { reason: 'DATA takes no parameters' });
      const { principal } = client();
      if (!transaction || !principal) throw new Error('checkData let a message pass without a principal');
      return { kind: 'ready', transaction, principal };
    },

    transaction: () => transaction,
    reset: () => {
      transaction = null;
    },
  };
}
