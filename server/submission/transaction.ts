// One mail transaction (RFC 5321 §3.3): MAIL … end of DATA. A value: RSET, EHLO and every end replace it whole, so that
// nothing of one message can leak into the next.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { BodyType } from '../queue/delivery.ts';
import type { MessageDsn, RecipientDsn } from '../smtp/dsn-parameters.ts';
import type { Path } from '../smtp/path.ts';
import type { ForwardPaths } from './forward-paths.ts';

export type Transaction = Readonly<{
  /** The account's, as it was at MAIL: one message is judged by one policy. */
  policy: AccountPolicy;
  reversePath: Path;
  forwardPaths: ForwardPaths;
  /** What the client says the message will have, in octets, or null. */
  declaredSize: number | null;
  body: BodyType;
  /** The client asked for SMTPUTF8 (RFC 6531). */
  smtputf8: boolean;
  /** It must not leave over a connection without verified TLS (RFC 8689). */
  requireTls: boolean;
  /** What the client wants to be told of the message (RFC 3461); of each recipient, see `forwardPaths`. */
  dsn: MessageDsn;
}>;

/** The transaction with one more recipient; a repeated one is taken once. */
export function withRecipient(transaction: Transaction, path: Path, dsn: RecipientDsn): Transaction {
  return { ...transaction, forwardPaths: transaction.forwardPaths.with(path, dsn) };
}
