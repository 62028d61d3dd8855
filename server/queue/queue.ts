// The durable queue: the row that takes responsibility (enqueue), the claim before dialling, the settlement after.
// A group that `enqueue` reports as queued is synced. Claims are fenced by their lease: a row that an operator deleted
// meanwhile is not written again. It decides nothing about time or outcomes (schedule, settlement do).

import type { DurationMs, EpochMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import { type ClaimRequest, createClaims } from './claims.ts';
import { createFreshContent } from './fresh-content.ts';
import { createLeases, LEASES_IN_FLIGHT, type Leased, recovery } from './leases.ts';
import { createLine, type Line } from './line.ts';
import type { Claim, ClaimedRecipient, NewMessage, RoutedMessage } from './message.ts';
import { createPlacing } from './placing.ts';
import type { Settlement } from './settlement.ts';
import { dropDelayReports, insertion, type Placement, retirement, settleStatements } from './statements.ts';
import { createUntried } from './untried.ts';
import { readWaiting, WAITS } from './waiting.ts';
import { UNROUTED } from './way.ts';

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
  /** On another route: from which state of its outages on they count. */
  outageMark?: number;
  /** On the same route, where other upstreams may take it now: what is to be added to that mark. */
  outageShift?: number;
}>;

/** `retired`: every recipient was relayed and nothing must be said; `content` then is gone, or kept for the operator. */
export type Settled = Readonly<{ retired: boolean; content: 'kept' | 'gone' }>;

/** Where a recipient goes by the routes as they are now. */
export type Place = (message: RoutedMessage, forwardPath: string) => Placement;

export type Queue = Readonly<{
  /** `further`: statements of the same commit, before the message's own; a requirement of theirs can refuse it. */
  enqueue: (message: NewMessage, queuedAt: EpochMs, further?: readonly Statement[]) => Promise<Enqueued>;
  /** Due recipients by message, now in flight under a lease and with the attempt counted. */
  claim: (request: ClaimRequest) => Promise<readonly Claim[] | CommitRefusal>;
  /** Gives back what was claimed but never tried: not an attempt. */
  release: (claim: Claim) => Promise<CommitRefusal | null>;
  /** Writes the end of an attempt in one transaction. */
  settle: (
    claim: Claim,
    settlements: readonly RecipientSettlement[],
    now: EpochMs,
  ) => Promise<Settled | CommitRefusal>;
  /** Marks a message as held because its content is damaged: it is not tried until an operator says so. */
  hold: (claim: Claim, text: string, now: EpochMs) => Promise<Readonly<{ held: boolean }> | CommitRefusal>;
  /** Renews the lease while octets move. */
  renew: (claim: Claim, phase: string, leaseExpiresAt: EpochMs) => Promise<void>;
  /** The octets of the body table, or null. */
  body: (id: string) => Promise<Uint8Array | null>;
  /** Who waits, from memory. It knows nothing before the first `look`. */
  line: Pick<Line, 'add' | 'ways' | 'due' | 'nextDue'>;
  /** Reads from the database who waits: others write to it too. */
  look: () => Promise<void>;
  /** An attempt has ended in a way that nobody foresaw: its rows are to be taken back. */
  abandon: (claim: Claim) => void;
  /** Takes back what is in flight and nobody's; what may have been tried, for its upstream and for `wait` at least. */
  takeBack: (now: EpochMs, wait: DurationMs) => Promise<void>;
  /** All is being routed anew, until the call that this returns. */
  reroute: () => () => void;
  /** Whether it went a way that is no longer: routes or upstreams have changed since. */
  isOutdated: (claim: Claim, recipient: ClaimedRecipient) => boolean;
  /**
   * At start: what was in flight when the last process ended waits again, only for its upstream, because it may have
   * delivered it; and for `wait` at least. Returns how many.
   */
  recover: (now: EpochMs, wait: DurationMs) => Promise<number>;
  /** Ids of messages whose octets are spool files. */
  spooledIds: () => Promise<ReadonlySet<string>>;
}>;

export type QueueDeps = Readonly<{
  database: Database;
  newId: NewId;
  /** Without it nothing is routed: the server does so (routing-pass.ts). */
  place?: Place;
  /** Milliseconds of outages of a way so far. */
  outageTotal?: (way: string) => DurationMs;
  /** `queue.keep_content`. */
  keepContent?: boolean;
}>;

const RENEW = 'UPDATE recipient SET phase = ?, lease_expires_at = ? WHERE message_id = ? AND lease = ?';
// Only what this claim still has in hand: an operator may have deleted it, and its content with it.
const HOLD_DAMAGED = `UPDATE message SET held_at = COALESCE(held_at, ?), held_because = 'damaged' WHERE id = ?
    AND EXISTS (SELECT 1 FROM recipient WHERE message_id = message.id AND lease = ?)`;
const TAKE_BACK = `UPDATE recipient SET state = 'deferred', next_attempt_at = NULL, last_reply = ?, lease = NULL,
    lease_expires_at = NULL, phase = NULL WHERE message_id = ? AND (${WAITS} OR lease = ?)
    AND EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND held_because = 'damaged')`;
const NOWHERE_YET: Placement = { way: UNROUTED, outageMark: 0 };

export function createQueue(deps: QueueDeps): Queue {
  const { database, newId, place = () => NOWHERE_YET, outageTotal = () => 0, keepContent = false } = deps;
  const fresh = createFreshContent();
  const line = createLine();
  const untried = createUntried();
  const leases = createLeases({ database, line, untried });
  const { placed, isElsewhere } = createPlacing(place, outageTotal);

  return {
    enqueue: async (message, queuedAt, further = []) => {
      const placements = message.forwardPaths.map(forwardPath => place(message, forwardPath));
      // Here Postern takes responsibility: if we die before this commit the client gets no 250 and tries again;
      // after it the message is ours, and a client that missed the 250 may send a duplicate.
      const result = await database.commit([...further, ...insertion(message, queuedAt, placements)], {
        yields: true,
      });
      if (result.kind !== 'committed') return result;
      if (message.content.kind === 'octets') fresh.remember(message, message.content.octets, queuedAt);
      for (const { way } of placements) {
        const pair = { way, account: message.accountId ?? '' };
        line.add(pair, queuedAt);
        untried.add(pair, message.id, queuedAt);
      }
      return { kind: 'queued' };
    },

    claim: createClaims({ database, newId, line, untried, fresh, leases }),

    release: claim => leases.release(leasedOf(claim)),

    settle: async (claim, settlements, now) => {
      // Here responsibility ends for a relayed recipient: if we die before this commit the attempt is ambiguous and is
      // repeated (better twice than lost); after it the row says what happened.
      const { id, accountId } = claim.message;
      const ends = settlements.map(one => placed(claim, one));
      const statements = ends.flatMap(one => settleStatements(claim, one, now));
      const mayRetire = ends.some(
        ({ settlement: { state, report } }) => state === 'relayed' && report === null,
      );
      const retiring = mayRetire ? retirement(id, now, { keepContent }) : [];
      const isLate = claim.recipients.some(({ attempt, delayReported }) => attempt > 1 || delayReported);
      const dropping = isLate ? [dropDelayReports(id)] : [];
      const result = await database.commit([...statements, ...retiring, ...dropping], { patient: true });
      if (result.kind !== 'committed') return result;
      leases.end(leasedOf(claim));
      for (const { settlement } of ends) {
        const { way, nextAttemptAt } = settlement;
        if (nextAttemptAt !== null) line.add({ way, account: accountId ?? '' }, nextAttemptAt);
      }
      const retired = mayRetire && result.effects[statements.length]?.changes === 1;
      return { retired, content: retired && !keepContent ? 'gone' : 'kept' };
    },

    hold: async (claim, text, now) => {
      const { id, lease } = leasedOf(claim);
      const result = await database.commit([
        { sql: HOLD_DAMAGED, params: [now, id, lease] },
        { sql: TAKE_BACK, params: [text, id, lease] },
      ]);
      if (result.kind !== 'committed') return result;
      leases.end(leasedOf(claim));
      return { held: result.effects[0]?.changes === 1 };
    },

    renew: async ({ message, lease }, phase, leaseExpiresAt) => {
      const renewal = { sql: RENEW, params: [phase, leaseExpiresAt, message.id, lease] };
      await database.commit([renewal], { patient: true });
    },

    body: async id => {
      const rows = await database.read('SELECT octets FROM body WHERE message_id = ?', [id]);
      const octets = rows[0]?.['octets'];
      return octets instanceof Uint8Array ? octets : null;
    },

    line,

    look: async () => {
      const look = line.look();
      try {
        look.sawAll(await readWaiting(database));
      } catch (error) {
        look.cancel();
        throw error;
      }
    },

    abandon: claim => leases.end(leasedOf(claim)),
    takeBack: leases.takeBack,
    reroute: leases.reroute,
    isOutdated: (claim, recipient) => leases.isOutdated(claim.lease) && isElsewhere(claim, recipient),

    recover: async (now, wait) => {
      const leased = (await database.read(LEASES_IN_FLIGHT)).map(row => String(row['lease']));
      const result = await database.commit(recovery(leased, now, wait));
      if (result.kind !== 'committed') throw new Error(`The queue could not be recovered: ${result.kind}`);
      return result.effects.at(-1)?.changes ?? 0;
    },

    spooledIds: async () => {
      const rows = await database.read(`SELECT id FROM message WHERE content = 'spool'`);
      return new Set(rows.map(row => String(row['id'])));
    },
  };
}

function leasedOf({ lease, message }: Claim): Leased {
  return { lease, id: message.id };
}
