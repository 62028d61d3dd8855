// What an account may do once it is logged in. The operator sets it, submission/policy.ts decides by it, accounts/usage.ts
// counts for it. Null is everywhere "no limit of its own": the server's limits hold for everybody.

/** A share of the queue: so many octets, or so many percent of the room that waiting mail may take. */
export type QueueShare = Readonly<{ kind: 'octets'; octets: number } | { kind: 'percent'; percent: number }>;

export type AccountPolicy = Readonly<{
  /** The account's own address; always permitted. */
  sender: string | null;
  /** Addresses (`scan@example.com`) and domains (`@example.com`, `@*.example.com`) that it may send as; null: any. */
  senders: readonly string[] | null;
  /** What becomes of a message with another sender: 550 5.7.1, or taken (the relay may rewrite it, per upstream). */
  otherSenders: 'refuse' | 'allow';
  /** Whom it may send to, written like `senders`; null: anybody. */
  recipients: readonly string[] | null;
  messagesPerMinute: number | null;
  messagesPerHour: number | null;
  /** In any 24 hours. */
  messagesPerDay: number | null;
  recipientsPerMessage: number | null;
  /** In any 24 hours. */
  recipientsPerDay: number | null;
  /** Octets. */
  messageSize: number | null;
  queueShare: QueueShare | null;
}>;
