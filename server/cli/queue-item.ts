// A message of the queue as JSON, and the ids by which the commands know it. Pure.

import type { ListedMessage, RecordedAttempt } from '../queue/operator.ts';
import { failed, type Result } from './command.ts';
import { isoTime } from './output.ts';

/** The item of `queue list --json` (DESIGN.md §2). */
export function itemOf(message: ListedMessage): object {
  return {
    id: message.id,
    account: message.account,
    reverse_path: message.reversePath,
    size: message.size,
    queued_at: isoTime(message.queuedAt),
    held: message.held,
    recipients: message.recipients.map(recipient => ({
      forward_path: recipient.forwardPath,
      state: recipient.state,
      attempts: recipient.attempts,
      next_attempt_at: isoTime(recipient.nextAttemptAt),
      upstream: recipient.upstream,
      last_reply: recipient.lastReply,
    })),
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
  };
}

/** Ids are capitals and digits; somebody may read one out and type it small. */
export function idOf(text: string): string {
  return text.trim().toUpperCase();
}

export function unknownIds(ids: readonly string[]): Result {
  const names = ids.map(id => `"${id}"`).join(', ');
  return failed(
    `There is no message ${names} in the queue: "postern queue list --all" shows every one that is kept.`,
  );
}
