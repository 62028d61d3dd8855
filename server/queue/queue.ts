// The durable queue: the row that takes responsibility (enqueue), the claim before dialling, the settlement after.
// A group that `enqueue` reports as queued is synced. Claims are fenced by their lease: a row that an operator deleted
// meanwhile is not written again. It decides nothing about time or outcomes (schedule, settlement do).

import type { EpochMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { CommitRefusal, Database, Row, SqlValue, Statement } from '../storage/database.ts';
import { createFreshContent } from './fresh-content.ts';
import {
  type Claim,
  type NewMessage,
  parseClaimedRecipient,
  parseQueuedMessage,
  type QueuedMessage,
} from './message.ts';
import type { Settlement } from './settlement.ts';
import { insertion, retirement, settleStatements } from './statements.ts';

export type Enqueued = Readonly<{ kind: 'queued' }> | CommitRefusal;

/** What happened to one claimed recipient, to be written. */
export type RecipientSettlement = Readonly<{
  ordinal: number;
  attempt: number;
  startedAt: EpochMs;
  /** Milliseconds. */
  duration: number;
  upstream: string;
  stage: string | null;
  settlement: Settlement;
}>;

export type ClaimRequest = Readonly<{
  upstreamId: string;
  /** At most this many recipients. */
  limit: number;
  now: EpochMs;
  /** Rows due later than this were written by a wrong clock and are due now. */
  horizon: EpochMs;
  /** When to try again if this process dies during the attempt. */
  provisionalNextAttemptAt: EpochMs;
  leaseExpiresAt: EpochMs;
}>;

export type Queue = Readonly<{
  /** `further`: statements of the same commit, before the message's own; a requirement of theirs can refuse it. */
  enqueue: (message: NewMessage, queuedAt: EpochMs, further?: readonly Statement[]) => Promise<Enqueued>;
  /** Due recipients, now in flight under a lease and with the attempt counted. */
  claim: (request: ClaimRequest) => Promise<readonly Claim[] | CommitRefusal>;
  /** Gives back what was claimed but never tried: not an attempt. */
  release: (claim: Claim) => Promise<CommitRefusal | null>;
  /** Writes the end of an attempt in one transaction; `retired` when the content is gone with it. */
  settle: (
    claim: Claim,
    settlements: readonly RecipientSettlement[],
    now: EpochMs,
  ) => Promise<Readonly<{ retired: boolean }> | CommitRefusal>;
  /** Marks a message as held: it is not tried until an operator says so. */
  hold: (claim: Claim, text: string, now: EpochMs) => Promise<CommitRefusal | null>;
  /** Renews the lease while octets move. */
  renew: (claim: Claim, phase: string, leaseExpiresAt: EpochMs) => Promise<void>;
  /** The octets of the body table, or null. */
  body: (id: string) => Promise<Uint8Array | null>;
  /** When the next recipient is due, or null when none waits. */
  nextDue: () => Promise<EpochMs | null>;
  /** Adds usable time to what has been tried at this upstream and still waits. */
  addAge: (upstreamId: string, milliseconds: number) => Promise<void>;
  /** At start: what was in flight when the last process ended waits again, marked as ambiguous. Returns how many. */
  recover: (now: EpochMs) => Promise<number>;
  /** Ids of messages whose octets are spool files. */
  spooledIds: () => Promise<ReadonlySet<string>>;
}>;

const CLAIM = `UPDATE recipient SET state = 'in_flight', attempts = attempts + 1, lease = ?, lease_expires_at = ?,
    upstream_id = ?, phase = 'dialling', next_attempt_at = ?
  WHERE state IN ('queued', 'deferred') AND (next_attempt_at <= ? OR next_attempt_at > ?) AND message_id IN (
    SELECT message_id FROM recipient WHERE state IN ('queued', 'deferred')
      AND (next_attempt_at <= ? OR next_attempt_at > ?) ORDER BY next_attempt_at, message_id LIMIT ?)
  RETURNING message_id, ordinal, forward_path, attempts, deferrals, age`;
const RELEASE = `UPDATE recipient SET state = CASE WHEN attempts > 1 THEN 'deferred' ELSE 'queued' END,
    attempts = attempts - 1, next_attempt_at = ?, lease = NULL, lease_expires_at = NULL, phase = NULL
  WHERE message_id = ? AND lease = ?`;

export function createQueue({ database, newId }: Readonly<{ database: Database; newId: NewId }>): Queue {
  const fresh = createFreshContent();

  const loadMessages = async (ids: readonly string[]): Promise<ReadonlyMap<string, QueuedMessage>> => {
    const marks = ids.map(() => '?').join(', ');
    const rows = await database.read(`SELECT * FROM message WHERE id IN (${marks})`, ids);
    return new Map(rows.map(row => [String(row['id']), parseQueuedMessage(row)]));
  };

  const commitOrRefusal = async (statements: readonly Statement[]): Promise<CommitRefusal | null> => {
    const result = await database.commit(statements);
    return result.kind === 'committed' ? null : result;
  };

  return {
    enqueue: async (message, queuedAt, further = []) => {
      // Here Postern takes responsibility: if we die before this commit the client gets no 250 and tries again;
      // after it the message is ours, and a client that missed the 250 may send a duplicate.
      const result = await database.commit([...further, ...insertion(message, queuedAt)]);
      if (result.kind !== 'committed') return result;
      if (message.content.kind === 'octets') fresh.remember(message, message.content.octets, queuedAt);
      return { kind: 'queued' };
    },

    claim: async request => {
      const lease = newId();
      const { now, horizon } = request;
      const params: SqlValue[] = [
        lease,
        request.leaseExpiresAt,
        request.upstreamId,
        request.provisionalNextAttemptAt,
        now,
        horizon,
        now,
        horizon,
        request.limit,
      ];
      const result = await database.commit([{ sql: CLAIM, params }]);
      if (result.kind !== 'committed') return result;
      const byMessage = groupByMessage(result.effects[0]?.rows ?? []);
      const unknown = [...byMessage.keys()].filter(id => !fresh.has(id));
      const loaded = unknown.length > 0 ? await loadMessages(unknown) : new Map<string, QueuedMessage>();
      return [...byMessage].flatMap(([id, rows]) => {
        const remembered = fresh.take(id);
        const message = remembered?.message ?? loaded.get(id);
        if (!message) return []; // deleted by an operator between the two statements
        return [
          {
            lease,
            upstreamId: request.upstreamId,
            message,
            recipients: rows.map(parseClaimedRecipient),
            octets: remembered?.octets ?? null,
          },
        ];
      });
    },

    release: claim =>
      commitOrRefusal([{ sql: RELEASE, params: [claim.message.queuedAt, claim.message.id, claim.lease] }]),

    settle: async (claim, settlements, now) => {
      // Here responsibility ends for a relayed recipient: if we die before this commit the attempt is ambiguous and is
      // repeated (better twice than lost); after it the row says what happened.
      const id = claim.message.id;
      const statements = settlements.flatMap(one => settleStatements(claim, one, now));
      const mayRetire = settlements.some(one => one.settlement.state === 'relayed');
      const result = await database.commit(mayRetire ? [...statements, ...retirement(id, now)] : statements);
      if (result.kind !== 'committed') return result;
      return { retired: mayRetire && result.effects.at(-2)?.changes === 1 };
    },

    hold: (claim, text, now) =>
      commitOrRefusal([
        { sql: 'UPDATE message SET held_at = ? WHERE id = ?', params: [now, claim.message.id] },
        {
          sql: `UPDATE recipient SET state = 'deferred', next_attempt_at = NULL, last_reply = ?, lease = NULL,
            lease_expires_at = NULL, phase = NULL WHERE message_id = ? AND state IN ('queued', 'deferred', 'in_flight')`,
          params: [text, claim.message.id],
        },
      ]),

    renew: async (claim, phase, leaseExpiresAt) => {
      await database.commit([
        {
          sql: 'UPDATE recipient SET phase = ?, lease_expires_at = ? WHERE message_id = ? AND lease = ?',
          params: [phase, leaseExpiresAt, claim.message.id, claim.lease],
        },
      ]);
    },

    body: async id => {
      const rows = await database.read('SELECT octets FROM body WHERE message_id = ?', [id]);
      const octets = rows[0]?.['octets'];
      return octets instanceof Uint8Array ? octets : null;
    },

    nextDue: async () => {
      const rows = await database.read(
        `SELECT MIN(next_attempt_at) AS due FROM recipient WHERE state IN ('queued', 'deferred')`,
      );
      const due = rows[0]?.['due'];
      return typeof due === 'number' ? due : null;
    },

    addAge: async (upstreamId, milliseconds) => {
      await database.commit([
        {
          sql: `UPDATE recipient SET age = age + ? WHERE state = 'deferred' AND deferrals > 0 AND upstream_id = ?`,
          params: [Math.round(milliseconds), upstreamId],
        },
      ]);
    },

    recover: async now => {
      const result = await database.commit([
        {
          sql: `UPDATE recipient SET state = 'deferred', ambiguous_since = COALESCE(ambiguous_since, ?), next_attempt_at = ?,
            last_reply = 'Postern ended during this attempt; it may have been delivered', lease = NULL,
            lease_expires_at = NULL, phase = NULL WHERE state = 'in_flight'`,
          params: [now, now],
        },
      ]);
      if (result.kind !== 'committed') throw new Error(`The queue could not be recovered: ${result.kind}`);
      return result.effects[0]?.changes ?? 0;
    },

    spooledIds: async () => {
      const rows = await database.read(`SELECT id FROM message WHERE content = 'spool'`);
      return new Set(rows.map(row => String(row['id'])));
    },
  };
}

function groupByMessage(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const id = String(row['message_id']);
    const group = groups.get(id);
    if (group) group.push(row);
    else groups.set(id, [row]);
  }
  return groups;
}
