// The database thread: holds the connections, so that the main thread never waits for a disk. Whatever has arrived
// since the last commit goes into the next transaction; queries are answered after it. When nothing is asked it
// checkpoints, gives free pages back to the file system, and looks whether another process has changed the database.
// Under load a second thread does most of the checkpointing (checkpointer.ts).

import { flushCompileCache } from 'node:module';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Checkpointer, createCheckpointer } from './checkpointer.ts';
import { createGroupCommit, type GroupResult } from './group-commit.ts';
import { createPatience } from './patience.ts';
import {
  type Connection,
  codeOf,
  createStatementCache,
  isDamage,
  isFailedSync,
  openConnection,
  pragmaNumber,
  textOf,
} from './sqlite.ts';
import {
  type Answer,
  createWorkReader,
  type DatabaseFile,
  type Reply,
  type Request,
  type WaitingGroup,
  type WaitingQuery,
  type WaitingWork,
} from './worker-protocol.ts';

/** More would let the first of a crowd wait too long for the last. */
const MAX_GROUPS_PER_TRANSACTION = 512;
const IDLE_MS = 2_000;
const WATCH_MS = 300;
/** Free pages are given back in small steps, and only when there are many: 4 MiB. */
const FREE_PAGES_KEPT = 1_024;
const FREE_PAGES_PER_STEP = 256;
const STEP_PAUSE_MS = 200;

type OpenFile = Readonly<{
  take: (request: Request) => void;
  /** Commits and answers what was taken. */
  serve: () => void;
}>;

if (parentPort !== null) start(parentPort);

function start(port: NonNullable<typeof parentPort>): void {
  const post = (reply: Reply): void => port.postMessage(reply);
  const files: OpenFile[] = [];
  let open = 0;
  const onClosed = (): void => {
    if (--open === 0) port.close();
  };
  try {
    // The parse edge: only open-database.ts starts this thread.
    for (const file of workerData as readonly DatabaseFile[])
      files.push(openFile(files.length, file, post, onClosed));
    open = files.length;
  } catch (error) {
    post({ kind: 'not-opened', text: textOf(error) });
    port.close();
    return;
  }
  port.on('message', (first: Request) => {
    let request: Request | undefined = first;
    while (request !== undefined) {
      files[request.file]?.take(request);
      request = receiveMessageOnPort(port)?.message;
    }
    for (const file of files) file.serve();
  });
  post({ kind: 'opened' });
  flushCompileCache(); // else only an orderly end would save it
}

function openFile(
  number: number,
  file: DatabaseFile,
  post: (reply: Reply) => void,
  onClosed: () => void,
): OpenFile {
  const connection = openConnection(file.path, file.durability);
  const groupCommit = createGroupCommit(connection);
  const readWork = createWorkReader();
  const patience = createPatience();
  let waiting: WaitingWork = { groups: [], queries: [] };
  /** Runs while what waits is put off. */
  let putOff: Readonly<{ timer: NodeJS.Timeout; until: number }> | null = null;
  let told = false;
  let closing = false;

  const tellFailure = (): void => {
    const text = groupCommit.failure();
    // What may be lost anyway is no reason to stop.
    if (text === null || told || file.durability === 'relaxed') return;
    told = true;
    post({ kind: 'fatal', text });
  };
  const onFailure = (text: string): void => {
    groupCommit.fail(text);
    tellFailure();
  };
  const query = createQuery(connection, text => onFailure(`the database is damaged: ${text}`));
  const checkpointer = createCheckpointer(connection, { path: file.path, onSyncFailed: onFailure });
  const idle = createIdleWork(connection, checkpointer, onFailure);
  const watch = createWatch(connection, () => post({ kind: 'changed', file: number }));

  const answerAll = ({ groups, queries }: WaitingWork): (readonly [number, Answer])[] => {
    const answers: (readonly [number, Answer])[] = [];
    for (let at = 0; at < groups.length; at += MAX_GROUPS_PER_TRANSACTION) {
      const some = groups.slice(at, at + MAX_GROUPS_PER_TRANSACTION);
      const begin = performance.now();
      const results = groupCommit.commit(some.map(group => group.statements));
      const now = performance.now();
      patience.committed(now - begin, { urgent: urgentIn(some), now });
      for (const [i, result] of results.entries()) answers.push([some[i]?.ticket ?? 0, shortAnswer(result)]);
    }
    for (const one of queries) answers.push([one.ticket, query(one)]);
    return answers;
  };
  const close = async (): Promise<void> => {
    idle.stop();
    watch.stop();
    await checkpointer.close();
    // The last connection to close checkpoints: not after a failed sync, where the log is the only truth.
    if (groupCommit.failure() === null) connection.close();
    post({ kind: 'closed', file: number });
    onClosed();
  };
  const afterCommit = (): void => {
    idle.soon();
    // What may be lost anyway is copied by SQLite itself: nobody waits for it.
    if (file.durability === 'durable' && groupCommit.failure() === null) checkpointer.afterCommit();
  };
  const work = (now: WaitingWork): void => {
    if (now.groups.length + now.queries.length === 0) return;
    post({ kind: 'done', file: number, answers: answerAll(now) });
    tellFailure();
    if (now.groups.length > 0) afterCommit();
  };
  const workAll = (): void => {
    if (putOff !== null) clearTimeout(putOff.timer);
    putOff = null;
    const now = waiting;
    waiting = { groups: [], queries: [] };
    work(now);
  };
  /** Answers the queries. What comes meanwhile does not prolong the wait, but may shorten it. */
  const workAt = (until: number, now: number): void => {
    if (putOff === null || until < putOff.until) {
      if (putOff !== null) clearTimeout(putOff.timer);
      putOff = { timer: setTimeout(workAll, until - now), until };
    }
    work({ groups: [], queries: waiting.queries.splice(0) });
  };
  const mayWait = ({ groups }: WaitingWork): boolean =>
    !closing && groups.length > 0 && groups.length < MAX_GROUPS_PER_TRANSACTION;
  return {
    take: request => {
      if (request.kind === 'work') readWork(request, waiting);
      else if (request.kind === 'watch') watch.start();
      else closing = true;
    },
    serve: () => {
      const now = performance.now();
      const wait = mayWait(waiting) ? patience.wait(urgentIn(waiting.groups), now) : 0;
      if (wait > 0) workAt(now + wait, now);
      else workAll();
      if (closing) {
        closing = false;
        void close();
      }
    },
  };
}

/** Those for which somebody waits. */
function urgentIn(groups: readonly WaitingGroup[]): number {
  return groups.reduce((count, { patient }) => count + (patient ? 0 : 1), 0);
}

/** A committed group without rows needs only its numbers. */
function shortAnswer(result: GroupResult): Answer {
  if (result.kind !== 'committed') return result;
  for (const effect of result.effects) if (effect.rows.length > 0) return result;
  return result.effects.map(effect => effect.changes);
}

function createQuery(
  connection: Connection,
  onDamage: (text: string) => void,
): (query: WaitingQuery) => Answer {
  const prepare = createStatementCache(connection);
  return ({ sql, params }) => {
    try {
      const prepared = prepare(sql);
      if (!prepared.reader || !prepared.readonly) return { kind: 'bug', text: `not a query: ${sql}` };
      return { kind: 'rows', rows: prepared.all(params) };
    } catch (error) {
      if (isDamage(error)) onDamage(textOf(error));
      return { kind: 'bug', text: `${textOf(error)} in: ${sql}` };
    }
  };
}

/** Checkpoint and vacuum, some time after the last commit. */
function createIdleWork(
  connection: Connection,
  checkpointer: Pick<Checkpointer, 'whenIdle'>,
  onFailure: (text: string) => void,
) {
  let timer: NodeJS.Timeout | null = null;
  const run = (): void => {
    timer = null;
    try {
      checkpointer.whenIdle();
      if (pragmaNumber(connection, 'freelist_count') <= FREE_PAGES_KEPT) return;
      connection.pragma(`incremental_vacuum(${FREE_PAGES_PER_STEP})`);
      timer = setTimeout(run, STEP_PAUSE_MS);
    } catch (error) {
      // What fails otherwise (busy, full) is made up for later.
      if (isFailedSync(error, 'commit')) onFailure(`giving free pages back: ${textOf(error)}`);
    }
  };
  const soon = (): void => {
    if (timer === null) timer = setTimeout(run, IDLE_MS);
    else timer.refresh();
  };
  const stop = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  return { soon, stop };
}

/** SQLite's data_version differs from its last value only after another connection has committed. */
function createWatch(connection: Connection, onChange: () => void) {
  const version = connection.prepare<[], number>('PRAGMA data_version').pluck();
  let last = version.get();
  let timer: NodeJS.Timeout | null = null;
  const look = (): void => {
    try {
      const now = version.get();
      if (now === last) return;
      last = now;
      onChange();
    } catch (error) {
      if (codeOf(error) === null) throw error; // an unreadable file shows itself at the next commit
    }
  };
  return {
    start: () => {
      timer ??= setInterval(look, WATCH_MS);
    },
    stop: () => {
      if (timer !== null) clearInterval(timer);
    },
  };
}
