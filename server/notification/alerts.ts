// The one path of every alert: the same thing is said once and then counted (alert-memory.ts), at most twenty go out in an
// hour and one more says how many did not (alert-budget.ts), and whatever goes out is logged and handed to the channels.
// Guarantees: `raise` never throws and never waits; memory, rows and commits are bounded however many are raised. It does
// not know the channels; what they make of it is outbox.ts's business.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Database } from '../storage/database.ts';
import { type Batch, createWriteBehind } from '../storage/write-behind.ts';
import type { Alert, RaiseAlert } from './alert.ts';
import { createAlertBudget, WINDOW } from './alert-budget.ts';
import { createAlertMemory, OTHERS, type Remembered } from './alert-memory.ts';
import { deleteAlert, deleteAlertsBefore, putAlert, readAlerts } from './alert-statements.ts';
import type { Notice } from './notice.ts';

export type Alerts = Readonly<{
  raise: RaiseAlert;
  /** Forgets what was not raised for two months. Call it only with a time that can be trusted. Never rejects. */
  sweep: () => Promise<void>;
  /** Writes what waits. Never rejects. */
  flush: () => Promise<void>;
  /** The last flush; nothing goes out after it. */
  close: () => Promise<void>;
}>;

type Deps = Readonly<{
  database: Database;
  clock: Clock;
  clockTrusted: () => boolean;
  log: Log;
  /** To the channels; returns to how many. Never throws, never waits. */
  send: (notice: Notice) => number;
  /** How long after the first alert that did not go out the others are summed up. */
  summaryAfter?: DurationMs;
}>;

/** That something was said is on disk after this time, so that a restart does not say it again. */
const SOON: DurationMs = 3_000;
/** How often it was raised. */
const COUNTS: DurationMs = 30_000;
const REMEMBERED: DurationMs = 60 * 86_400_000;
const SUMMARY_AFTER: DurationMs = 600_000;

/** Reads what earlier processes said. Rejects where the database cannot be read. */
export async function createAlerts(deps: Deps): Promise<Alerts> {
  const { database, clock, log } = deps;
  const memory = createAlertMemory({ ...deps, stored: await readAlerts(database) });
  const budget = createAlertBudget(clock);
  const changed = new Map<string, Remembered>();
  const withheld = new Set<Remembered>();
  let summary: NodeJS.Timeout | null = null;
  let lastSummary: DurationMs = Number.NEGATIVE_INFINITY;
  let closed = false;

  const take = (): Batch | null => {
    const gone = memory.forgotten();
    for (const alert of gone) changed.delete(keyOf(alert));
    const put = [...changed.values()].map(one => one.alert);
    if (put.length + gone.length === 0) return null;
    return {
      group: [...put.map(putAlert), ...gone.map(deleteAlert)],
      written: () => {
        for (const alert of put) if (changed.get(keyOf(alert))?.alert === alert) changed.delete(keyOf(alert));
      },
    };
  };
  const writer = createWriteBehind({ database, take, what: 'list of alerts', clock, log });

  const goOut = (notice: Notice): number => {
    const { kind, subject, text, account, address } = notice;
    log('alert', {
      kind,
      subject,
      text,
      ...(account === null ? {} : { account }),
      ...(address === null ? {} : { address }),
    });
    return deps.send(notice);
  };

  const withhold = (one: Remembered): void => {
    withheld.add(one);
    if (summary !== null) return;
    const after = deps.summaryAfter ?? SUMMARY_AFTER;
    const wait = Math.max(after, lastSummary + WINDOW - clock.monotonic());
    summary = setTimeout(sumUp, wait).unref();
  };

  const sumUp = (): void => {
    summary = null;
    lastSummary = clock.monotonic();
    const count = withheld.size;
    withheld.clear();
    if (closed || count === 0) return;
    const now = clock.now();
    const alert = { kind: 'more-alerts', subject: '', account: null, address: null } as const;
    goOut({ ...alert, text: moreText(count), at: now, count: 1, since: now });
  };

  const raise: RaiseAlert = alert => {
    if (closed) return;
    const one = memory.note(alert);
    changed.set(keyOf(one.alert), one);
    writer.due(COUNTS);
    if (!memory.isDue(one)) return;
    writer.due(SOON);
    if (!budget.take(alert.kind)) return withhold(one);
    withheld.delete(one);
    memory.said(one, goOut(noticeOf(alert, one)) > 0);
  };

  return {
    raise,
    sweep: async () => {
      await database.commit([deleteAlertsBefore(clock.now() - REMEMBERED)]).catch(() => null);
    },
    flush: writer.flush,
    close: () => {
      closed = true;
      if (summary !== null) clearTimeout(summary);
      return writer.close();
    },
  };
}

function noticeOf({ account, address }: Alert, { alert }: Remembered): Notice {
  const { kind, subject, text, lastAt, count, firstAt } = alert;
  const told = { kind, subject, text, at: lastAt, count, since: firstAt };
  // What stands for many is about none of them.
  if (subject === OTHERS) return { ...told, account: null, address: null };
  return { ...told, account: account ?? null, address: address ?? null };
}

function keyOf({ kind, subject }: Pick<Alert, 'kind' | 'subject'>): string {
  return `${kind} ${subject}`;
}

function moreText(count: number): string {
  const were = count === 1 ? 'One more alert was' : `${count} more alerts were`;
  return `${were} raised than are sent in an hour: "postern alert list" shows ${count === 1 ? 'it' : 'them'}.`;
}
