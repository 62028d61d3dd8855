// A queue over a real database and spool in a folder of its own, and messages to put into it.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeId, systemRandom } from '../../server/ids.ts';
import type { Claim, NewMessage } from '../../server/queue/message.ts';
import { createQueueOperator, type QueueOperator } from '../../server/queue/operator.ts';
import { createQueue, type Queue } from '../../server/queue/queue.ts';
import { createSpool, type Spool } from '../../server/queue/spool.ts';
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

export async function openQueueBench(): Promise<QueueBench> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-queue-'));
  const path = join(folder, 'postern.db');
  mkdirSync(join(folder, 'spool'));
  migrate({ path });
  const failures: string[] = [];
  const database = await openDatabase({ path, onFatal: text => failures.push(text) });
  return {
    database,
    queue: createQueue({ database, newId: () => makeId(NOW, systemRandom) }),
    operator: createQueueOperator(database),
    spool: createSpool(join(folder, 'spool')),
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

/** Claims up to `limit` recipients at `now`; fails where the queue refuses. */
export async function claimAt(queue: Queue, now: number, limit = 10): Promise<readonly Claim[]> {
  const claims = await queue.claim({
    upstreamId: 'U1',
    limit,
    now,
    horizon: now + 66 * MINUTE,
    provisionalNextAttemptAt: now + MINUTE,
    leaseExpiresAt: now + 15 * MINUTE,
  });
  if ('kind' in claims) throw new Error(`not claimed: ${claims.kind}`);
  return claims;
}
