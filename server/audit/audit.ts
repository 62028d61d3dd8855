// How facts come into the audit. What an operator changes stands in the commit of the change itself (auditStatement). What
// the server sees (logins, bans) is gathered and written every few seconds in one commit: `record` never throws and never
// waits, and however many logins fail, rows, commits and memory stay few, because equal facts are one row that counts.
// A crash loses the last seconds of what the server saw, and the last half minute of its counts.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { NewId } from '../ids.ts';
import type { Database, Statement } from '../storage/database.ts';
import { type Batch, createWriteBehind } from '../storage/write-behind.ts';
import type { Actor, AuditFact, RecordAudit } from './audit-entry.ts';
import { type AuditRow, insertAuditRow, putAuditRow } from './audit-statements.ts';

export type Audit = Readonly<{
  record: RecordAudit;
  /** Writes what waits. Never rejects. */
  flush: () => Promise<void>;
  /** The last flush. */
  close: () => Promise<void>;
}>;

type Deps = Readonly<{ database: Pick<Database, 'commit'>; clock: Clock; newId: NewId; log: Log }>;

/** A row that further equal facts are added to, until it is over. */
type OpenRow = {
  readonly row: AuditRow;
  readonly since: DurationMs;
  count: number;
  lastAt: EpochMs;
  written: number;
};

/** A fact is on disk after this time. */
const SOON: DurationMs = 3_000;
/** Failed logins of one kind are one row for this time. */
const FAILURES_TOGETHER: DurationMs = 600_000;
/** How many they were by now is on disk after this time. */
const COUNTS: DurationMs = 30_000;
/** Rows that are open at the same time. More different failures in ten minutes are a flood: one row counts the rest. */
const MOST_OPEN = 200;
/** What waits in memory while the database cannot be written. */
const MOST_UNWRITTEN = 1_000;

/** One fact, for the group that makes the change: both are committed, or neither. */
export function auditStatement(fact: AuditFact, actor: Actor, now: EpochMs, id: string): Statement {
  return insertAuditRow({ id, at: now, lastAt: now, actor, fact, count: 1 });
}

export function createAudit({ database, clock, newId, log }: Deps): Audit {
  const open = new Map<string, OpenRow>();
  const unwritten = new Set<OpenRow>();

  const take = (): Batch | null => {
    const counts = [...unwritten].map(one => ({ one, count: one.count }));
    if (counts.length === 0) return null;
    return {
      group: counts.map(({ one, count }) => putAuditRow({ ...one.row, lastAt: one.lastAt, count })),
      written: () => {
        for (const { one, count } of counts) {
          one.written = count;
          if (one.count === count) unwritten.delete(one);
        }
        forgetOver();
      },
    };
  };
  const writer = createWriteBehind({ database, take, what: 'audit', clock, log });

  const isOver = ({ row, since }: OpenRow): boolean =>
    clock.monotonic() - since >= (row.fact.action === 'login.failed' ? FAILURES_TOGETHER : SOON);

  const forgetOver = (): void => {
    for (const [key, one] of open) if (isOver(one)) open.delete(key);
  };

  const write = (one: OpenRow): void => {
    unwritten.add(one);
    const [oldest] = unwritten;
    if (unwritten.size > MOST_UNWRITTEN && oldest !== undefined) unwritten.delete(oldest);
    writer.due(one.written === 0 ? SOON : COUNTS);
  };

  const count = (fact: AuditFact, actor: Actor): boolean => {
    const one = open.get(keyOf(fact, actor));
    if (one === undefined || isOver(one)) return false;
    one.count++;
    one.lastAt = clock.now();
    write(one);
    return true;
  };

  const begin = (fact: AuditFact, actor: Actor): void => {
    const now = clock.now();
    const row: AuditRow = { id: newId(), at: now, lastAt: now, actor, fact, count: 1 };
    const one: OpenRow = { row, since: clock.monotonic(), count: 1, lastAt: now, written: 0 };
    open.set(keyOf(fact, actor), one);
    write(one);
  };

  return {
    record: (fact, actor) => {
      if (count(fact, actor)) return;
      if (open.size >= MOST_OPEN) forgetOver();
      if (open.size < MOST_OPEN) return begin(fact, actor);
      const rest = theRest(fact);
      if (!count(rest, 'postern')) begin(rest, 'postern');
    },
    flush: writer.flush,
    close: writer.close,
  };
}

/** Stands for all facts of its action that there was no row for. */
function theRest({ action }: AuditFact): AuditFact {
  return { action, object: '', address: null, detail: 'others, too many at once to tell apart' };
}

function keyOf({ action, object, account, address = null, detail = null }: AuditFact, actor: Actor): string {
  return JSON.stringify([action, object, account?.id ?? null, address, detail, actor]);
}
