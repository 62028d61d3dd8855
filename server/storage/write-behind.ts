// Rows that may be a little late: gathered in memory by their owner and written in one commit every few seconds or
// minutes, so that nobody outside can make us sync once per event. What could not be written stays with its owner and is
// tried again. A crash loses what was not yet written.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Database, Statement } from './database.ts';

export type WriteBehind = Readonly<{
  /** There is something to write within that time. */
  due: (within: DurationMs) => void;
  /** Writes now. Never rejects. */
  flush: () => Promise<void>;
  /** The last flush. Nothing is written after it. */
  close: () => Promise<void>;
}>;

/** What is to be written, and what to do once it is. The group must be safe to repeat. */
export type Batch = Readonly<{ group: readonly Statement[]; written: () => void }>;

type Deps = Readonly<{
  database: Pick<Database, 'commit'>;
  /** Null: nothing is to be written. */
  take: () => Batch | null;
  /** What it is, for the log: `audit`. */
  what: string;
  clock: Clock;
  log: Log;
}>;

/** A full disk or a foreign lock lasts; until then the owner's bounded memory keeps the rows. */
const RETRY: DurationMs = 30_000;

export function createWriteBehind({ database, take, what, clock, log }: Deps): WriteBehind {
  let timer: NodeJS.Timeout | null = null;
  let firesAt = Number.POSITIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  let closed = false;
  let failing = false;

  const due = (within: DurationMs): void => {
    const at = clock.monotonic() + within;
    if (closed || at >= firesAt) return;
    if (timer !== null) clearTimeout(timer);
    firesAt = at;
    timer = setTimeout(() => void flush(), within).unref();
  };

  const write = async (): Promise<void> => {
    const batch = take();
    if (batch === null) return;
    const result = await database.commit(batch.group).catch((error: unknown) => ({ kind: String(error) }));
    if (result.kind === 'committed') {
      failing = false;
      batch.written();
      return;
    }
    if (!failing) log('storage.unavailable', { text: `The ${what} could not be written: ${result.kind}` });
    failing = true;
    due(RETRY);
  };

  const flush = (): Promise<void> => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    firesAt = Number.POSITIVE_INFINITY;
    writing = writing.then(write);
    return writing;
  };

  return {
    due,
    flush,
    close: () => {
      const last = closed ? writing : flush();
      closed = true;
      return last;
    },
  };
}
