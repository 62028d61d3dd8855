// The statements that put a message into the queue and that write the end of an attempt: the two groups on which the
// promise of DESIGN.md §4 rests (steps 7 and 13). Each is committed as one group.

import type { EpochMs } from '../clock.ts';
import { NO_RECIPIENT_DSN, notifyToText } from '../smtp/dsn-parameters.ts';
import type { Statement } from '../storage/database.ts';
import type { Claim, NewMessage } from './message.ts';
import type { RecipientSettlement } from './queue.ts';

const INSERT_MESSAGE = `INSERT INTO message (id, kind, account_id, reverse_path, body_type, smtputf8, size, content,
  content_hash, client_address, queued_at, envelope_id, returns, require_tls, about_id, report_kind)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_BODY = 'INSERT INTO body (message_id, octets) VALUES (?, ?)';
const INSERT_RECIPIENT = `INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts, deferrals,
  next_attempt_at, age, way, account_id, notify, original_recipient, outage_mark)
  VALUES (?, ?, ?, 'queued', 0, 0, ?, 0, ?, ?, ?, ?, ?)`;
const SETTLE = `UPDATE recipient SET state = ?, way = ?, deferrals = ?, next_attempt_at = NULL, last_reply = ?,
    settled_at = ?, ambiguous_since = NULL, report = ?, lease = NULL, lease_expires_at = NULL, phase = NULL
  WHERE message_id = ? AND ordinal = ? AND lease = ?`;
/** For an UPDATE of recipients: the parameter, or no time at all where the message is held meanwhile. */
export const UNLESS_HELD = `CASE WHEN EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND held_at IS NOT NULL)
    THEN NULL ELSE ? END`;
const DEFER = `UPDATE recipient SET state = 'deferred', way = ?, deferrals = ?, next_attempt_at = ${UNLESS_HELD},
    last_reply = ?, ambiguous_since = ?, outage_mark = COALESCE(?, outage_mark + ?), lease = NULL, lease_expires_at = NULL, phase = NULL
  WHERE message_id = ? AND ordinal = ? AND lease = ?`;
// The SELECT makes the record depend on the recipient, which an operator may have deleted meanwhile.
const RECORD = `INSERT INTO attempt (message_id, ordinal, number, started_at, duration, upstream, stage, outcome, reply,
    text, status)
  SELECT message_id, ordinal, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM recipient WHERE message_id = ? AND ordinal = ?`;
// Content goes only when every recipient was relayed and nobody must be told; a failed or expired one keeps it for a while.
const FINISHED = `id = ? AND retired_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM recipient WHERE message_id = message.id AND (state <> 'relayed' OR report IS NOT NULL))`;
// What is finished is no longer held, though somebody may have held it during its last attempt.
const UNHELD = 'held_at = NULL, held_because = NULL';
const RETIRE = `UPDATE message SET content = 'gone', retired_at = ?, ${UNHELD} WHERE ${FINISHED}`;
const RETIRE_KEEPING_CONTENT = `UPDATE message SET retired_at = ?, ${UNHELD} WHERE ${FINISHED}`;
const DELETE_RETIRED_BODY = `DELETE FROM body WHERE message_id = ? AND EXISTS (
    SELECT 1 FROM message WHERE id = body.message_id AND content = 'gone')`;
// Nobody wants to hear that a message is late once its fate is known. One that was tried may have arrived already.
const dropDelayReportsAbout = (count: number) => `DELETE FROM message
  WHERE about_id IN (${Array.from({ length: count }, () => '?').join(', ')}) AND kind = 'dsn' AND report_kind = 'delay'
    AND held_because IS NULL
    AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id
      AND (attempts > 0 OR state NOT IN ('queued', 'deferred')))
    AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = message.about_id
      AND state NOT IN ('relayed', 'failed', 'expired'))
  RETURNING id, content`;

/** Where a recipient goes first, and since when its route's outages count for it (outages.ts). */
export type Placement = Readonly<{ way: string; outageMark: number }>;

/** A message, its octets, and a row for each recipient. */
export function insertion(
  message: NewMessage,
  queuedAt: EpochMs,
  placements: readonly Placement[],
): readonly Statement[] {
  const { dsn, report } = message;
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
        dsn?.envelopeId ?? null,
        dsn?.returns ?? null,
        message.requireTls ? 1 : 0,
        report?.about ?? null,
        report?.kind ?? null,
      ],
    },
  ];
  if (message.content.kind === 'octets')
    statements.push({ sql: INSERT_BODY, params: [message.id, message.content.octets] });
  message.forwardPaths.forEach((forwardPath, ordinal) => {
    const { way = '', outageMark = 0 } = placements[ordinal] ?? {};
    const { notify, originalRecipient } = dsn?.recipients[ordinal] ?? NO_RECIPIENT_DSN;
    const account = message.accountId ?? '';
    const asked = [notifyToText(notify), originalRecipient];
    statements.push({
      sql: INSERT_RECIPIENT,
      params: [message.id, ordinal, forwardPath, queuedAt, way, account, ...asked, outageMark],
    });
  });
  return statements;
}

/** What happened to one recipient; without effect where an operator deleted it meanwhile. */
export function settleStatements(claim: Claim, one: RecipientSettlement, now: EpochMs): readonly Statement[] {
  const { settlement } = one;
  const { id } = claim.message;
  const record: Statement = {
    sql: RECORD,
    params: [
      one.attempt,
      one.startedAt,
      Math.round(one.duration),
      one.upstream,
      one.stage,
      settlement.outcome,
      settlement.reply,
      settlement.text,
      settlement.status,
      id,
      one.ordinal,
    ],
  };
  return [endOf(claim, one, now), record];
}

function endOf({ message, lease }: Claim, one: RecipientSettlement, now: EpochMs): Statement {
  const { ordinal, settlement, outageMark = null, outageShift = 0 } = one;
  const { state, way, deferrals, nextAttemptAt, reply, ambiguousSince, report } = settlement;
  const fence = [message.id, ordinal, lease];
  return state === 'deferred'
    ? {
        sql: DEFER,
        params: [way, deferrals, nextAttemptAt, reply, ambiguousSince, outageMark, outageShift, ...fence],
      }
    : { sql: SETTLE, params: [state, way, deferrals, reply, now, report, ...fence] };
}

/**
 * Removes the content when nobody needs it any more: every recipient was relayed, and whoever asked has been told. The
 * first statement changes one row when that is so; then, unless content is kept, a spool file is the caller's to remove.
 */
export function retirement(
  id: string,
  now: EpochMs,
  { keepContent }: Readonly<{ keepContent: boolean }>,
): readonly Statement[] {
  if (keepContent) return [{ sql: RETIRE_KEEPING_CONTENT, params: [now, id] }];
  return [
    { sql: RETIRE, params: [now, id] },
    { sql: DELETE_RETIRED_BODY, params: [id] },
  ];
}

/**
 * Takes back what says that one of these messages is late, if nobody has it yet and all recipients are settled. Rows: the
 * reports.
 */
export function dropDelayReports(...ids: readonly string[]): Statement {
  return { sql: dropDelayReportsAbout(ids.length), params: ids };
}
