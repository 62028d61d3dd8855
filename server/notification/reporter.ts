// Tells people what becomes of their mail: looks for recipients about whom something is to be said, decides to whom and in
// how many messages (report-decision.ts), and has it written and queued (report-writer.ts). What cannot be said now keeps its
// mark in the database and is looked at again: after a restart too. Bounded work: looks rest ten times as long as they took.

import type { DurationMs } from '../clock.ts';
import type { Relay } from '../queue/delivery.ts';
import type { RaiseAlert } from './alert.ts';
import { markLateMail } from './late-mail.ts';
import { createReportCap } from './report-cap.ts';
import { addresseeOf, planFor } from './report-decision.ts';
import { type DueReport, readDueReports, readSentReports } from './report-statements.ts';
import { createReportWriter, type ReportWriterDeps } from './report-writer.ts';
import { undeliveredAlert } from './undelivered-alert.ts';

export type Reporter = Readonly<{
  start: () => void;
  /** Something may be due. Never throws, never waits. */
  kick: () => void;
  /** Marks what is late and says what may be said now. Never rejects. */
  look: () => Promise<void>;
  /** Ends with what is under way. */
  stop: () => Promise<void>;
}>;

export type ReporterDeps = ReportWriterDeps &
  Readonly<{
    raise: RaiseAlert;
    relay: Pick<Relay, 'capacity' | 'routing'>;
    /** `queue.delay_after`; 0 is never. */
    delayAfter: DurationMs;
    /** Whether its upstream is given another sender for such mail. */
    isRewritten: (facts: Pick<DueReport, 'upstreamId' | 'account' | 'reversePath'>) => boolean;
  }>;

/** Gathers what settles at the same time. */
const SOON: DurationMs = 100;
const REST = 10;
const EVERY: DurationMs = 60_000;
/** How often late mail is looked for: that reads all that waits. */
const OFTEN: DurationMs = 1_000;
const SELDOM: DurationMs = 5 * 60_000;
const HOUR: DurationMs = 3_600_000;

/** Rejects where the database cannot be read. */
export async function createReporter(deps: ReporterDeps): Promise<Reporter> {
  const { clock, database } = deps;
  const sent = await readSentReports(database, clock.now() - HOUR);
  const cap = createReportCap({ clock, perHour: deps.perHour, sent });
  const writer = createReportWriter(deps);
  const lateEvery = Math.min(SELDOM, Math.max(OFTEN, deps.delayAfter / 4));
  let lateAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let restUntil: DurationMs = 0;
  let nextAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const say = async (to: string, waiting: readonly DueReport[]): Promise<void> => {
    const canLeave = deps.relay.capacity().some(one => one.open);
    const plan = planFor(waiting, { free: cap.free(to), canLeave });
    if (plan.kind === 'wait') return;
    const told = [];
    for (const due of plan.messages) {
      if (stopped) return;
      const one = await writer.gather(due);
      if (one === null) continue;
      if (plan.kind === 'digest') told.push(one);
      else if (await writer.report(to, one)) cap.note(to);
    }
    if (told.length > 0 && (await writer.digest(to, told))) cap.note(to);
  };

  /** Notes that nobody is told but, perhaps, the operator. */
  const settle = async (due: DueReport, tellOperator: boolean): Promise<void> => {
    const told = await writer.gather(due);
    if (told === null) return;
    // Raised first: better twice than never, and what is raised twice is said once.
    if (tellOperator) deps.raise(undeliveredAlert(told));
    await writer.settle(told);
  };

  const sayAll = async (): Promise<DurationMs> => {
    const people = new Map<string, DueReport[]>();
    for (const due of await readDueReports(database)) {
      if (stopped) break;
      // What an operator holds is late because they said so.
      if (due.isHeld && due.report === 'delay') continue;
      if (due.isStale) {
        await writer.drop(due);
        continue;
      }
      const addressee = addresseeOf({ ...due, rewritten: deps.isRewritten(due) });
      if (addressee.kind !== 'person') await settle(due, addressee.kind === 'operator');
      else if (people.get(addressee.to)?.push(due) === undefined) people.set(addressee.to, [due]);
    }
    for (const [to, waiting] of people) await say(to, waiting);
    const waits = [...people.keys()].map(cap.wait).filter(wait => wait > 0);
    return Math.min(EVERY, ...waits);
  };

  const markLate = async (): Promise<void> => {
    if (deps.delayAfter === 0 || !deps.clockTrusted() || clock.monotonic() < lateAt) return;
    lateAt = clock.monotonic() + lateEvery;
    await markLateMail(deps, clock.now());
  };

  /** Returns when to look next. */
  const lookOnce = async (): Promise<DurationMs> => {
    const begun = clock.monotonic();
    try {
      await markLate();
      return Math.min(await sayAll(), deps.delayAfter === 0 ? EVERY : lateEvery);
    } catch (error) {
      deps.log('report.failed', { text: error instanceof Error ? error.message : String(error) });
      return EVERY;
    } finally {
      const now = clock.monotonic();
      restUntil = now + REST * (now - begun);
    }
  };

  const begin = (): Promise<void> => {
    clearTimeout(timer);
    nextAt = Number.POSITIVE_INFINITY;
    looking ??= lookOnce().then(next => {
      looking = null;
      const within = again ? SOON : next;
      again = false;
      if (timer !== undefined) plan(within);
    });
    return looking;
  };

  const plan = (within: DurationMs): void => {
    const now = clock.monotonic();
    const at = Math.max(now + within, restUntil);
    if (stopped || at >= nextAt) return;
    clearTimeout(timer);
    nextAt = at;
    timer = setTimeout(() => void begin(), at - now).unref();
  };

  return {
    start: () => plan(0),
    kick: () => {
      if (looking === null) plan(SOON);
      else again = true;
    },
    look: begin,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
