// Who waits, as the database knows it: queries that jump from one way and account to the next in the index recipient_waiting,
// and so cost the same with a hundred thousand rows as with ten.

import type { Database, Row, Statement } from '../storage/database.ts';
import type { Pair, Waiting } from './line.ts';

/** The rows that wait; written as in the index, which serves only queries that say it in these words. */
export const WAITS = `state IN ('queued', 'deferred')`;

const FIRST_AND_LAST = (way: string, account: string) => `
  (SELECT next_attempt_at FROM recipient WHERE ${WAITS} AND way = ${way} AND account_id = ${account}
    AND next_attempt_at >= 0 ORDER BY next_attempt_at LIMIT 1) AS earliest,
  (SELECT next_attempt_at FROM recipient WHERE ${WAITS} AND way = ${way} AND account_id = ${account}
    AND next_attempt_at >= 0 ORDER BY next_attempt_at DESC LIMIT 1) AS latest`;

const PAIRS = `WITH RECURSIVE
  waiting_way (way) AS (
    SELECT (SELECT MIN(way) FROM recipient WHERE ${WAITS})
    UNION ALL
    SELECT (SELECT MIN(way) FROM recipient WHERE ${WAITS} AND way > waiting_way.way)
      FROM waiting_way WHERE waiting_way.way IS NOT NULL),
  pair (way, account) AS (
    SELECT way, (SELECT MIN(account_id) FROM recipient WHERE ${WAITS} AND way = waiting_way.way)
      FROM waiting_way WHERE way IS NOT NULL
    UNION ALL
    SELECT way, (SELECT MIN(account_id) FROM recipient WHERE ${WAITS} AND way = pair.way AND account_id > pair.account)
      FROM pair WHERE account IS NOT NULL)`;

export const SELECT_ALL = `${PAIRS}
  SELECT way, account, ${FIRST_AND_LAST('pair.way', 'pair.account')} FROM pair WHERE account IS NOT NULL`;

const SELECT_PAIR = `SELECT way, account, ${FIRST_AND_LAST('asked.way', 'asked.account')}
  FROM (SELECT ? AS way, ? AS account) AS asked`;

/** Every pair that waits; held mail, which has no time, is nothing to it. */
export async function readWaiting(database: Database): Promise<readonly Waiting[]> {
  return (await database.read(SELECT_ALL)).flatMap(parseWaiting);
}

/** Every pair that has mail waiting or held. */
export async function readPairs(database: Database): Promise<readonly Pair[]> {
  const rows = await database.read(`${PAIRS} SELECT way, account FROM pair WHERE account IS NOT NULL`);
  return rows.map(row => ({ way: String(row['way']), account: String(row['account']) }));
}

/** Returns what still waits of a pair; for the end of a commit that took some of it. */
export function selectPair({ way, account }: Pair): Statement {
  return { sql: SELECT_PAIR, params: [way, account] };
}

export function parseWaiting(row: Row): readonly Waiting[] {
  const { way, account, earliest, latest } = row;
  if (typeof earliest !== 'number' || typeof latest !== 'number') return [];
  return [{ way: String(way), account: String(account), earliest, latest }];
}
