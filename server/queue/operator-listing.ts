// The queue as an operator sees it: messages with their recipients, the attempts of one, the reports about it, counts. Reads
// rows, never content; long lists are read in pages, so that neither the server nor the reader has to hold them whole.

import type { Database, SqlValue } from '../storage/database.ts';
import {
  type ListedMessage,
  type ListedReport,
  parseAttempt,
  parseMessage,
  parseReport,
  type RecordedAttempt,
} from './listed-message.ts';
import { chosenMessages, type QueueFilter } from './operator-filter.ts';

/** Recipients by state; those that would wait but are held are counted as held. `bytes`: octets of mail that is not finished. */
export type QueueStats = Readonly<
  Record<'queued' | 'in_flight' | 'deferred' | 'held' | 'relayed' | 'failed' | 'expired' | 'bytes', number>
>;

export type Page = Readonly<{
  limit?: number;
  /** Only what comes after the message with this id, in the order of the list. */
  after?: string;
  newestFirst?: boolean;
}>;

export type QueueListing = Readonly<{
  /**
   * In the order of their ids, which is that of their making: oldest first unless told otherwise. Wholly relayed messages
   * only with `finished`, or asked for by state or id.
   */
  list: (filter: QueueFilter, page?: Page) => Promise<readonly ListedMessage[]>;
  /** How many messages `list` would give. */
  count: (filter: QueueFilter) => Promise<number>;
  attempts: (id: string) => Promise<readonly RecordedAttempt[]>;
  /** The reports that Postern made about a message. */
  reports: (id: string) => Promise<readonly ListedReport[]>;
  stats: () => Promise<QueueStats>;
}>;

/** Messages read at once. */
const STEP = 500;

export function createQueueListing(database: Pick<Database, 'read'>): QueueListing {
  /** One page: at most STEP messages. */
  const readPage = async (filter: QueueFilter, page: Page): Promise<readonly ListedMessage[]> => {
    const { where, params } = chosenMessages(filter);
    const [sign, order] = page.newestFirst ? ['<', 'DESC'] : ['>', 'ASC'];
    const after = page.after === undefined ? '' : `message.id ${sign} ? AND`;
    const messages = await database.read(
      `SELECT message.*, account.name AS account_name FROM message LEFT JOIN account ON account.id = message.account_id
       WHERE ${after} ${where} ORDER BY message.id ${order} LIMIT ?`,
      [...(page.after === undefined ? [] : [page.after]), ...params, Math.min(page.limit ?? STEP, STEP)],
    );
    const ids: SqlValue[] = messages.map(row => String(row['id']));
    const recipients = await database.read(
      `SELECT recipient.*, upstream.name AS upstream_name FROM recipient
       LEFT JOIN upstream ON upstream.id = recipient.upstream_id
       WHERE message_id IN (${ids.map(() => '?').join(', ')}) ORDER BY message_id, ordinal`,
      ids,
    );
    const byMessage = Map.groupBy(recipients, row => String(row['message_id']));
    return messages.map(row => parseMessage(row, byMessage.get(String(row['id'])) ?? []));
  };

  return {
    list: async (filter, page = {}) => {
      const listed: ListedMessage[] = [];
      let after = page.after;
      for (;;) {
        const limit = (page.limit ?? Number.POSITIVE_INFINITY) - listed.length;
        if (limit <= 0) return listed;
        const step = Math.min(limit, STEP);
        const more = await readPage(filter, {
          ...page,
          limit: step,
          ...(after === undefined ? {} : { after }),
        });
        listed.push(...more);
        after = more.at(-1)?.id;
        if (more.length < step) return listed;
      }
    },

    count: async filter => {
      const { where, params } = chosenMessages(filter);
      const [row] = await database.read(`SELECT COUNT(*) AS messages FROM message WHERE ${where}`, params);
      return Number(row?.['messages'] ?? 0);
    },

    attempts: async id => {
      const rows = await database.read(
        `SELECT attempt.*, recipient.forward_path FROM attempt JOIN recipient
           ON recipient.message_id = attempt.message_id AND recipient.ordinal = attempt.ordinal
         WHERE attempt.message_id = ? ORDER BY started_at, attempt.ordinal, number`,
        [id],
      );
      return rows.map(parseAttempt);
    },

    reports: async id => {
      const rows = await database.read(
        `SELECT message.id, report_kind, queued_at, forward_path, state FROM message
         JOIN recipient ON recipient.message_id = message.id WHERE about_id = ? ORDER BY message.id, ordinal`,
        [id],
      );
      return rows.map(parseReport);
    },

    stats: async () => {
      const counts = await database.read(
        `SELECT CASE WHEN held_at IS NOT NULL AND next_attempt_at IS NULL AND state IN ('queued', 'deferred')
           THEN 'held' ELSE state END AS state, COUNT(*) AS number FROM recipient JOIN message ON message.id = recipient.message_id GROUP BY 1`,
      );
      const [bytes] = await database.read(
        `SELECT COALESCE(SUM(size), 0) AS bytes FROM message WHERE content <> 'gone' AND retired_at IS NULL`,
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
        bytes: Number(bytes?.['bytes'] ?? 0),
      };
    },
  };
}
