// Keeps the log (WAL) of the database short without making a commit wait for it. A second thread copies most of it while
// commits go on; what they added meanwhile is little, and the database thread copies that itself between two commits, so
// that the log begins anew. Only where the second thread does not catch up, the database thread does all of it.

import { openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type Connection, isFailedSync, textOf } from './sqlite.ts';

export type CheckpointReply =
  | Readonly<{ kind: 'done' }>
  /** Made up for by a later one: the log keeps everything. */
  | Readonly<{ kind: 'failed'; text: string }>
  /** Nobody knows what is on the disk. */
  | Readonly<{ kind: 'sync-failed'; text: string }>;

export type CheckpointFile = Readonly<{
  path: string;
  /** Of the database file, to be synced and never closed: see `openForSync`. */
  descriptor: number;
}>;

/** Pages (4 KiB) of the log: all, and those that are not yet in the file. */
export type LogLength = Readonly<{ all: number; pending: number }>;

export type Checkpointer = Readonly<{
  /** After a commit: looks whether there is much to copy. Costs next to nothing. */
  afterCommit: () => void;
  /** When nobody waits: copies at once what makes it worthwhile. */
  whenIdle: () => void;
  /** Ends the second thread; afterwards the connection may be closed. */
  close: () => Promise<void>;
}>;

/** 8 MiB: pages that are written again and again are copied once. */
const MUCH = 2_000;
/** So little that the database thread copies it itself. */
const LITTLE = 500;
/** 28 MiB, less than what the file of the log keeps: growing anew costs more than writing over what is there. */
const TOO_MUCH = 7_000;
/** A shorter log is left to grow: a checkpoint costs two syncs, and an SD card that many writes for each message. */
const WORTHWHILE = 256;
/** Looking costs a few microseconds, but not for every commit. */
const LOOK_EVERY_MS = 10;
/** A thread that has had nothing to do for so long is ended: it takes 10 MB. */
const REST_MS = 30_000;

export type CheckpointStep = 'none' | 'second-thread' | 'here';

/** What to do next. `before`: pages pending when the second thread last began; null where it did not run just now. */
export function nextStep({ all, pending }: LogLength, before: number | null): CheckpointStep {
  if (before === null) return pending < MUCH ? 'none' : 'second-thread';
  if (pending <= LITTLE || all >= TOO_MUCH) return 'here';
  // It caught up, but not yet wholly.
  return pending < before / 2 ? 'second-thread' : 'none';
}

export function createCheckpointer(
  connection: Connection,
  { path, onSyncFailed }: Readonly<{ path: string; onSyncFailed: (text: string) => void }>,
): Checkpointer {
  const look = connection.prepare<[], { log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)');
  let worker: Worker | null = null;
  let descriptor: number | null = null;
  let rest: NodeJS.Timeout | null = null;
  /** Pages pending when the second thread began; null while it does nothing. */
  let before: number | null = null;
  let lookedAt = 0;

  const length = (): LogLength => {
    const [log] = look.all();
    return log === undefined ? { all: 0, pending: 0 } : { all: log.log, pending: log.log - log.checkpointed };
  };
  const here = (): void => {
    try {
      connection.pragma('wal_checkpoint(PASSIVE)');
    } catch (error) {
      // One that fails otherwise (busy, full) is made up for by a later one: the log keeps everything.
      if (isFailedSync(error, 'commit')) onSyncFailed(`checkpoint: ${textOf(error)}`);
    }
  };
  const onReply = (reply: CheckpointReply): void => {
    if (reply.kind === 'sync-failed') onSyncFailed(`checkpoint: ${reply.text}`);
    const begun = before;
    before = null;
    if (reply.kind === 'done') step(begun);
    rest?.refresh();
  };
  const step = (begun: number | null): void => {
    const now = length();
    const next = nextStep(now, begun);
    if (next === 'here') here();
    if (next !== 'second-thread') return;
    before = now.pending;
    descriptor ??= openForSync(path);
    worker ??= startWorker({ path, descriptor }, onReply, () => {
      worker = null;
      before = null;
    });
    worker.postMessage('checkpoint');
    rest ??= setTimeout(endWorker, REST_MS).unref();
    rest.refresh();
  };
  const endWorker = (): void => {
    worker?.postMessage('close');
  };

  return {
    afterCommit: () => {
      const now = performance.now();
      if (before !== null || now - lookedAt < LOOK_EVERY_MS) return;
      lookedAt = now;
      step(null);
    },
    whenIdle: () => {
      if (before === null && length().pending >= WORTHWHILE) here();
    },
    close: () => {
      if (rest !== null) clearTimeout(rest);
      const ending = worker;
      if (ending === null) return Promise.resolve();
      return new Promise(resolve => {
        ending.once('exit', () => resolve());
        ending.postMessage('close');
      });
    },
  };
}

/**
 * Closing any descriptor of the file would drop the locks that SQLite holds on it for the whole process, so this one stays
 * open until the database thread ends, after its connection.
 */
function openForSync(path: string): number {
  return openSync(path, 'r');
}

/** A thread that fails is done without: the next time a new one is started. */
function startWorker(
  file: CheckpointFile,
  onReply: (reply: CheckpointReply) => void,
  onEnd: () => void,
): Worker {
  const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), {
    name: 'checkpoints',
    workerData: file,
    env: process.env,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
  });
  worker.unref();
  worker.on('message', onReply);
  worker.on('error', onEnd);
  worker.on('exit', onEnd);
  return worker;
}
