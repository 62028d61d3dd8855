// An account as a declaration writes it. Its password cannot be written, for nobody has it; with secrets, what is kept of it
// is. During a changeover that is the newer of the two. Pure.

import type { StoredAccount } from '../accounts/account.ts';
import type { AccountPolicy } from '../accounts/account-policy.ts';
import {
  type Fields,
  placeFor,
  present,
  type SecretWriting,
  type Written,
  writtenSize,
  writtenTime,
} from './written.ts';

export function writtenAccount(stored: StoredAccount, writing: SecretWriting): Written {
  const { account } = stored;
  const { policy } = account;
  const password = passwordOf(stored, writing);
  const fields = present({
    name: account.name,
    aliases: account.aliases.length === 0 ? undefined : account.aliases.map(({ name }) => name),
    enabled: account.enabled ? undefined : false,
    ...password.fields,
    sender: policy.sender ?? undefined,
    senders: policy.senders ?? undefined,
    other_senders: policy.otherSenders === 'refuse' ? undefined : policy.otherSenders,
    recipients: policy.recipients ?? undefined,
    networks: account.networks ?? undefined,
    mechanisms: account.mechanisms ?? undefined,
    per_minute: policy.messagesPerMinute ?? undefined,
    per_hour: policy.messagesPerHour ?? undefined,
    per_day: policy.messagesPerDay ?? undefined,
    recipients_per_message: policy.recipientsPerMessage ?? undefined,
    recipients_per_day: policy.recipientsPerDay ?? undefined,
    message_size: writtenSize(policy.messageSize),
    queue_share: writtenShare(policy.queueShare),
    expires: writtenTime(account.expiresAt),
    owner: account.owner ?? undefined,
    note: account.note ?? undefined,
  });
  return { fields, comments: [{ path: [], lines: password.lines }], warnings: [] };
}

function passwordOf(
  { account, credentials }: StoredAccount,
  { withSecrets, variableFor }: SecretWriting,
): Readonly<{ fields: Fields; lines: readonly string[] }> {
  const [newest] = credentials;
  if (!withSecrets || newest === undefined) {
    return { fields: {}, lines: [placeFor('password', variableFor('account', account.name, 'password'))] };
  }
  // Whether a chosen password is too weak for CRAM-MD5 was found out when it was known; the hash does not tell.
  const { passwordHash, withholdsCram } = newest;
  const fields = present({ password_hash: passwordHash, withholds_cram: withholdsCram ?? undefined });
  return { fields, lines: [] };
}

function writtenShare(share: AccountPolicy['queueShare']): string | number | undefined {
  if (share === null) return undefined;
  return share.kind === 'percent' ? `${share.percent}%` : writtenSize(share.octets);
}
