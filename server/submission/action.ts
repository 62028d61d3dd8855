// What a session decides, and the connection carries out.

import type { Principal } from '../accounts/principal.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import type { Denial, DenialReason } from './policy.ts';
import type { Transaction } from './transaction.ts';

/** What the connection must do about a command. `wire` is the reply as octets in latin1-safe ASCII. */
export type Action =
  | Readonly<{
      kind: 'reply';
      wire: string;
      verb: string;
      reply: Reply;
      /** The account may not do that: for the log, where a person looks for why the device was refused. */
      denied?: DenialReason;
    }>
  /** Say this and close. */
  | Readonly<{ kind: 'close'; wire: string; verb: string; reply: Reply }>
  /** Say this, then begin the TLS handshake. */
  | Readonly<{ kind: 'starttls'; wire: string; verb: string; reply: Reply }>
  /** Take the message: 354 unless the disk says otherwise. */
  | Readonly<{
      kind: 'data';
      transaction: Transaction;
      principal: Principal;
      hello: string;
      extended: boolean;
    }>;

export function replied(verb: string, reply: Reply): Action {
  return { kind: 'reply', wire: formatReply(reply), verb, reply };
}

/** What the account may not do is told apart from what is wrong. */
export function denied(verb: string, { reply, reason }: Denial): Action {
  return { kind: 'reply', wire: formatReply(reply), verb, reply, denied: reason };
}

export function close(verb: string, reply: Reply): Action {
  return { kind: 'close', wire: formatReply(reply), verb, reply };
}
