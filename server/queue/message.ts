// A message of the queue and its recipients, as values: what is written at step 7 of the path and read again at step 9.

import type { EpochMs } from '../clock.ts';
import { type MessageDsn, notifyFromText, type RecipientDsn } from '../smtp/dsn-parameters.ts';
import type { Row } from '../storage/database.ts';
import type { BodyType, Content, MessageKind } from './delivery.ts';
import type { ReportKind } from './outcome.ts';

export type { ReportKind } from './outcome.ts';

export type RecipientState = 'queued' | 'in_flight' | 'deferred' | 'relayed' | 'failed' | 'expired';

export type NewMessage = Readonly<{
  id: string;
  kind: MessageKind;
  /** Null for mail that Postern itself writes. */
  accountId: string | null;
  /** Empty for the null reverse-path. */
  reversePath: string;
  forwardPaths: readonly string[];
  bodyType: BodyType;
  /** The reverse-path or the header needs SMTPUTF8; a forward-path that does shows it itself. */
  smtputf8: boolean;
  /** Octets stored. */
  size: number;
  /** SHA-256 of the octets stored, hexadecimal. */
  hash: string;
  /** Octets for the body table, or a spool file that is already synced under its final name. */
  content: Readonly<{ kind: 'octets'; octets: Uint8Array }> | Readonly<{ kind: 'spooled' }>;
  clientAddress: string | null;
  /** RFC 3461; `recipients` in the order of `forwardPaths`. Absent: nothing was asked. */
  dsn?: MessageDsn & Readonly<{ recipients: readonly RecipientDsn[] }>;
  /** RFC 8689. */
  requireTls?: boolean;
  /** For a report: the message that it is about, and what it says of it. */
  report?: Readonly<{ about: string; kind: ReportKind }>;
}>;

/** What a delivery needs to know of a message; the same for all its recipients. */
export type QueuedMessage = Readonly<{
  id: string;
  kind: MessageKind;
  reversePath: string;
  bodyType: BodyType;
  smtputf8: boolean;
  size: number;
  hash: string;
  content: 'body' | 'spool' | 'gone';
  queuedAt: EpochMs;
  /** Null for mail that Postern itself wrote. */
  accountId: string | null;
  dsn: MessageDsn;
  requireTls: boolean;
}>;

/** What decides the route of a message's recipients. */
export type RoutedMessage = Pick<QueuedMessage, 'accountId' | 'reversePath' | 'size'>;

/** A recipient that this process has claimed for one attempt. */
export type ClaimedRecipient = Readonly<{
  ordinal: number;
  forwardPath: string;
  /** The number of this attempt, from 1. */
  attempt: number;
  deferrals: number;
  /** Usable time that it has been tried for, in milliseconds. */
  age: number;
  /** As it was claimed (way.ts). */
  way: string;
  dsn: RecipientDsn;
  /** Since when it may have been delivered; null: it was not. */
  ambiguousSince: EpochMs | null;
  /** Somebody was told that it is late. */
  delayReported: boolean;
}>;

/** A message with its claimed recipients, under one lease. */
export type Claim = Readonly<{
  lease: string;
  upstreamId: string;
  message: QueuedMessage;
  recipients: readonly ClaimedRecipient[];
  /** The octets, if they are still at hand from the submission; else they are read when the delivery starts. */
  octets: Uint8Array | null;
}>;

/** Why stored content cannot be relayed: it is not what was stored. */
export type Damage = Readonly<{ kind: 'damaged'; text: string }>;

export type OpenedContent = Readonly<{ kind: 'content'; content: Content }> | Damage;

export function parseQueuedMessage(row: Row): QueuedMessage {
  return {
    id: String(row['id']),
    kind: parseKind(row['kind']),
    reversePath: String(row['reverse_path']),
    bodyType: row['body_type'] === '8bitmime' ? '8bitmime' : '7bit',
    smtputf8: row['smtputf8'] === 1,
    size: Number(row['size']),
    hash: String(row['content_hash']),
    content: row['content'] === 'spool' ? 'spool' : row['content'] === 'body' ? 'body' : 'gone',
    queuedAt: Number(row['queued_at']),
    accountId: textOrNull(row['account_id']),
    dsn: { envelopeId: textOrNull(row['envelope_id']), returns: parseReturns(row['returns']) },
    requireTls: row['require_tls'] === 1,
  };
}

export function parseClaimedRecipient(row: Row): ClaimedRecipient {
  return {
    ordinal: Number(row['ordinal']),
    forwardPath: String(row['forward_path']),
    attempt: Number(row['attempts']),
    deferrals: Number(row['deferrals']),
    age: Number(row['age']),
    way: String(row['way']),
    dsn: { notify: notifyFromText(row['notify']), originalRecipient: textOrNull(row['original_recipient']) },
    ambiguousSince: typeof row['ambiguous_since'] === 'number' ? row['ambiguous_since'] : null,
    delayReported: typeof row['delay_reported_at'] === 'number',
  };
}

function parseReturns(value: unknown): MessageDsn['returns'] {
  return value === 'full' || value === 'headers' ? value : null;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function parseKind(value: unknown): MessageKind {
  return value === 'dsn' || value === 'alert' ? value : 'mail';
}
