// A queue over a real database and spool in a folder of its own, and messages to put into it.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditStatement } from '../../server/audit/audit.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import type { Claim, NewMessage } from '../../server/queue/message.ts';
import { createQueueOperator, type QueueOperator } from '../../server/queue/operator.ts';
import { createQueueAudit } from '../../server/queue/operator-audit.ts';
import {
  createQueue,
  type Queue,
  type QueueDeps,
  type RecipientSettlement,
} from '../../server/queue/queue.ts';
import { together } from '../../server/queue/schedule.ts';
import type { Settlement } from '../../server/queue/settlement.ts';
import { createSpool, type Spool } from '../../server/queue/spool.ts';
import { DEFAULT_ROUTE } from '../../server/queue/way.ts';
import type { Database } from '../../server/storage/database.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';

export const MINUTE = 60_000;
export const NOW = 1_800_000_000_000;

export type QueueBench = Readonly<{
  database: Database;
  queue: Queue;
  operator: QueueOperator;
  spool: Spool;
  folder: string;
  close: () => Promise<void>;
}>;

/** `options`: how the queue is made; by default everything goes the default route. */
export async function openQueueBench(options: Partial<QueueDeps> = {}): Promise<QueueBench> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-queue-'));
  const path = join(folder, 'postern.db');
  mkdirSync(join(folder, 'spool'));
  migrate({ path });
  const failures: string[] = [];
  const database = await openDatabase({ path, onFatal: text => failures.push(text) });
  const newId = () => makeId(NOW, systemRandom);
  const spool = createSpool(join(folder, 'spool'));
  const audit = createQueueAudit(fact => auditStatement(fact, 'operator:tester', NOW, newId()));
  return {
    database,
    queue: createQueue({
      database,
      newId,
      place: () => ({ way: DEFAULT_ROUTE, outageMark: 0 }),
      ...options,
    }),
    operator: createQueueOperator({ database, spool, newId, audit, keepContent: false }),
    spool,
    folder,
    close: async () => {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
      if (failures.length > 0) throw new Error(failures.join('; '));
    },
  };
}

export function newMessage(
  id: string,
  forwardPaths: readonly string[] = ['a@example.net'],
  text = `Subject: ${id}\r\n\r\nHello\r\n`,
): NewMessage {
  const octets = new TextEncoder().encode(text);
  return {
    id,
    kind: 'mail',
    accountId: null,
    reversePath: 'scanner@example.org',
    forwardPaths,
    bodyType: '7bit',
    smtputf8: false,
    size: octets.length,
    hash: createHash('sha256').update(octets).digest('hex'),
    content: { kind: 'octets', octets },
    clientAddress: '127.0.0.1',
  };
}

type Claiming = Readonly<{ upstreamId?: string; ways?: readonly string[]; recipients?: number }>;

/** Claims up to `limit` messages at `now` as if all waiting ways led there; fails where the queue refuses. */
export async function claimAt(
  queue: Queue,
  now: number,
  limit = 10,
  { upstreamId = 'U1', ways, recipients }: Claiming = {},
): Promise<readonly Claim[]> {
  await queue.look();
  const claims = await queue.claim({
    upstreamId,
    ways: ways ?? queue.line.ways(),
    limit,
    recipients: recipients ?? null,
    now,
    horizon: now + 66 * MINUTE,
    together: together(now, { retryMin: MINUTE, retryMax: 60 * MINUTE }),
    provisionalNextAttemptAt: now + MINUTE,
    leaseExpiresAt: now + 15 * MINUTE,
  });
  if ('kind' in claims) throw new Error(`not claimed: ${claims.kind}`);
  return claims;
}

const END = { deferrals: 0, nextAttemptAt: null, status: null, ambiguousSince: null, report: null } as const;

export const RELAYED: Settlement = {
  ...END,
  way: DEFAULT_ROUTE,
  state: 'relayed',
  outcome: 'relayed',
  reply: '250 Ok',
  text: null,
};

export const FAILED: Settlement = {
  ...END,
  way: DEFAULT_ROUTE,
  state: 'failed',
  outcome: 'failed',
  reply: '550 No',
  text: 'The upstream refused it.',
};

export function deferredUntil(nextAttemptAt: number, way: string = DEFAULT_ROUTE): Settlement {
  const reply = '450 Later';
  const text = 'The upstream asks to try again later.';
  return { ...END, way, state: 'deferred', outcome: 'deferred', deferrals: 1, nextAttemptAt, reply, text };
}

/** One settlement for each recipient of the claim; relayed where none is given. */
export function settled(claim: Claim, ...settlements: readonly Settlement[]): readonly RecipientSettlement[] {
  return claim.recipients.map((recipient, i) => ({
    ordinal: recipient.ordinal,
    attempt: recipient.attempt,
    startedAt: NOW,
    duration: 12.6,
    upstream: 'mail',
    stage: null,
    settlement: settlements[i] ?? RELAYED,
  }));
}
