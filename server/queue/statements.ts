// The statements that put a message into the queue and that write the end of an attempt: the two groups on which the
// promise of DESIGN.md §4 rests (steps 7 and 13). Each is committed as one group.

import type { EpochMs } from '../clock.ts';
import type { Statement } from '../storage/database.ts';
import type { Claim, NewMessage } from './message.ts';
import type { RecipientSettlement } from './queue.ts';

const INSERT_MESSAGE = `INSERT INTO message (id, kind, account_id, reverse_path, body_type, smtputf8, size, content,
  content_hash, client_address, queued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_BODY = 'INSERT INTO body (message_id, octets) VALUES (?, ?)';
const INSERT_RECIPIENT = `INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts, deferrals,
  next_attempt_at, age) VALUES (?, ?, ?, 'queued', 0, 0, ?, 0)`;
const SETTLE = `UPDATE recipient SET state = ?, deferrals = ?, next_attempt_at = ?, last_reply = ?, settled_at = ?,
    ambiguous_since = ?, lease = NULL, lease_expires_at = NULL, phase = NULL
  WHERE message_id = ? AND ordinal = ? AND lease = ?`;
// The SELECT makes the record depend on the recipient, which an operator may have deleted meanwhile.
const RECORD = `INSERT INTO attempt (message_id, ordinal, number, started_at, duration, upstream, stage, outcome, reply)
  SELECT message_id, ordinal, ?, ?, ?, ?, ?, ?, ? FROM recipient WHERE message_id = ? AND ordinal = ?`;
// Content goes only when every recipient was relayed; a failed or expired one keeps it for the operator.
const RETIRE = `UPDATE message SET content = 'gone', retired_at = ? WHERE id = ? AND content <> 'gone' AND NOT EXISTS (
    SELECT 1 FROM recipient WHERE message_id = message.id AND state <> 'relayed')`;
const DELETE_RETIRED_BODY = `DELETE FROM body WHERE message_id = ? AND EXISTS (
    SELECT 1 FROM message WHERE id = body.message_id AND content = 'gone')`;

/** A message, its octets, and a row for each recipient. */
export function insertion(message: NewMessage, queuedAt: EpochMs): readonly Statement[] {
  const statements: Statement[] = [
    {
      sql: INSERT_MESSAGE,
      params: [
        message.id,
        message.kind,
        message.accountId,
        message.reversePath,
        message.bodyType,
        message.smtputf8 ? 1 : 0,
        message.size,
        message.content.kind === 'octets' ? 'body' : 'spool',
        message.hash,
        message.clientAddress,
        queuedAt,
      ],
    },
  ];
  if (message.content.kind === 'octets')
    statements.push({ sql: INSERT_BODY, params: [message.id, message.content.octets] });
  message.forwardPaths.forEach((forwardPath, ordinal) => {
    statements.push({ sql: INSERT_RECIPIENT, params: [message.id, ordinal, forwardPath, queuedAt] });
  });
  return statements;
}

/** What happened to one recipient; without effect where an operator deleted it meanwhile. */
export function settleStatements(claim: Claim, one: RecipientSettlement, now: EpochMs): readonly Statement[] {
  const { settlement } = one;
  const id = claim.message.id;
  const settledAt = settlement.state === 'deferred' ? null : now;
  return [
    {
      sql: SETTLE,
      params: [
        settlement.state,
        settlement.deferrals,
        settlement.nextAttemptAt,
        settlement.reply,
        settledAt,
        settlement.ambiguous ? now : null,
        id,
        one.ordinal,
        claim.lease,
      ],
    },
    {
      sql: RECORD,
      params: [
        one.attempt,
        one.startedAt,
        Math.round(one.duration),
        one.upstream,
        one.stage,
        settlement.outcome,
        settlement.reply,
        id,
        one.ordinal,
      ],
    },
  ];
}

/** Removes the content when nobody needs it any more. The first statement changes one row when that is so. */
export function retirement(id: string, now: EpochMs): readonly Statement[] {
  return [
    { sql: RETIRE, params: [now, id] },
    { sql: DELETE_RETIRED_BODY, params: [id] },
  ];
}
