// What one attempt came to, for one recipient; and what it taught us about the upstream. Pure vocabulary.
// "relayed" means that an upstream took it: more we cannot know. Unknown is always deferred, never failed.

import type { DurationMs } from '../clock.ts';

/** How far an attempt had come. `content` is our own side: the stored message could not be read or cannot be taken there. */
export type Stage =
  | 'content'
  | 'connect'
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'body';

export type Outcome =
  | Readonly<{ kind: 'relayed'; reply: string }>
  | Readonly<{
      kind: 'deferred';
      reason: DeferralReason;
      stage: Stage;
      /** The remote reply as it came, lines joined by a space, or null where there was none. */
      reply: string | null;
      /** What happened, in words for the operator. */
      text: string;
      /** The enhanced status code (RFC 3463) where it is ours and not the upstream's, such as `5.6.7`. */
      status?: string;
    }>
  | Readonly<{
      kind: 'failed';
      reason: FailureReason;
      stage: Stage;
      reply: string | null;
      text: string;
      status?: string;
    }>;

export type DeferralReason =
  /** 4xx about the message or this recipient, or an answer we do not understand. */
  | 'refused-for-now'
  /** The upstream does not let us send as this sender: our setting, bounced only at expiry. */
  | 'sender-identity'
  /** The connection broke in the middle of this message; nothing says whether the upstream or the message is to blame. */
  | 'connection-lost'
  /** No reply after the whole body was sent: it may have been delivered. */
  | 'ambiguous'
  /** Credentials, TLS, connection or quota: the upstream's state, never the message's. Costs the message nothing. */
  | 'upstream';

export type FailureReason =
  | 'recipient-refused'
  | 'message-refused'
  /** The upstream lacks what the message needs (8BITMIME, SMTPUTF8, SIZE, REQUIRETLS); another one may have it. */
  | 'not-supported-upstream';

/** What is wrong with an upstream as a whole. */
export type UpstreamFault = Readonly<{
  /** `consent`: OAuth2; a person must authorise us again, nothing else mends it. */
  kind: 'unreachable' | 'tls' | 'credentials' | 'consent' | 'quota' | 'throttled';
  stage: Stage;
  reply: string | null;
  /** What happened, why, and what to do: one or two sentences for the operator. */
  text: string;
  /** How long the upstream wants us to wait, where it said so otherwise than in its reply's text (HTTP's Retry-After). */
  wait?: DurationMs;
}>;

/** What is said about a message to a person: it failed, it is late, an upstream took it. */
export type ReportKind = 'failure' | 'delay' | 'relayed';
