// The operator's view of the queue and hand in it: list, show, retry, delete, stats. Used by the command line while the
// server runs; every change is one durable commit, and a running server notices within half a second. Filters choose
// recipients: what else waits in the same message is left alone. Reads rows, never content.

import type { EpochMs } from '../clock.ts';
import type { CommitRefusal, Database, Row, SqlValue } from '../storage/database.ts';
import type { RecipientState } from './message.ts';

/** All conditions must hold for one and the same recipient; an empty filter means every recipient that is not relayed. */
export type QueueFilter = Readonly<{
  ids?: readonly string[];
  /** The account's canonical name. */
  account?: string;
  state?: RecipientState;
  /** A forward-path, compared without case. */
  recipient?: string;
  /** Also messages that were relayed to every recipient and are only kept as a record. */
  finished?: boolean;
}>;

export type ListedRecipient = Readonly<{
  forwardPath: string;
  state: RecipientState;
  attempts: number;
  nextAttemptAt: EpochMs | null;
  upstream: string | null;
  lastReply: string | null;
}>;

export type ListedMessage = Readonly<{
  id: string;
  /** Name of the account, or null for mail that Postern wrote. */
  account: string | null;
  reversePath: string;
  size: number;
  queuedAt: EpochMs;
  held: boolean;
  /** Whether the octets are still there: false once relayed to every recipient. */
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
}>;

/** Recipients by state; held ones are counted as held, whatever their state. `bytes`: octets of content still kept. */
export type QueueStats = Readonly<
  Record<'queued' | 'in_flight' | 'deferred' | 'held' | 'relayed' | 'failed' | 'expired' | 'bytes', number>
>;

export type Removed = Readonly<{
  /** Messages of which nothing is left. */
  messages: number;
  recipients: number;
  /** Of these, recipients to whom it was just being sent: it may still arrive. */
  inFlight: number;
  /** Ids of spool files that nobody needs any more. */
  spooled: readonly string[];
}>;

export type QueueOperator = Readonly<{
  /** Oldest first. Wholly relayed messages only with `finished`, or asked for by state or id; the same for the others. */
  list: (filter: QueueFilter) => Promise<readonly ListedMessage[]>;
  attempts: (id: string) => Promise<readonly RecordedAttempt[]>;
  /** Makes waiting recipients due now and puts failed and expired ones back into the queue. Returns how many. */
  retry: (filter: QueueFilter, now: EpochMs) => Promise<number | CommitRefusal>;
  /** Deletes the recipients chosen, and the messages that have none left. Their spool files are the caller's to remove. */
  remove: (filter: QueueFilter, now: EpochMs) => Promise<Removed | CommitRefusal>;
  stats: () => Promise<QueueStats>;
}>;

export function createQueueOperator(database: Database): QueueOperator {
  const list = async (filter: QueueFilter): Promise<readonly ListedMessage[]> => {
    const { where, params } = chosenMessages(filter);
    const messages = await database.read(
      `SELECT message.*, account.name AS account_name FROM message LEFT JOIN account ON account.id = message.account_id
       WHERE ${where} ORDER BY queued_at, message.id`,
      params,
    );
    const recipients = await database.read(
      `SELECT recipient.*, upstream.name AS upstream_name FROM recipient
       JOIN message ON message.id = recipient.message_id LEFT JOIN account ON account.id = message.account_id
       LEFT JOIN upstream ON upstream.id = recipient.upstream_id WHERE ${where} ORDER BY message_id, ordinal`,
      params,
    );
    const byMessage = Map.groupBy(recipients, row => String(row['message_id']));
    return messages.map(row => parseMessage(row, byMessage.get(String(row['id'])) ?? []));
  };

  return {
    list,

    attempts: async id => {
      const rows = await database.read(
        `SELECT attempt.*, recipient.forward_path FROM attempt JOIN recipient
           ON recipient.message_id = attempt.message_id AND recipient.ordinal = attempt.ordinal
         WHERE attempt.message_id = ? ORDER BY started_at, attempt.ordinal, number`,
        [id],
      );
      return rows.map(parseAttempt);
    },

    retry: async (filter, now) => {
      const { where, params } = chosenRecipients(filter);
      const result = await database.commit([
        {
          sql: `UPDATE recipient SET state = CASE WHEN state = 'queued' THEN 'queued' ELSE 'deferred' END, next_attempt_at = ?,
              deferrals = CASE WHEN state IN ('failed', 'expired') THEN 0 ELSE deferrals END,
              age = CASE WHEN state IN ('failed', 'expired') THEN 0 ELSE age END, settled_at = NULL
            WHERE state IN ('queued', 'deferred', 'failed', 'expired') AND ${where} RETURNING message_id`,
          params: [now, ...params],
        },
        {
          // What is tried again is no longer held.
          sql: `UPDATE message SET held_at = NULL WHERE held_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM recipient
            WHERE message_id = message.id AND state = 'deferred' AND next_attempt_at IS NULL)`,
        },
      ]);
      return result.kind === 'committed' ? (result.effects[0]?.changes ?? 0) : result;
    },

    remove: async (filter, now) => {
      const { where, params } = chosenRecipients(filter);
      const result = await database.commit([
        { sql: `DELETE FROM recipient WHERE ${where} RETURNING state`, params },
        {
          sql: `DELETE FROM message WHERE NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id)
            RETURNING id, content`,
        },
        // A message of which only relayed recipients are left is finished: its content goes.
        {
          sql: `UPDATE message SET content = 'gone', retired_at = ? WHERE content <> 'gone' AND NOT EXISTS (
            SELECT 1 FROM recipient WHERE message_id = message.id AND state <> 'relayed') RETURNING id, content_hash`,
          params: [now],
        },
        { sql: `DELETE FROM body WHERE message_id IN (SELECT id FROM message WHERE content = 'gone')` },
      ]);
      if (result.kind !== 'committed') return result;
      const [recipients = [], messages = [], finished = []] = result.effects.map(effect => effect.rows);
      const spooled = messages.filter(row => row['content'] === 'spool');
      return {
        messages: messages.length,
        recipients: recipients.length,
        inFlight: recipients.filter(row => row['state'] === 'in_flight').length,
        spooled: [...spooled, ...finished].map(row => String(row['id'])),
      };
    },

    stats: async () => {
      const counts = await database.read(
        `SELECT CASE WHEN held_at IS NOT NULL THEN 'held' ELSE state END AS state, COUNT(*) AS number
         FROM recipient JOIN message ON message.id = recipient.message_id GROUP BY 1`,
      );
      const bytes = await database.read(
        `SELECT COALESCE(SUM(size), 0) AS bytes FROM message WHERE content <> 'gone'`,
      );
      const number = (state: string) => Number(counts.find(row => row['state'] === state)?.['number'] ?? 0);
      return {
        queued: number('queued'),
        in_flight: number('in_flight'),
        deferred: number('deferred'),
        held: number('held'),
        relayed: number('relayed'),
        failed: number('failed'),
        expired: number('expired'),
        bytes: Number(bytes[0]?.['bytes'] ?? 0),
      };
    },
  };
}

type Condition = Readonly<{ where: string; params: readonly SqlValue[] }>;

/** A condition on the table `recipient`. */
function chosenRecipients(filter: QueueFilter): Condition {
  const parts: string[] = [];
  const params: SqlValue[] = [];
  if (filter.ids) {
    parts.push(
      filter.ids.length > 0 ? `recipient.message_id IN (${filter.ids.map(() => '?').join(', ')})` : '1 = 0',
    );
    params.push(...filter.ids);
  }
  if (filter.account !== undefined) {
    parts.push(`recipient.message_id IN (SELECT message.id FROM message JOIN account ON account.id = message.account_id
      WHERE account.canonical_name = ?)`);
    params.push(filter.account);
  }
  if (filter.state !== undefined) {
    parts.push('recipient.state = ?');
    params.push(filter.state);
  }
  if (filter.recipient !== undefined) {
    parts.push('LOWER(recipient.forward_path) = LOWER(?)');
    params.push(filter.recipient);
  }
  if (!filter.ids && filter.state === undefined && !filter.finished)
    parts.push(`recipient.state <> 'relayed'`);
  return { where: parts.length > 0 ? parts.join(' AND ') : '1 = 1', params };
}

/** A condition on the table `message`: those with a recipient that is chosen. */
function chosenMessages(filter: QueueFilter): Condition {
  const { where, params } = chosenRecipients(filter);
  return { where: `message.id IN (SELECT recipient.message_id FROM recipient WHERE ${where})`, params };
}

function parseMessage(row: Row, recipients: readonly Row[]): ListedMessage {
  return {
    id: String(row['id']),
    account: text(row['account_name']),
    reversePath: String(row['reverse_path']),
    size: Number(row['size']),
    queuedAt: Number(row['queued_at']),
    held: row['held_at'] !== null,
    content: row['content'] === 'spool' ? 'spool' : row['content'] === 'body' ? 'body' : 'gone',
    recipients: recipients.map(one => ({
      forwardPath: String(one['forward_path']),
      state: parseState(one['state']),
      attempts: Number(one['attempts']),
      nextAttemptAt: number(one['next_attempt_at']),
      upstream: text(one['upstream_name']),
      lastReply: text(one['last_reply']),
    })),
  };
}

function parseAttempt(row: Row): RecordedAttempt {
  return {
    forwardPath: String(row['forward_path']),
    number: Number(row['number']),
    startedAt: Number(row['started_at']),
    duration: Number(row['duration']),
    upstream: text(row['upstream']),
    stage: text(row['stage']),
    outcome: String(row['outcome']),
    reply: text(row['reply']),
  };
}

const STATES: readonly RecipientState[] = ['queued', 'in_flight', 'deferred', 'relayed', 'failed', 'expired'];

function parseState(value: unknown): RecipientState {
  return STATES.find(state => state === value) ?? 'deferred';
}

function text(value: Row[string] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: Row[string] | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
