// What the tests of the operator's hand need of a queue: everything that is due in flight, and the ends of attempts.

import type { Claim } from '../../server/queue/message.ts';
import type { RecipientSettlement } from '../../server/queue/queue.ts';
import type { Settlement } from '../../server/queue/settlement.ts';
import { MINUTE, NOW, type QueueBench } from './support.ts';

export type Fate = 'relayed' | 'failed' | 'deferred';

/** Claims whatever is due at `now`, whichever way it goes. */
export async function claimDue(
  { queue, database }: QueueBench,
  now: number = NOW,
  upstreamId = 'U1',
): Promise<readonly Claim[]> {
  await queue.look();
  const rows = await database.read('SELECT DISTINCT way FROM recipient');
  const claims = await queue.claim({
    upstreamId,
    ways: rows.map(row => String(row['way'])),
    limit: 100,
    now,
    horizon: now + 66 * MINUTE,
    provisionalNextAttemptAt: now + MINUTE,
    leaseExpiresAt: now + 15 * MINUTE,
  });
  if ('kind' in claims) throw new Error(`not claimed: ${claims.kind}`);
  return claims;
}

/** The one message that is due. */
export async function claimOne(bench: QueueBench, now: number = NOW): Promise<Claim> {
  const [claim, ...others] = await claimDue(bench, now);
  if (claim === undefined || others.length > 0) throw new Error(`${others.length} other messages are due`);
  return claim;
}

/** Ends the attempt, each recipient as its fate in turn (the last one for all further ones); deferred ones are due a minute later. */
export async function end(
  bench: QueueBench,
  claim: Claim,
  ...fates: readonly [Fate, ...Fate[]]
): Promise<void> {
  const settlements = claim.recipients.map((recipient, i): RecipientSettlement => {
    const fate = fates[i] ?? fates.at(-1) ?? 'relayed';
    return {
      ordinal: recipient.ordinal,
      attempt: recipient.attempt,
      startedAt: NOW,
      duration: 12,
      upstream: 'mail',
      stage: fate === 'relayed' ? null : 'rcpt',
      settlement: settlementOf(fate),
    };
  });
  const result = await bench.queue.settle(claim, settlements, NOW);
  if ('kind' in result) throw new Error(`not settled: ${result.kind}`);
}

function settlementOf(fate: Fate): Settlement {
  return {
    state: fate,
    way: '',
    deferrals: fate === 'deferred' ? 1 : 0,
    nextAttemptAt: fate === 'deferred' ? NOW + MINUTE : null,
    outcome: fate,
    reply: `${fate} by the upstream`,
    text: null,
    status: null,
    ambiguousSince: null,
    report: null,
  };
}

/** The columns of every recipient, in their order. */
export async function recipients(
  { database }: QueueBench,
  columns: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return database.read(`SELECT ${columns} FROM recipient ORDER BY message_id, ordinal`);
}
