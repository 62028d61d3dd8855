// Policies for the tests of this folder.

import type { AccountPolicy } from '../../server/accounts/account-policy.ts';
import type { SendingCheck } from '../../server/accounts/sending-limits.ts';

/** Nothing is restricted. */
export const free: AccountPolicy = {
  sender: null,
  senders: null,
  otherSenders: 'refuse',
  recipients: null,
  messagesPerMinute: null,
  messagesPerHour: null,
  messagesPerDay: null,
  recipientsPerMessage: null,
  recipientsPerDay: null,
  messageSize: null,
  queueShare: null,
};

/** No limit is ever reached. */
export const unlimited: SendingCheck = { message: () => null, recipients: () => null };
