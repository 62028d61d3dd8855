// The reply to a MAIL or RCPT that cannot be read.

import type { EnvelopeRefusal } from '../smtp/envelope.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';

export function envelopeReply(refused: EnvelopeRefusal, of: 'sender' | 'recipient'): Reply {
  switch (refused.reason) {
    case 'address':
      return say(of === 'sender' ? replies.badSender : replies.badRecipient, { reason: refused.text });
    case 'not-utf8':
      return say(replies.needsSmtputf8, { reason: refused.text });
    case 'arguments':
      return say(replies.badArguments, { reason: refused.text });
    case 'unknown-parameter':
      return say(replies.unknownParameter, { parameter: refused.parameter });
    default:
      return refused satisfies never;
  }
}
