// The main thread's side of the database: implements the Database contract over the database thread. Everything asked
// for within one turn of the event loop goes over in one message. Several files can share the thread, because a thread
// costs 10 MB; each keeps its own transactions and its own durability.

import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CommitResult, Database, Row } from './database.ts';
import {
  type Answer,
  createWorkWriter,
  type DatabaseFile,
  type Reply,
  type Request,
} from './worker-protocol.ts';

type OpenOptions = Readonly<{
  path: string;
  /** A sync failed or the thread died: nothing more can be promised. The process must exit; recovery is by restart. */
  onFatal: (text: string) => void;
}>;

type OpenManyOptions = Readonly<{ files: readonly DatabaseFile[]; onFatal: (text: string) => void }>;

type Waiting = Readonly<{ settle: (answer: Answer) => void; reject: (error: Error) => void }>;

type FileFacade = Readonly<{
  database: Database;
  onReply: (reply: Extract<Reply, { file: number }>) => void;
  onDeath: (error: Error) => void;
}>;

/** For the thread's JavaScript only; SQLite's own memory lies outside. A limit, not a reservation. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 };

/** Opens one durable database, which must already have its schema (migrate.ts). Rejects where it cannot be opened. */
export async function openDatabase({ path, onFatal }: OpenOptions): Promise<Database> {
  const [database] = await openDatabases({ files: [{ path, durability: 'durable' }], onFatal });
  if (database === undefined) throw new Error('no database');
  return database;
}

/** Opens several files in one thread; the result has their order. The thread ends when all are closed. */
export async function openDatabases({ files, onFatal }: OpenManyOptions): Promise<readonly Database[]> {
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    name: 'database',
    workerData: files,
    env: threadEnvironment(),
    resourceLimits: RESOURCE_LIMITS,
  });
  const facades = files.map((_, number) => createFacade(number, worker));
  await new Promise<void>((resolve, reject) => {
    let state: 'starting' | 'open' | 'ended' = 'starting';
    let closed = 0;
    const end = (text: string): void => {
      if (state === 'ended') return;
      const error = new Error(text);
      for (const facade of facades) facade.onDeath(error);
      if (state === 'open') onFatal(text);
      else reject(error);
      state = 'ended';
    };
    worker.on('message', (reply: Reply) => {
      if (reply.kind === 'opened') {
        state = 'open';
        resolve();
      } else if (reply.kind === 'not-opened') end(reply.text);
      else if (reply.kind === 'fatal') onFatal(reply.text);
      else {
        if (reply.kind === 'closed' && ++closed === files.length) state = 'ended';
        facades[reply.file]?.onReply(reply);
      }
    });
    worker.on('error', error => end(`the database thread failed: ${describe(error)}`));
    worker.on('exit', () => end('the database thread ended'));
  });
  return facades.map(facade => facade.database);
}

/**
 * A thread does not inherit the compile cache by itself. With it, 11 MB are saved: the cache holds the code without its
 * types, so that the thread need not load what strips them.
 */
function threadEnvironment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) };
}

function createFacade(number: number, worker: Worker): FileFacade {
  const writer = createWorkWriter(number);
  const waiting = new Map<number, Waiting>();
  const listeners: (() => void)[] = [];
  let lastTicket = 0;
  let scheduled = false;
  let dead: Error | null = null;
  let closed: Promise<void> | null = null;
  let onClosed: () => void = () => {};

  const post = (request: Request): void => {
    worker.postMessage(
      request,
      request.kind === 'work' && request.octets.byteLength > 0 ? [request.octets] : [],
    );
  };
  const flush = (): void => {
    scheduled = false;
    const work = writer.take();
    if (work !== null && dead === null) post(work);
  };
  /** Enters a promise in the list of those waiting; its question must then be written with the ticket. */
  const enter = (one: Waiting): number => {
    waiting.set(++lastTicket, one);
    if (!scheduled) {
      scheduled = true;
      setImmediate(flush);
    }
    return lastTicket;
  };
  const unusable = (): Error | null => dead ?? (closed === null ? null : new Error('the database is closed'));

  const database: Database = {
    read: (sql, params = []) =>
      new Promise((resolve, reject) => {
        const error = unusable();
        if (error !== null) return reject(error);
        writer.query(enter({ settle: answer => resolve(rowsOf(answer)), reject }), sql, params);
      }),
    commit: (group, { patient = false } = {}) =>
      new Promise((resolve, reject) => {
        const error = unusable();
        if (error !== null) return reject(error);
        const ticket = enter({ settle: answer => resolve(resultOf(answer)), reject });
        writer.group(ticket, group, { patient });
      }),
    onForeignChange: listener => {
      if (listeners.push(listener) === 1 && unusable() === null) post({ kind: 'watch', file: number });
    },
    foreignVersion: async () => {
      const [row] = await database.read('PRAGMA data_version');
      return Number(row?.['data_version']);
    },
    close: () => {
      if (dead !== null) return Promise.resolve();
      closed ??= new Promise(resolve => {
        onClosed = resolve;
        flush();
        post({ kind: 'close', file: number });
      });
      return closed;
    },
  };
  return {
    database,
    onReply: reply => {
      if (reply.kind === 'changed') for (const listener of listeners) listener();
      else if (reply.kind === 'closed') onClosed();
      else for (const [ticket, answer] of reply.answers) settle(waiting, ticket, answer);
    },
    onDeath: error => {
      dead = error;
      for (const one of waiting.values()) one.reject(error);
      waiting.clear();
      onClosed();
    },
  };
}

function settle(waiting: Map<number, Waiting>, ticket: number, answer: Answer): void {
  const one = waiting.get(ticket);
  if (one === undefined) return;
  waiting.delete(ticket);
  if (!Array.isArray(answer) && 'kind' in answer && answer.kind === 'bug') one.reject(new Error(answer.text));
  else one.settle(answer);
}

function rowsOf(answer: Answer): readonly Row[] {
  if ('kind' in answer && answer.kind === 'rows') return answer.rows;
  throw new Error('the database thread answered a query with something else');
}

const NO_ROWS: readonly Row[] = [];

function resultOf(answer: Answer): CommitResult {
  if (!('kind' in answer)) {
    return { kind: 'committed', effects: answer.map(changes => ({ changes, rows: NO_ROWS })) };
  }
  if (answer.kind === 'rows' || answer.kind === 'bug')
    throw new Error('the database thread answered a commit with something else');
  return answer;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
