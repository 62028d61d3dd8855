// What the crash rounds count: what of the acknowledged mail came through, what came twice, and what may have.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from '../../server/storage/database.ts';
import { openConnection } from '../../server/storage/sqlite.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import type { Sink } from '../support/sink.ts';
import type { Acknowledged } from './sender.ts';

export type Counts = Readonly<{
  /** What was acknowledged and is not, or not whole, at the sink. */
  lost: readonly string[];
  /** Recipients that got a message once more than they should. */
  duplicates: number;
  /** Recipients for whom the sink took a message without saying so. */
  swallowed: number;
}>;

/** By recipients: a message may rightly come in several transactions, when one recipient was deferred. */
export function compare(acknowledged: readonly Acknowledged[], sink: Sink): Counts {
  const sizes = new Map(acknowledged.map(message => [message.loadId, message.bodySize]));
  const arrived = arrivals(sink, sizes);
  const swallowed = sink.records().reduce((sum, one) => sum + (one.lost ? one.recipients : 0), 0);
  const lost: string[] = [];
  let duplicates = 0;
  for (const message of acknowledged) {
    const seen = arrived.get(message.loadId) ?? { recipients: 0, whole: true };
    if (seen.recipients < message.recipients) lost.push(`${message.loadId} (${message.queueId})`);
    else if (!seen.whole) lost.push(`${message.loadId} (${message.queueId}): not the octets that were sent`);
    duplicates += Math.max(0, seen.recipients - message.recipients);
  }
  return { lost, duplicates, swallowed };
}

/** What the sink has taken of each message; `whole`: always with the body that it was sent with. */
export function arrivals(
  sink: Sink,
  sizes: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, Readonly<{ recipients: number; whole: boolean }>> {
  const arrived = new Map<string, { recipients: number; whole: boolean }>();
  for (const record of sink.records()) {
    const before = arrived.get(record.loadId) ?? { recipients: 0, whole: true };
    const size = sizes.get(record.loadId);
    arrived.set(record.loadId, {
      recipients: before.recipients + record.recipients,
      whole: before.whole && (size === undefined || size === record.bodySize),
    });
  }
  return arrived;
}

/** The attempts that were in flight when the server died. Looks at a copy: opening the database would repair it. */
export function attemptsInFlight(data: string): readonly Readonly<{ id: string; key: string }>[] {
  const folder = makeScratch('copy');
  const path = join(folder, 'postern.db');
  for (const end of ['', '-wal']) {
    const from = join(data, `postern.db${end}`);
    if (existsSync(from)) copyFileSync(from, `${path}${end}`);
  }
  const connection = openConnection(path, 'relaxed');
  // Where the first start of all was cut short there is no table yet.
  const isMade =
    connection.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'recipient'`).get() !== undefined;
  const rows = isMade
    ? connection
        .prepare<[], Row>(`SELECT message_id, ordinal, attempts FROM recipient WHERE state = 'in_flight'`)
        .all()
    : [];
  const attempts = rows.map(row => ({
    id: String(row['message_id']),
    key: [row['message_id'], row['ordinal'], row['attempts']].join(' '),
  }));
  connection.close();
  removeScratch(folder);
  return attempts;
}
