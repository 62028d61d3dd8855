// Who has what is in flight: the leases of this process, what gives their rows back, and what takes back rows in flight under
// a lease that nobody here has any more. So no row stays in flight for ever, whatever goes wrong beside it.
// What was never tried waits again as if nothing had been; what may have been tried waits for its upstream, and long.

import type { DurationMs, EpochMs } from '../clock.ts';
import { timeOfId } from '../ids.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import type { Line } from './line.ts';
import { UNLESS_HELD } from './statements.ts';
import type { Untried } from './untried.ts';

/** A message under a lease. */
export type Leased = Readonly<{ lease: string; id: string }>;

export type Leases = Readonly<{
  /** Before the commit that claims under it. */
  begin: (lease: string) => void;
  /** These messages, and no others, were claimed under it. */
  claimed: (lease: string, ids: readonly string[]) => void;
  /** It is not in flight any more; where it still is, it is to be taken back. */
  end: (leased: Leased) => void;
  /** Gives back what was never tried. */
  release: (leased: Leased) => Promise<CommitRefusal | null>;
  /** From now on it is nobody's, though it was never tried and could not be given back. */
  abandon: (leased: Leased) => void;
  /** Takes back what is in flight and nobody's. What may have been tried waits for as long as `wait`. */
  takeBack: (now: EpochMs, wait: DurationMs) => Promise<void>;
  /**
   * Everything is being routed anew, which passes over what is in flight now or is claimed before the call that this returns.
   */
  reroute: () => () => void;
  /** Whether what was claimed under it goes by routes that are no longer. */
  isOutdated: (lease: string) => boolean;
}>;

// The upstream that was tried before, of which the age is counted: the claim has written another one over it.
const TRIED_BEFORE = `(SELECT upstream.id FROM attempt JOIN upstream ON upstream.name = attempt.upstream
    WHERE attempt.message_id = recipient.message_id AND attempt.ordinal = recipient.ordinal AND upstream.removed_at IS NULL
    ORDER BY attempt.number DESC LIMIT 1)`;
const RELEASE = `UPDATE recipient SET state = CASE WHEN attempts > 1 THEN 'deferred' ELSE 'queued' END,
    attempts = attempts - 1, upstream_id = ${TRIED_BEFORE},
    next_attempt_at = (SELECT CASE WHEN held_at IS NULL THEN queued_at END FROM message WHERE id = recipient.message_id),
    lease = NULL, lease_expires_at = NULL, phase = NULL
  WHERE message_id = ? AND lease = ? RETURNING way, account_id, attempts, next_attempt_at`;
const IN_FLIGHT = `SELECT DISTINCT lease, message_id FROM recipient WHERE state = 'in_flight'`;

const takeBack = (
  ended: string,
) => `UPDATE recipient SET state = 'deferred', ambiguous_since = COALESCE(ambiguous_since, ?),
    way = COALESCE('=' || upstream_id, ''), next_attempt_at = ${UNLESS_HELD},
    last_reply = '${ended}; it may have been delivered', lease = NULL, lease_expires_at = NULL, phase = NULL
  WHERE state = 'in_flight'`;
const AT_A_CRASH = 'Postern ended during this attempt';
const RECOVER = takeBack(AT_A_CRASH);
// Nobody else writes this attempt down. Nobody knows how long it took, nor, before the first renewal, how far it came.
const RECORD_CUT_OFF = `INSERT INTO attempt (message_id, ordinal, number, started_at, duration, upstream, stage, outcome, reply, text)
  SELECT message_id, ordinal, attempts, ?, 0, (SELECT name FROM upstream WHERE id = recipient.upstream_id),
    CASE phase WHEN 'envelope' THEN 'rcpt' WHEN 'body' THEN 'body' WHEN 'awaiting-reply' THEN 'body' END, 'deferred',
    '${AT_A_CRASH}; it may have been delivered', '${AT_A_CRASH}; it may have been delivered'
  FROM recipient WHERE state = 'in_flight' AND lease = ? ON CONFLICT DO NOTHING`;
export const LEASES_IN_FLIGHT = `SELECT DISTINCT lease FROM recipient WHERE state = 'in_flight'`;

/** At start: all that is in flight was so when the last process ended. The last statement changes one row for each. */
export function recovery(leases: readonly string[], now: EpochMs, wait: DurationMs): readonly Statement[] {
  const records = leases.map(lease => ({ sql: RECORD_CUT_OFF, params: [timeOfId(lease) ?? now, lease] }));
  return [...records, { sql: RECOVER, params: [now, now + wait] }];
}

const TAKE_BACK = `${takeBack('This attempt was cut short by a mistake of Postern')}
  AND message_id = ? AND lease = ? RETURNING way, account_id, attempts, next_attempt_at`;

export function createLeases({
  database,
  line,
  untried,
}: Readonly<{ database: Database; line: Line; untried: Untried }>): Leases {
  /** The messages of each lease; null while it is being claimed under. */
  const held = new Map<string, Set<string> | null>();
  const neverTried = new Set<string>();
  const outdated = new Set<string>();
  let isRerouting = false;

  const isHeld = ({ lease, id }: Leased) => {
    const ids = held.get(lease);
    return ids === null || ids?.has(id) === true;
  };

  const end = ({ lease, id }: Leased) => {
    const ids = held.get(lease);
    ids?.delete(id);
    if (ids && ids.size > 0) return;
    held.delete(lease);
    outdated.delete(lease);
  };

  /** Writes it as waiting: in line again, and as new as before where it was never tried. */
  const waitAgain = async (
    leased: Leased,
    { sql, params = [] }: Statement,
  ): Promise<CommitRefusal | null> => {
    const { lease, id } = leased;
    const result = await database.commit([{ sql, params: [...params, id, lease] }], { patient: true });
    if (result.kind !== 'committed') return result;
    end(leased);
    for (const { way, account_id, attempts, next_attempt_at: due } of result.effects[0]?.rows ?? []) {
      if (typeof due !== 'number') continue;
      const pair = { way: String(way), account: String(account_id) };
      line.add(pair, due);
      if (attempts === 0) untried.add(pair, id, due);
    }
    return null;
  };

  const release = (leased: Leased) => waitAgain(leased, { sql: RELEASE });

  return {
    begin: lease => {
      held.set(lease, null);
      if (isRerouting) outdated.add(lease);
    },

    claimed: (lease, ids) => {
      if (ids.length > 0) held.set(lease, new Set(ids));
      else end({ lease, id: '' });
    },

    end,
    release,

    abandon: leased => {
      end(leased);
      neverTried.add(keyOf(leased));
    },

    takeBack: async (now, wait) => {
      for (const row of await database.read(IN_FLIGHT)) {
        const leased = { lease: String(row['lease']), id: String(row['message_id']) };
        if (isHeld(leased)) continue;
        const refusal = neverTried.has(keyOf(leased))
          ? await release(leased)
          : await waitAgain(leased, { sql: TAKE_BACK, params: [now, now + wait] });
        if (refusal === null) neverTried.delete(keyOf(leased));
      }
    },

    reroute: () => {
      isRerouting = true;
      for (const lease of held.keys()) outdated.add(lease);
      return () => {
        isRerouting = false;
      };
    },

    isOutdated: lease => outdated.has(lease),
  };
}

function keyOf({ lease, id }: Leased): string {
  return `${lease} ${id}`;
}
