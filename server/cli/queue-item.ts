// A message of the queue as JSON, and the ids by which the commands know it. Pure.

import type {
  ListedMessage,
  ListedRecipient,
  ListedReport,
  RecordedAttempt,
} from '../queue/listed-message.ts';
import { failed, type Result } from './command.ts';
import { isoTime } from './output.ts';

/** The item of `queue list --json` (DESIGN.md §2). */
export function itemOf(message: ListedMessage): Readonly<Record<string, unknown>> {
  return {
    id: message.id,
    kind: message.kind,
    account: message.account,
    reverse_path: message.reversePath,
    size: message.size,
    queued_at: isoTime(message.queuedAt),
    held: message.held,
    held_at: isoTime(message.heldAt),
    held_because: message.heldBecause,
    has_content: message.content !== 'gone',
    recipients: message.recipients.map(recipientOf),
  };
}

export function recipientOf(recipient: ListedRecipient): Readonly<Record<string, unknown>> {
  return {
    forward_path: recipient.forwardPath,
    state: recipient.state,
    attempts: recipient.attempts,
    next_attempt_at: isoTime(recipient.nextAttemptAt),
    upstream: recipient.upstream,
    last_reply: recipient.lastReply,
    settled_at: isoTime(recipient.settledAt),
  };
}

export function attemptOf(attempt: RecordedAttempt): object {
  return {
    forward_path: attempt.forwardPath,
    number: attempt.number,
    started_at: isoTime(attempt.startedAt),
    duration: attempt.duration,
    upstream: attempt.upstream,
    stage: attempt.stage,
    outcome: attempt.outcome,
    reply: attempt.reply,
    text: attempt.text,
    status: attempt.status,
  };
}

export function reportOf(report: ListedReport): object {
  return {
    id: report.id,
    kind: report.kind,
    queued_at: isoTime(report.queuedAt),
    forward_path: report.forwardPath,
    state: report.state,
  };
}

/** Ids that an error names; it is one line. */
const MOST_NAMED = 5;

/** Ids are capitals and digits; somebody may read one out and type it small. */
export function idOf(text: string): string {
  return text.trim().toUpperCase();
}

export function unknownIds(ids: readonly string[]): Result {
  const rest = ids.length > MOST_NAMED ? ` (and ${ids.length - MOST_NAMED} more of those given)` : '';
  const names = `${ids
    .slice(0, MOST_NAMED)
    .map(id => `"${id}"`)
    .join(', ')}${rest}`;
  return failed(
    `There is no message ${names} in the queue: "postern queue list --all" shows every one that is kept.`,
  );
}
