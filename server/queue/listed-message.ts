// A message, its recipients and its attempts as an operator sees them, and the parsers of their rows.

import type { EpochMs } from '../clock.ts';
import type { Row } from '../storage/database.ts';
import type { HeldBecause } from './holding.ts';
import type { RecipientState } from './message.ts';

export type ListedRecipient = Readonly<{
  forwardPath: string;
  state: RecipientState;
  attempts: number;
  nextAttemptAt: EpochMs | null;
  /** Name of the upstream that tried it last, or has it in hand. */
  upstream: string | null;
  /** As in queue/way.ts. */
  way: string;
  /** Since when it may have been delivered although no reply said so. */
  ambiguousSince: EpochMs | null;
  settledAt: EpochMs | null;
  lastReply: string | null;
  /** What must still be said about it to a person. */
  report: string | null;
}>;

export type ListedMessage = Readonly<{
  id: string;
  kind: 'mail' | 'dsn' | 'alert';
  /** Name of the account, or null for mail that Postern wrote. */
  account: string | null;
  reversePath: string;
  size: number;
  /** SHA-256 of the octets stored, hexadecimal. */
  hash: string;
  queuedAt: EpochMs;
  /** By whoever did; while something of it is not settled. */
  held: boolean;
  heldAt: EpochMs | null;
  heldBecause: HeldBecause | null;
  /** Where the octets are; `gone` once they are no longer needed. */
  content: 'body' | 'spool' | 'gone';
  recipients: readonly ListedRecipient[];
}>;

export type RecordedAttempt = Readonly<{
  forwardPath: string;
  number: number;
  startedAt: EpochMs;
  /** Milliseconds. */
  duration: number;
  upstream: string | null;
  stage: string | null;
  outcome: string;
  reply: string | null;
  /** What happened in plain words, where that is more than the reply. */
  text: string | null;
  /** The enhanced status code where it is ours. */
  status: string | null;
}>;

export type ListedReport = Readonly<{
  id: string;
  /** failure | delay | relayed. */
  kind: string | null;
  queuedAt: EpochMs;
  forwardPath: string;
  state: RecipientState;
}>;

/** A row of `message` with `account_name`, and its rows of `recipient` with `upstream_name`. */
export function parseMessage(row: Row, recipients: readonly Row[]): ListedMessage {
  const parsed = recipients.map(parseRecipient);
  // What is settled is not kept from anything.
  const heldAt = parsed.some(isUnsettled) ? number(row['held_at']) : null;
  return {
    id: String(row['id']),
    kind: row['kind'] === 'dsn' || row['kind'] === 'alert' ? row['kind'] : 'mail',
    account: text(row['account_name']),
    reversePath: String(row['reverse_path']),
    size: Number(row['size']),
    hash: String(row['content_hash']),
    queuedAt: Number(row['queued_at']),
    held: heldAt !== null,
    heldAt,
    heldBecause: heldAt === null ? null : parseHeldBecause(row['held_because']),
    content: row['content'] === 'spool' ? 'spool' : row['content'] === 'body' ? 'body' : 'gone',
    recipients: parsed,
  };
}

function isUnsettled({ state }: ListedRecipient): boolean {
  return state === 'queued' || state === 'deferred' || state === 'in_flight';
}

function parseRecipient(row: Row): ListedRecipient {
  return {
    forwardPath: String(row['forward_path']),
    state: parseState(row['state']),
    attempts: Number(row['attempts']),
    nextAttemptAt: number(row['next_attempt_at']),
    upstream: text(row['upstream_name']),
    way: String(row['way']),
    ambiguousSince: number(row['ambiguous_since']),
    settledAt: number(row['settled_at']),
    lastReply: text(row['last_reply']),
    report: text(row['report']),
  };
}

/** A row of `attempt` with `forward_path`. */
export function parseAttempt(row: Row): RecordedAttempt {
  return {
    forwardPath: String(row['forward_path']),
    number: Number(row['number']),
    startedAt: Number(row['started_at']),
    duration: Number(row['duration']),
    upstream: text(row['upstream']),
    stage: text(row['stage']),
    outcome: String(row['outcome']),
    reply: text(row['reply']),
    text: text(row['text']),
    status: text(row['status']),
  };
}

export function parseReport(row: Row): ListedReport {
  return {
    id: String(row['id']),
    kind: text(row['report_kind']),
    queuedAt: Number(row['queued_at']),
    forwardPath: String(row['forward_path']),
    state: parseState(row['state']),
  };
}

const STATES: readonly RecipientState[] = ['queued', 'in_flight', 'deferred', 'relayed', 'failed', 'expired'];
const REASONS: readonly HeldBecause[] = ['operator', 'outage', 'damaged', 'restored'];

function parseState(value: unknown): RecipientState {
  return STATES.find(state => state === value) ?? 'deferred';
}

function parseHeldBecause(value: unknown): HeldBecause {
  return REASONS.find(reason => reason === value) ?? 'operator';
}

function text(value: Row[string] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: Row[string] | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
