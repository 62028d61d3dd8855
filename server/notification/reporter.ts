// Tells people what becomes of their mail: looks for recipients about whom something is to be said, at once when it is told
// that there are some, and from time to time; a round of it is report-round.ts. What cannot be said now keeps its mark in
// the database and is looked at again: after a restart too. Bounded work: looks rest ten times as long as they took.

import type { DurationMs } from '../clock.ts';
import type { Relay } from '../queue/delivery.ts';
import type { RaiseAlert } from './alert.ts';
import type { DueReport } from './due-reports.ts';
import { markLateMail } from './late-mail.ts';
import { createReportCap } from './report-cap.ts';
import { createReportRound } from './report-round.ts';
import { readSentReports } from './report-statements.ts';
import { createReportWriter, type ReportWriterDeps } from './report-writer.ts';
import { createWorkingUpstreams } from './working-upstreams.ts';

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
    /** `queue.retry_max`. */
    retryMax: DurationMs;
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
/** What waited for an upstream is given at least this time to leave, unless mail is late sooner. */
const LEAST_DRAIN: DurationMs = 60_000;
const HOUR: DurationMs = 3_600_000;

/** Rejects where the database cannot be read. */
export async function createReporter(deps: ReporterDeps): Promise<Reporter> {
  const { clock, database } = deps;
  const sent = await readSentReports(database, clock.now() - HOUR);
  const cap = createReportCap({ clock, perHour: deps.perHour, sent });
  const complain = (text: string): void => deps.log('report.failed', { text });
  const lateEvery = Math.min(SELDOM, Math.max(OFTEN, deps.delayAfter / 4));
  let lateAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let restUntil: DurationMs = 0;
  let nextAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const drain = Math.min(deps.delayAfter, Math.max(LEAST_DRAIN, deps.retryMax));
  const upstreams = createWorkingUpstreams({ ...deps, drain });
  const sayAll = createReportRound({
    ...deps,
    isLate: upstreams.isLate,
    writer: createReportWriter(deps),
    cap,
    stopped: () => stopped,
    onTrouble: complain,
  });

  const markLate = async (): Promise<void> => {
    if (deps.delayAfter === 0 || !deps.clockTrusted() || clock.monotonic() < lateAt) return;
    lateAt = clock.monotonic() + lateEvery;
    await markLateMail({ ...deps, isLate: upstreams.isLate, stopped: () => stopped }, clock.now());
  };

  /** Returns when to look next. */
  const lookOnce = async (): Promise<DurationMs> => {
    const begun = clock.monotonic();
    upstreams.look();
    try {
      // What is late can wait; what has failed is said although that went wrong.
      await markLate().catch((error: unknown) => complain(textOf(error)));
      return Math.min(EVERY, await sayAll(), deps.delayAfter === 0 ? EVERY : lateEvery);
    } catch (error) {
      complain(textOf(error));
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

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
