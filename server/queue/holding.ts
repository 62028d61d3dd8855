// Holding a message: it stays in the queue and is not tried until an operator releases it.

import type { EpochMs } from '../clock.ts';
import type { Statement } from '../storage/database.ts';
import { WAITS } from './waiting.ts';
import type { WaitingRow } from './walk.ts';

export type HeldBecause = 'operator' | 'outage' | 'damaged' | 'restored';

const HOLD = `UPDATE message SET held_at = ?, held_because = ? WHERE id = ? AND held_at IS NULL AND EXISTS (
    SELECT 1 FROM recipient WHERE message_id = message.id AND ordinal = ? AND way = ? AND ${WAITS}) RETURNING id`;
const STOP_WAITING = `UPDATE recipient SET next_attempt_at = NULL WHERE message_id = ? AND ordinal = ? AND way = ? AND ${WAITS}`;

/**
 * Holds a message because of one recipient, if that still waits in its way: the first statement then returns the message's id.
 * Others of the message that go another way are tried once more; what that defers is held with it.
 */
export function holding(
  { id, ordinal, way }: Pick<WaitingRow, 'id' | 'ordinal' | 'way'>,
  because: HeldBecause,
  now: EpochMs,
): readonly Statement[] {
  return [
    { sql: HOLD, params: [now, because, id, ordinal, way] },
    { sql: STOP_WAITING, params: [id, ordinal, way] },
  ];
}
