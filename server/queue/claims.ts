// Claims: what is due goes in flight under a lease, its attempt counted, before anything is dialled; in turns of the accounts
// (turns.ts), so that nobody's flood delays another's mail. All recipients of a message that the upstream may take and that
// are due, or nearly, travel together, or as many as it takes at a time. Each claim is one commit, and reads only what it
// takes, however much waits. What it has taken it hands out, or gives back.

import type { EpochMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type {
  CommitRefusal,
  CommitResult,
  Database,
  Row,
  Statement,
  StatementEffect,
} from '../storage/database.ts';
import type { FreshContent } from './fresh-content.ts';
import type { Leases } from './leases.ts';
import type { Line, Pair } from './line.ts';
import { type Claim, parseClaimedRecipient, parseQueuedMessage, type QueuedMessage } from './message.ts';
import { NOBODY_SERVED, type Order, type Served, type Turn, takeTurns } from './turns.ts';
import type { Untried } from './untried.ts';
import { parseWaiting, selectPair, WAITS } from './waiting.ts';

export type ClaimRequest = Readonly<{
  upstreamId: string;
  /** The ways that lead to this upstream now. */
  ways: readonly string[];
  /** Only theirs; absent or null: everybody's. */
  accounts?: ReadonlySet<string> | null;
  /** At most this many messages. */
  limit: number;
  /** At most so many recipients of each; absent or null: all that are due. */
  recipients?: number | null;
  now: EpochMs;
  /** Rows due later than this were written by a wrong clock and are due now. */
  horizon: EpochMs;
  /** Until when a recipient is due if another of its message is, by its deferrals (schedule.ts); absent: until now. */
  together?: readonly EpochMs[];
  /** When to try again if this process dies during the attempt. */
  provisionalNextAttemptAt: EpochMs;
  leaseExpiresAt: EpochMs;
}>;

/** Due recipients by message, now in flight under a lease. */
export type TakeClaims = (request: ClaimRequest) => Promise<readonly Claim[] | CommitRefusal>;

const OLDEST = `SELECT message_id FROM recipient WHERE ${WAITS} AND way = ? AND account_id = ?
    AND next_attempt_at <= ? ORDER BY next_attempt_at, message_id LIMIT ?`;
const MISDATED = `SELECT message_id FROM recipient WHERE ${WAITS} AND way = ? AND account_id = ?
    AND next_attempt_at > ? ORDER BY next_attempt_at, message_id LIMIT ?`;
const CHOICES: Readonly<Record<Order, (ids: number) => string>> = {
  oldest: () => OLDEST,
  newest: marks,
  misdated: () => MISDATED,
};

// What may have been delivered waits for its time.
const dueSql = (together: number) => `(next_attempt_at <= ? OR next_attempt_at > ? OR (way NOT LIKE '=%'
    AND next_attempt_at <= CASE deferrals ${'WHEN ? THEN ? '.repeat(together)} ELSE ? END))`;
// Appending nothing keeps the way out of the choice of an index: the rows are found by their messages.
const chosenSql = (choice: string, { ways, together }: Readonly<{ ways: number; together: number }>) =>
  `${WAITS} AND ${dueSql(together)} AND way || '' IN (${marks(ways)}) AND message_id IN (${choice})`;
// Of a message of which this claim has taken some already it takes no more.
const firstOfEachSql = (chosen: string) => `(message_id, ordinal) IN (
    SELECT message_id, ordinal FROM (
      SELECT message_id, ordinal, ROW_NUMBER() OVER (PARTITION BY message_id ORDER BY ordinal) AS place
      FROM recipient WHERE ${chosen}
        AND message_id NOT IN (SELECT message_id FROM recipient WHERE state = 'in_flight' AND lease = ?)) AS placed
    WHERE place <= ?)`;
const claimSql = (
  chosen: string,
) => `UPDATE recipient SET state = 'in_flight', attempts = attempts + 1, lease = ?,
    lease_expires_at = ?, upstream_id = ?, phase = 'dialling', next_attempt_at = ?
  WHERE ${chosen}
  RETURNING message_id, ordinal, forward_path, attempts, deferrals, age, way, notify, original_recipient,
    ambiguous_since, delay_reported_at`;

type Deps = Readonly<{
  database: Database;
  newId: NewId;
  line: Line;
  untried: Untried;
  fresh: FreshContent;
  leases: Leases;
}>;

export function createClaims(deps: Deps): TakeClaims {
  const { database, newId, line, untried, fresh, leases } = deps;
  const servedBy = new Map<string, Served>();

  const loadMessages = async (ids: readonly string[]): Promise<ReadonlyMap<string, QueuedMessage>> => {
    if (ids.length === 0) return new Map();
    const rows = await database.read(`SELECT * FROM message WHERE id IN (${marks(ids.length)})`, ids);
    return new Map(rows.map(row => [String(row['id']), parseQueuedMessage(row)]));
  };

  /** The claimed rows by message; or why there are none. */
  const take = async (lease: string, turns: readonly Turn[], request: ClaimRequest) => {
    const pairs = pairsOf(turns);
    const newest = turns.map(turn =>
      turn.order === 'newest' ? untried.newest(turn, turn.limit, request.now) : [],
    );
    const look = line.look();
    leases.begin(lease);
    let result: CommitResult | null = null;
    try {
      result = await database.commit(
        [
          ...turns.map((turn, i) => claimStatement(turn, newest[i] ?? [], lease, request)),
          ...pairs.map(selectPair),
        ],
        { patient: true },
      );
    } finally {
      if (result?.kind !== 'committed') {
        look.cancel();
        leases.claimed(lease, []);
      }
    }
    if (result.kind !== 'committed') return result;
    look.saw(pairs, rowsOf(result.effects.slice(turns.length)).flatMap(parseWaiting));
    const taken = result.effects.slice(0, turns.length);
    turns.forEach((turn, i) => {
      for (const id of newest[i] ?? []) untried.drop(turn, id);
      for (const { way, message_id } of taken[i]?.rows ?? [])
        untried.drop({ way: String(way), account: turn.account }, String(message_id));
    });
    const byMessage = Map.groupBy(taken.flatMap(oldestFirst), row => String(row['message_id']));
    leases.claimed(lease, [...byMessage.keys()]);
    return byMessage;
  };

  /** What cannot be read now is given back: it was not tried. */
  const giveBack = async (lease: string, ids: Iterable<string>): Promise<void> => {
    for (const id of ids) {
      const refusal = await leases.release({ lease, id }).catch(() => 'broken');
      if (refusal !== null) leases.abandon({ lease, id });
    }
  };

  return async request => {
    const { upstreamId, ways, accounts = null, now, horizon } = request;
    const served = servedBy.get(upstreamId) ?? NOBODY_SERVED;
    const due = line.due(ways, now, horizon).filter(one => accounts?.has(one.account) ?? true);
    const howMany = (pair: Pair, most: number) => untried.newest(pair, most, now).length;
    const dealt = takeTurns(due, served, { ...request, untried: howMany });
    if (dealt.turns.length === 0) return [];
    const lease = newId();
    const byMessage = await take(lease, dealt.turns, request);
    if ('kind' in byMessage) return byMessage;
    // Of those who were not asked the turns go on from where they were.
    const turns = accounts === null ? dealt.served.turns : new Map([...served.turns, ...dealt.served.turns]);
    servedBy.set(upstreamId, { last: dealt.served.last, turns });
    // Taken before anything else can happen: of two claims at the same time each has its own, or reads it.
    const remembered = new Map([...byMessage.keys()].map(id => [id, fresh.take(id)]));
    const unknown = [...remembered].filter(([, known]) => known === null).map(([id]) => id);
    const loaded = await loadMessages(unknown).catch(async (error: unknown) => {
      await giveBack(lease, byMessage.keys());
      throw error;
    });
    return [...byMessage].flatMap(([id, rows]) => {
      const known = remembered.get(id);
      const message = known?.message ?? loaded.get(id);
      if (!message) {
        leases.end({ lease, id }); // deleted by an operator between the two statements
        return [];
      }
      const recipients = rows.map(parseClaimedRecipient);
      return [{ lease, upstreamId, message, recipients, octets: known?.octets ?? null }];
    });
  };
}

/** `ids`: of the newest. Exported for the test that looks at how the database finds the rows. */
export function claimStatement(
  turn: Turn,
  ids: readonly string[],
  lease: string,
  request: ClaimRequest,
): Statement {
  const { upstreamId, ways, now, horizon, together = [now], recipients = null } = request;
  const set = [lease, request.leaseExpiresAt, upstreamId, request.provisionalNextAttemptAt];
  const { way, account, order, limit } = turn;
  const choice = {
    oldest: [way, account, now, limit],
    newest: ids,
    misdated: [way, account, horizon, limit],
  }[order];
  const soon = [...together.flatMap((until, deferrals) => [deferrals, until]), together.at(-1) ?? now];
  const params = [...set, now, horizon, ...soon, ...ways, ...choice];
  const many = { ways: ways.length, together: together.length };
  const chosen = chosenSql(CHOICES[order](ids.length), many);
  return recipients === null
    ? { sql: claimSql(chosen), params }
    : { sql: claimSql(firstOfEachSql(chosen)), params: [...params, lease, recipients] };
}

function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ');
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
