// What each action of an operator writes: one commit about some of the messages that are chosen. The rows of RETURNING say what
// was changed.

import type { EpochMs } from '../clock.ts';
import type { Statement } from '../storage/database.ts';
import { chosenRecipients, type QueueFilter } from './operator-filter.ts';
import { dropDelayReports } from './statements.ts';

/** What is chosen, among these messages. */
export type Chosen = QueueFilter & Readonly<{ among: readonly string[] }>;

export const WAITING = `recipient.state IN ('queued', 'deferred')`;
export const GIVEN_UP = `recipient.state IN ('failed', 'expired')`;
export const UNSETTLED = `recipient.state IN ('queued', 'deferred', 'in_flight')`;
export const HAS_CONTENT = `EXISTS (SELECT 1 FROM message WHERE message.id = recipient.message_id AND content <> 'gone')`;
/** Routed anew, but for what may have been delivered by one upstream already: another one would deliver it twice. */
const ANEW = `CASE WHEN ${WAITING} AND way LIKE '=%' THEN way ELSE '' END`;
/** Due now, in its old place among what waits: the oldest goes first, and what is new passes a backlog. Parameters: now, twice. */
const DUE_NOW = `(SELECT CASE WHEN queued_at < ? THEN queued_at ELSE ? END FROM message WHERE message.id = recipient.message_id)`;
const IS_MAIL = `EXISTS (SELECT 1 FROM message WHERE message.id = recipient.message_id AND kind = 'mail')`;
const IS_TOLD = `notify IS NULL OR (notify <> 'never' AND (',' || notify || ',') LIKE '%,failure,%')`;
const GIVEN_UP_TEXT = 'Given up by the operator.';
const GIVEN_UP_STATUS = '5.0.0';

/** Whole messages. Rows: messages that were not held before; recipients that wait. */
export function holdStatements(chosen: Chosen, now: EpochMs): readonly Statement[] {
  const { listed, ids } = idsOf(chosen);
  return [
    {
      sql: `UPDATE message SET held_at = ?, held_because = 'operator' WHERE held_at IS NULL AND id ${listed} RETURNING id`,
      params: [now, ...ids],
    },
    {
      sql: `UPDATE recipient SET next_attempt_at = NULL WHERE ${WAITING} AND message_id ${listed} RETURNING message_id`,
      params: ids,
    },
  ];
}

/** Whole messages. Rows: recipients that are due now; messages released. */
export function releaseStatements(chosen: Chosen, now: EpochMs): readonly Statement[] {
  const { listed, ids } = idsOf(chosen);
  return [
    {
      sql: `UPDATE recipient SET next_attempt_at = ${DUE_NOW}, way = ${ANEW}
        WHERE ${WAITING} AND next_attempt_at IS NULL AND message_id ${listed} RETURNING message_id`,
      params: [now, now, ...ids],
    },
    {
      sql: `UPDATE message SET held_at = NULL, held_because = NULL WHERE held_at IS NOT NULL AND id ${listed} RETURNING id`,
      params: ids,
    },
  ];
}

/** Rows: recipients that are due now. What is tried again is no longer held, once all that waits of its message is. */
export function retryStatements(chosen: Chosen, now: EpochMs): readonly Statement[] {
  const { where, params } = chosenRecipients(chosen);
  const { listed, ids } = idsOf(chosen);
  // In a held message only what was retried has a time.
  const waiting = `SELECT 1 FROM recipient WHERE message_id = message.id AND ${WAITING} AND next_attempt_at`;
  return [
    {
      sql: `UPDATE recipient SET state = CASE WHEN state = 'queued' THEN 'queued' ELSE 'deferred' END,
          next_attempt_at = ${DUE_NOW}, way = ${ANEW}, settled_at = NULL,
          deferrals = CASE WHEN ${GIVEN_UP} THEN 0 ELSE deferrals END,
          age = CASE WHEN ${GIVEN_UP} THEN 0 ELSE age END,
          ambiguous_since = CASE WHEN ${GIVEN_UP} THEN NULL ELSE ambiguous_since END,
          report = CASE WHEN ${GIVEN_UP} THEN NULL ELSE report END,
          delay_reported_at = CASE WHEN ${GIVEN_UP} THEN NULL ELSE delay_reported_at END
        WHERE (${WAITING} OR (${GIVEN_UP} AND ${HAS_CONTENT})) AND ${where} RETURNING message_id`,
      params: [now, now, ...params],
    },
    {
      sql: `UPDATE message SET held_at = NULL, held_because = NULL WHERE held_at IS NOT NULL AND id ${listed}
        AND EXISTS (${waiting} IS NOT NULL) AND NOT EXISTS (${waiting} IS NULL)`,
      params: ids,
    },
  ];
}

/** Rows: none; recipients given up, with what must be reported; reports that are no longer true, and are deleted. */
export function bounceStatements(
  chosen: Chosen,
  { silent }: Readonly<{ silent: boolean }>,
  now: EpochMs,
): readonly Statement[] {
  const { where, params } = chosenRecipients(chosen);
  const report = silent ? 'NULL' : `CASE WHEN ${IS_MAIL} AND (${IS_TOLD}) THEN 'failure' ELSE NULL END`;
  return [
    {
      // It counts as an attempt: the numbers of attempts are never used twice.
      sql: `INSERT INTO attempt (message_id, ordinal, number, started_at, duration, outcome, text, status)
        SELECT message_id, ordinal, attempts + 1, ?, 0, 'failed', ?, ? FROM recipient WHERE ${WAITING} AND ${where}`,
      params: [now, GIVEN_UP_TEXT, GIVEN_UP_STATUS, ...params],
    },
    {
      sql: `UPDATE recipient SET state = 'failed', attempts = attempts + 1, next_attempt_at = NULL, settled_at = ?,
          last_reply = ?, report = ${report} WHERE ${WAITING} AND ${where} RETURNING message_id, report`,
      params: [now, GIVEN_UP_TEXT, ...params],
    },
    dropDelayReports(...chosen.among),
    releaseSettled(chosen),
  ];
}

/**
 * Rows: recipients deleted, with their state; messages deleted; reports that are no longer true, deleted too; none; messages
 * that are finished with that.
 */
export function deleteStatements(
  chosen: Chosen,
  now: EpochMs,
  { keepContent }: Readonly<{ keepContent: boolean }>,
): readonly Statement[] {
  const { where, params } = chosenRecipients(chosen);
  const { listed, ids } = idsOf(chosen);
  return [
    { sql: `DELETE FROM recipient WHERE ${where} RETURNING state`, params },
    {
      sql: `DELETE FROM message WHERE id ${listed}
        AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id) RETURNING id, content`,
      params: ids,
    },
    dropDelayReports(...chosen.among),
    releaseSettled(chosen),
    ...retirementOfRelayed(chosen, now, keepContent),
  ];
}

/** Where nothing waits any more, nothing is held. */
function releaseSettled(chosen: Chosen): Statement {
  const { listed, ids } = idsOf(chosen);
  return {
    sql: `UPDATE message SET held_at = NULL, held_because = NULL WHERE held_at IS NOT NULL AND id ${listed}
      AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id AND ${UNSETTLED})`,
    params: ids,
  };
}

/** A message of which only relayed recipients are left is finished: its content goes, unless it is kept. */
function retirementOfRelayed(chosen: Chosen, now: EpochMs, keepContent: boolean): readonly Statement[] {
  const { listed, ids } = idsOf(chosen);
  const finished = `id ${listed} AND retired_at IS NULL AND content <> 'gone' AND NOT EXISTS (SELECT 1 FROM recipient
    WHERE message_id = message.id AND (state <> 'relayed' OR report IS NOT NULL))`;
  if (keepContent)
    return [{ sql: `UPDATE message SET retired_at = ? WHERE ${finished}`, params: [now, ...ids] }];
  return [
    {
      sql: `UPDATE message SET content = 'gone', retired_at = ? WHERE ${finished} RETURNING id, content`,
      params: [now, ...ids],
    },
    {
      sql: `DELETE FROM body WHERE message_id ${listed}
        AND EXISTS (SELECT 1 FROM message WHERE id = body.message_id AND content = 'gone')`,
      params: ids,
    },
  ];
}

function idsOf({ among }: Chosen): Readonly<{ listed: string; ids: readonly string[] }> {
  return { listed: `IN (${among.map(() => '?').join(', ')})`, ids: among };
}
