// Goes through all that waits, a page at a time, and changes what the visitor says: however much it is, no commit is long,
// and between two of them clients are served. Rows that are claimed, settled or queued meanwhile may or may not be seen.

import { setTimeout as sleep } from 'node:timers/promises';
import type { DurationMs, EpochMs } from '../clock.ts';
import type { Database, Row, SqlValue, Statement, StatementEffect } from '../storage/database.ts';
import type { Pair } from './line.ts';
import type { RoutedMessage } from './message.ts';
import { readPairs, WAITS } from './waiting.ts';

/** One recipient that waits, with what its route depends on. */
export type WaitingRow = Readonly<{
  id: string;
  ordinal: number;
  way: string;
  account: string;
  forwardPath: string;
  message: RoutedMessage;
  queuedAt: EpochMs;
  /** Null: it is held. */
  nextAttemptAt: EpochMs | null;
  deferrals: number;
  /** The upstream that was tried last. */
  upstreamId: string | null;
  ambiguousSince: EpochMs | null;
  /** The total of its route's outages (outages.ts) when it was routed. */
  outageMark: number;
}>;

export type Walk = Readonly<{
  /** The ways to go through. */
  ways: (way: string) => boolean;
  /** Whether to see held mail too. */
  held: boolean;
  /** What to change; all of a page is one commit. */
  visit: (page: readonly WaitingRow[]) => readonly Statement[];
  /** After the commit of a page; `effects` are those of its statements. */
  onCommitted?: (page: readonly WaitingRow[], effects: readonly StatementEffect[]) => void;
  /** Asked between pages: the process ends. */
  stopped?: () => boolean;
}>;

/** Rows in one commit: short enough that no client waits for it. */
const PAGE = 500;
/** Between two pages that change something. */
const PAUSE: DurationMs = 10;

const COLUMNS = `recipient.message_id, ordinal, way, recipient.account_id AS account, forward_path, next_attempt_at, deferrals,
    queued_at, upstream_id, ambiguous_since, outage_mark, message.account_id, reverse_path, size`;
const FROM = `FROM recipient JOIN message ON message.id = recipient.message_id
  WHERE ${WAITS} AND way = ? AND recipient.account_id = ?`;
const HELD = `SELECT ${COLUMNS} ${FROM} AND next_attempt_at IS NULL AND (recipient.message_id, ordinal) > (?, ?)
  ORDER BY recipient.message_id, ordinal LIMIT ${PAGE}`;
// What is held has no time and is after nothing; to say so would keep the index from beginning where the page does.
const DUE = `SELECT ${COLUMNS} ${FROM} AND (next_attempt_at, recipient.message_id, ordinal) > (?, ?, ?)
  ORDER BY next_attempt_at, recipient.message_id, ordinal LIMIT ${PAGE}`;
const HELD_PAGES: Pages = { sql: HELD, start: ['', -1], keyOf: row => [row.id, row.ordinal] };
const DUE_PAGES: Pages = {
  sql: DUE,
  start: [-1, '', -1],
  keyOf: row => [row.nextAttemptAt, row.id, row.ordinal],
};

/** False where a commit was refused or the walk was stopped: then it ends early, and is to be done again. */
export async function walkWaiting(database: Database, walk: Walk): Promise<boolean> {
  const pairs = (await readPairs(database)).filter(({ way }) => walk.ways(way));
  for (const pair of pairs) {
    if (walk.held && !(await walkPair(database, walk, pair, HELD_PAGES))) return false;
    if (!(await walkPair(database, walk, pair, DUE_PAGES))) return false;
  }
  return true;
}

type Pages = Readonly<{
  sql: string;
  start: readonly SqlValue[];
  keyOf: (row: WaitingRow) => readonly SqlValue[];
}>;

async function walkPair(
  database: Database,
  { visit, onCommitted, stopped }: Walk,
  { way, account }: Pair,
  { sql, start, keyOf }: Pages,
): Promise<boolean> {
  let after = start;
  for (;;) {
    const page = (await database.read(sql, [way, account, ...after])).map(parseWaitingRow);
    const last = page.at(-1);
    if (last === undefined) return true;
    const statements = visit(page);
    if (statements.length > 0) {
      const result = await database.commit(statements);
      if (result.kind !== 'committed') return false;
      onCommitted?.(page, result.effects);
      await sleep(PAUSE);
    }
    after = keyOf(last);
    if (stopped?.()) return false;
  }
}

function parseWaitingRow(row: Row): WaitingRow {
  const { next_attempt_at, upstream_id, ambiguous_since, account_id } = row;
  return {
    id: String(row['message_id']),
    ordinal: Number(row['ordinal']),
    way: String(row['way']),
    account: String(row['account']),
    forwardPath: String(row['forward_path']),
    message: {
      accountId: typeof account_id === 'string' ? account_id : null,
      reversePath: String(row['reverse_path']),
      size: Number(row['size']),
    },
    queuedAt: Number(row['queued_at']),
    nextAttemptAt: typeof next_attempt_at === 'number' ? next_attempt_at : null,
    deferrals: Number(row['deferrals']),
    upstreamId: typeof upstream_id === 'string' ? upstream_id : null,
    ambiguousSince: typeof ambiguous_since === 'number' ? ambiguous_since : null,
    outageMark: Number(row['outage_mark']),
  };
}
