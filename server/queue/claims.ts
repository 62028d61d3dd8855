// Claims: what is due goes in flight under a lease, its attempt counted, before anything is dialled; in turns of the accounts
// (turns.ts), so that nobody's flood delays another's mail. All due recipients of a message that the upstream may take travel
// together. Each claim is one commit, and reads only what it takes, however much waits.

import type { EpochMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { CommitRefusal, Database, Row, Statement, StatementEffect } from '../storage/database.ts';
import type { FreshContent } from './fresh-content.ts';
import type { Line, Pair } from './line.ts';
import { type Claim, parseClaimedRecipient, parseQueuedMessage, type QueuedMessage } from './message.ts';
import { LATELY, NOBODY_SERVED, type Order, type Served, type Turn, takeTurns } from './turns.ts';
import { parseWaiting, selectPair, WAITS } from './waiting.ts';

export type ClaimRequest = Readonly<{
  upstreamId: string;
  /** The ways that lead to this upstream now. */
  ways: readonly string[];
  /** Only theirs; absent or null: everybody's. */
  accounts?: ReadonlySet<string> | null;
  /** At most this many messages. */
  limit: number;
  now: EpochMs;
  /** Rows due later than this were written by a wrong clock and are due now. */
  horizon: EpochMs;
  /** When to try again if this process dies during the attempt. */
  provisionalNextAttemptAt: EpochMs;
  leaseExpiresAt: EpochMs;
}>;

/** Due recipients by message, now in flight under a lease. */
export type TakeClaims = (request: ClaimRequest) => Promise<readonly Claim[] | CommitRefusal>;

/** Looked through for mail that was never tried: more have hardly come due a moment ago. */
const NEWEST_LOOKED_AT = 50;

const OLDEST = `SELECT message_id FROM recipient WHERE ${WAITS} AND way = ? AND account_id = ?
    AND next_attempt_at <= ? ORDER BY next_attempt_at, message_id LIMIT ?`;
const NEWEST = `SELECT message_id FROM (
    SELECT message_id, place FROM (
      SELECT message_id, 0 AS place FROM (
        SELECT message_id, state FROM recipient WHERE ${WAITS} AND way = ? AND account_id = ?
          AND next_attempt_at > ? AND next_attempt_at <= ? ORDER BY next_attempt_at DESC LIMIT ${NEWEST_LOOKED_AT}) AS latest
        WHERE state = 'queued' LIMIT ?) AS untried
    UNION ALL SELECT message_id, 1 AS place FROM (${OLDEST}) AS oldest) AS either
  ORDER BY place LIMIT ?`;
const MISDATED = `SELECT message_id FROM recipient WHERE ${WAITS} AND way = ? AND account_id = ?
    AND next_attempt_at > ? ORDER BY next_attempt_at, message_id LIMIT ?`;
const CHOICES: Readonly<Record<Order, string>> = { oldest: OLDEST, newest: NEWEST, misdated: MISDATED };

// Appending nothing keeps the way out of the choice of an index: the rows are found by their messages.
const claimSql = (
  order: Order,
  ways: number,
) => `UPDATE recipient SET state = 'in_flight', attempts = attempts + 1, lease = ?,
    lease_expires_at = ?, upstream_id = ?, phase = 'dialling', next_attempt_at = ?
  WHERE ${WAITS} AND (next_attempt_at <= ? OR next_attempt_at > ?)
    AND way || '' IN (${Array.from({ length: ways }, () => '?').join(', ')})
    AND message_id IN (${CHOICES[order]})
  RETURNING message_id, ordinal, forward_path, attempts, deferrals, age, way, notify, original_recipient,
    ambiguous_since, delay_reported_at`;

export function createClaims(
  deps: Readonly<{ database: Database; newId: NewId; line: Line; fresh: FreshContent }>,
): TakeClaims {
  const { database, newId, line, fresh } = deps;
  const servedBy = new Map<string, Served>();

  const loadMessages = async (ids: readonly string[]): Promise<ReadonlyMap<string, QueuedMessage>> => {
    if (ids.length === 0) return new Map();
    const marks = ids.map(() => '?').join(', ');
    const rows = await database.read(`SELECT * FROM message WHERE id IN (${marks})`, ids);
    return new Map(rows.map(row => [String(row['id']), parseQueuedMessage(row)]));
  };

  return async request => {
    const { upstreamId, ways, accounts = null, now, horizon } = request;
    const served = servedBy.get(upstreamId) ?? NOBODY_SERVED;
    const due = line.due(ways, now, horizon).filter(one => accounts?.has(one.account) ?? true);
    const dealt = takeTurns(due, served, request);
    if (dealt.turns.length === 0) return [];
    const lease = newId();
    const pairs = pairsOf(dealt.turns);
    const look = line.look();
    const result = await database.commit([
      ...dealt.turns.map(turn => claimStatement(turn, lease, request)),
      ...pairs.map(selectPair),
    ]);
    if (result.kind !== 'committed') {
      look.cancel();
      return result;
    }
    servedBy.set(upstreamId, accounts === null ? dealt.served : { ...served, last: dealt.served.last });
    const taken = result.effects.slice(0, dealt.turns.length);
    look.saw(pairs, rowsOf(result.effects.slice(dealt.turns.length)).flatMap(parseWaiting));
    const byMessage = Map.groupBy(taken.flatMap(oldestFirst), row => String(row['message_id']));
    const loaded = await loadMessages([...byMessage.keys()].filter(id => !fresh.has(id)));
    return [...byMessage].flatMap(([id, rows]) => {
      const remembered = fresh.take(id);
      const message = remembered?.message ?? loaded.get(id);
      if (!message) return []; // deleted by an operator between the two statements
      const recipients = rows.map(parseClaimedRecipient);
      return [{ lease, upstreamId, message, recipients, octets: remembered?.octets ?? null }];
    });
  };
}

/** Exported for the test that looks at how the database finds the rows. */
export function claimStatement(turn: Turn, lease: string, request: ClaimRequest): Statement {
  const { upstreamId, ways, now, horizon } = request;
  const set = [lease, request.leaseExpiresAt, upstreamId, request.provisionalNextAttemptAt];
  const { way, account, order, limit } = turn;
  const pair = [way, account];
  const choice = {
    oldest: [...pair, now, limit],
    newest: [...pair, now - LATELY, now, limit, ...pair, now, limit, limit],
    misdated: [...pair, horizon, limit],
  }[order];
  return { sql: claimSql(order, ways.length), params: [...set, now, horizon, ...ways, ...choice] };
}

function pairsOf(turns: readonly Turn[]): readonly Pair[] {
  return [...new Map(turns.map(turn => [JSON.stringify([turn.way, turn.account]), turn])).values()];
}

function rowsOf(effects: readonly StatementEffect[]): readonly Row[] {
  return effects.flatMap(effect => effect.rows);
}

/** Ids sort by the time at which messages were queued. */
function oldestFirst({ rows }: StatementEffect): readonly Row[] {
  return rows.toSorted((a, b) => compare(String(a['message_id']), String(b['message_id'])));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
