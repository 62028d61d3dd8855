// A session with an upstream: carries messages, one after the other. `send` never rejects and says for each recipient what
// the upstream answered, or where the connection broke; judging it is classify.ts's, or of a sending API its description's.

import type { DowngradePlan } from '../../message/seven-bit-plan.ts';
import type { Content, Phase } from '../../queue/delivery.ts';
import type { Stage } from '../../queue/outcome.ts';
import type { MessageDsn, RecipientDsn } from '../../smtp/dsn-parameters.ts';
import type { Capabilities } from '../capabilities.ts';
import type { Verdict } from '../classify.ts';
import type { RemoteReply } from '../remote-reply.ts';

export type TransactionStage = Extract<Stage, 'mail' | 'rcpt' | 'data' | 'body'>;

/** By position, the recipients that were refused at RCPT. */
export type Refusals = ReadonlyMap<number, RemoteReply>;

export type Sent =
  /** The final dot was answered with 2xx. */
  | Readonly<{ kind: 'accepted'; reply: RemoteReply; refusals: Refusals }>
  /** Every recipient was refused at RCPT. */
  | Readonly<{ kind: 'no-recipients'; refusals: Refusals }>
  /** One answer for all recipients that were not refused already. */
  | Readonly<{ kind: 'refused'; stage: TransactionStage; reply: RemoteReply; refusals: Refusals }>
  /** The connection broke, or went out of step. `answered`: the upstream had replied to something of this message. */
  | Readonly<{ kind: 'lost'; stage: Stage; detail: string; bodyConsumed: boolean; answered: boolean }>
  /** Our own stored message could not be read to its end; the upstream never saw a final dot. */
  | Readonly<{ kind: 'unreadable'; detail: string }>
  /** A sending API took the message for all recipients. `reply`: one line for the record. */
  | Readonly<{ kind: 'handed-over'; reply: string }>
  /** A sending API refused, and its description (relay/apis/) has judged that already, for all recipients. `apart`: see there. */
  | Readonly<{ kind: 'judged'; verdict: Verdict; apart?: true }>;

/** A message as this upstream can take it. */
export type Outgoing = Readonly<{
  /** Of our queue. */
  messageId: string;
  /** Empty: the null reverse-path. */
  reversePath: string;
  recipients: readonly Readonly<{ path: string; dsn: RecipientDsn }>[];
  /** Octets, without the dots that are doubled. */
  size: number;
  eightBit: boolean;
  smtputf8: boolean;
  requireTls: boolean;
  dsn: MessageDsn | null;
  onPhase: (phase: Phase) => void;
}>;

export type Parcel = Outgoing &
  Readonly<{
    content: Content;
    /** Of a file: how it is written for this upstream. Null: as it is. */
    plan: DowngradePlan | null;
  }>;

export type Session = Readonly<{
  capabilities: Capabilities;
  /** Protected by TLS, with a certificate that was verified. */
  tls: boolean;
  /** `header`: the message goes to whom its To, Cc and Bcc name, so they must name exactly its recipients. */
  recipientsFrom: 'envelope' | 'header';
  send: (parcel: Parcel) => Promise<Sent>;
  /** Brings the session back in step after a refusal; false: it must not be used again. */
  reset: () => Promise<boolean>;
  usable: () => boolean;
  /** QUIT, then closed; returns at once. */
  quit: () => void;
  /** Closed at once; what is under way ends as lost. */
  close: () => void;
}>;
