// Holding a message: it stays in the queue and is not tried until an operator releases it.

import type { EpochMs } from '../clock.ts';
import type { Statement } from '../storage/database.ts';

export type HeldBecause = 'operator' | 'outage' | 'damaged' | 'restored';

const HOLD = 'UPDATE message SET held_at = ?, held_because = ? WHERE id = ? AND held_at IS NULL';
const STOP_WAITING = `UPDATE recipient SET next_attempt_at = NULL WHERE message_id = ? AND state IN ('queued', 'deferred')`;

/** Holds what waits of a message. What is in flight ends as it does, and then waits without a time. */
export function holding(id: string, because: HeldBecause, now: EpochMs): readonly Statement[] {
  return [
    { sql: HOLD, params: [now, because, id] },
    { sql: STOP_WAITING, params: [id] },
  ];
}
