// The operator's hand in the queue: hold, release, retry, bounce, delete. What is chosen is chosen at the start; then it is
// done in steps, each a durable commit of its own, because a long one would keep devices from submitting. What is in flight
// is never taken from the attempt that has it in hand: that one ends as it does, and is settled by its lease.

import type { EpochMs } from '../clock.ts';
import type { CommitRefusal, Database, Row, Statement } from '../storage/database.ts';
import type { QueueAudit } from './operator-audit.ts';
import { chosenMessages, chosenRecipients, type QueueFilter } from './operator-filter.ts';
import {
  bounceStatements,
  type Chosen,
  deleteStatements,
  GIVEN_UP,
  HAS_CONTENT,
  holdStatements,
  releaseStatements,
  retryStatements,
  UNSETTLED,
  WAITING,
} from './operator-statements.ts';
import type { Spool } from './spool.ts';

/** What an action came to. */
export type Acted = Readonly<{
  kind: 'acted';
  /** Messages that it changed. */
  messages: number;
  recipients: number;
  /** Recipients chosen that are just being sent: what becomes of them is open. */
  inFlight: number;
  /** Recipients chosen to be retried that were given up and whose content is no longer there. */
  contentGone: number;
  /** Recipients given up about whom a report will be made. */
  reported: number;
}>;

/** A step was refused, and no further one was made; `recipients` were done before. */
export type ActionRefused = Readonly<{ kind: 'refused'; refusal: CommitRefusal; recipients: number }>;

type Result = Promise<Acted | ActionRefused>;

export type QueueActions = Readonly<{
  /** Whole messages with a chosen recipient that is not settled: nothing of them is tried until they are released. */
  hold: (filter: QueueFilter, now: EpochMs) => Result;
  /** Whole messages, whoever held them; what waits is due now, and routed anew. */
  release: (filter: QueueFilter, now: EpochMs) => Result;
  /** Makes waiting recipients due now, held ones too, and puts failed and expired ones back into the queue. */
  retry: (filter: QueueFilter, now: EpochMs) => Result;
  /** Gives waiting recipients up; `silent`: nobody is told. */
  bounce: (filter: QueueFilter, options: Readonly<{ silent: boolean }>, now: EpochMs) => Result;
  /** Deletes the recipients chosen, in flight or not, and the messages that have none left, with their files. */
  remove: (filter: QueueFilter, now: EpochMs) => Result;
}>;

type Deps = Readonly<{
  database: Database;
  spool: Pick<Spool, 'remove'>;
  audit: QueueAudit;
  /** Whether the content of relayed messages is kept. */
  keepContent: boolean;
}>;

type Counts = Omit<Acted, 'kind'>;

/** One commit: its statements, and what their rows say. Null: there is nothing to be done. */
type Step = (chosen: Chosen) => Promise<
  Readonly<{
    counts: Partial<Counts>;
    statements: readonly Statement[] | null;
    effect?: (rows: readonly (readonly Row[])[]) => Partial<Counts> | Promise<Partial<Counts>>;
  }>
>;

/** Messages of one commit. */
const STEP = 500;
const IN_FLIGHT = `recipient.state = 'in_flight'`;
const NOTHING: Counts = { messages: 0, recipients: 0, inFlight: 0, contentGone: 0, reported: 0 };

export function createQueueActions({ database, spool, audit, keepContent }: Deps): QueueActions {
  const count = async (filter: QueueFilter, more: string): Promise<number> => {
    const { where, params } = chosenRecipients(filter);
    const [row] = await database.read(
      `SELECT COUNT(*) AS n FROM recipient WHERE ${where} AND ${more}`,
      params,
    );
    return Number(row?.['n'] ?? 0);
  };

  /** The rows are gone for good; only then do the files go. What a crash leaves is swept at the next start. */
  const removeFiles = async (gone: readonly Row[]): Promise<void> => {
    for (const row of gone) if (row['content'] !== 'body') await spool.remove(String(row['id']));
  };

  const act = async (action: Parameters<QueueAudit>[0], filter: QueueFilter, step: Step): Result => {
    const { where, params } = chosenMessages(filter);
    const rows = await database.read(`SELECT id FROM message WHERE ${where} ORDER BY id`, params);
    const ids = rows.map(row => String(row['id']));
    let sum = NOTHING;
    let record: readonly Statement[] = [audit(action, filter)];
    for (let at = 0; at < ids.length; at += STEP) {
      const { counts, statements, effect } = await step({ ...filter, among: ids.slice(at, at + STEP) });
      sum = added(sum, counts);
      if (statements === null) continue;
      const result = await database.commit([...statements, ...record]);
      if (result.kind !== 'committed')
        return { kind: 'refused', refusal: result, recipients: sum.recipients };
      record = [];
      sum = added(sum, (await effect?.(result.effects.map(one => one.rows))) ?? {});
    }
    return { kind: 'acted', ...sum };
  };

  return {
    hold: (filter, now) =>
      act('queue.held', filter, async chosen => {
        const whole: Chosen = { among: await idsWith(database, chosen, UNSETTLED) };
        const free = 'EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND held_at IS NULL)';
        const unheld = await count(whole, `${free} AND ${UNSETTLED}`);
        return {
          counts: { inFlight: await count(whole, `${free} AND ${IN_FLIGHT}`) },
          statements: unheld === 0 ? null : holdStatements(whole, now),
          effect: ([held = [], waiting = []]) => {
            const ids = new Set(held.map(row => row['id']));
            const recipients = waiting.filter(row => ids.has(row['message_id'] ?? null)).length;
            return { messages: held.length, recipients };
          },
        };
      }),

    release: (filter, now) =>
      act('queue.released', { ...filter, held: true, finished: true }, async chosen => ({
        counts: {},
        statements: releaseStatements(chosen, now),
        effect: ([waiting = [], messages = []]) => ({
          messages: messages.length,
          recipients: waiting.length,
        }),
      })),

    retry: (filter, now) =>
      act('queue.retried', filter, async chosen => {
        const may = await count(chosen, `(${WAITING} OR (${GIVEN_UP} AND ${HAS_CONTENT}))`);
        return {
          counts: {
            inFlight: await count(chosen, IN_FLIGHT),
            contentGone: await count(chosen, `${GIVEN_UP} AND NOT ${HAS_CONTENT}`),
          },
          statements: may === 0 ? null : retryStatements(chosen, now),
          effect: ([retried = []]) => changed(retried),
        };
      }),

    bounce: (filter, options, now) =>
      act(options.silent ? 'queue.bounced-silently' : 'queue.bounced', filter, async chosen => ({
        counts: { inFlight: await count(chosen, IN_FLIGHT) },
        statements: (await count(chosen, WAITING)) === 0 ? null : bounceStatements(chosen, options, now),
        effect: async ([, bounced = [], reports = []]) => {
          await removeFiles(reports);
          return { ...changed(bounced), reported: bounced.filter(row => row['report'] !== null).length };
        },
      })),

    remove: (filter, now) =>
      act('queue.deleted', filter, async chosen => ({
        counts: {},
        statements: deleteStatements(chosen, now, { keepContent }),
        effect: async ([recipients = [], messages = [], reports = [], , finished = []]) => {
          await removeFiles([...messages, ...reports, ...finished]);
          const inFlight = recipients.filter(row => row['state'] === 'in_flight').length;
          return { messages: messages.length, recipients: recipients.length, inFlight };
        },
      })),
  };
}

async function idsWith(database: Database, filter: QueueFilter, more: string): Promise<readonly string[]> {
  const { where, params } = chosenMessages(filter, more);
  const rows = await database.read(`SELECT id FROM message WHERE ${where}`, params);
  return rows.map(row => String(row['id']));
}

function changed(rows: readonly Row[]): Pick<Counts, 'messages' | 'recipients'> {
  return { messages: new Set(rows.map(row => row['message_id'])).size, recipients: rows.length };
}

function added(sum: Counts, more: Partial<Counts>): Counts {
  return {
    messages: sum.messages + (more.messages ?? 0),
    recipients: sum.recipients + (more.recipients ?? 0),
    inFlight: sum.inFlight + (more.inFlight ?? 0),
    contentGone: sum.contentGone + (more.contentGone ?? 0),
    reported: sum.reported + (more.reported ?? 0),
  };
}
