// One round of telling people: goes through all that is due, some of it at a time, decides to whom and in how many messages
// (report-decision.ts), and has it written and queued (report-writer.ts). A message, or a person, with whom something goes
// wrong keeps its mark and holds up nobody else.

import type { DurationMs } from '../clock.ts';
import type { Database } from '../storage/database.ts';
import type { RaiseAlert } from './alert.ts';
import { type DueReport, readDuePage } from './due-reports.ts';
import type { ReportCap } from './report-cap.ts';
import { addresseeOf, isLost, planFor } from './report-decision.ts';
import { readUnreported } from './report-statements.ts';
import type { ReportWriter, Told } from './report-writer.ts';
import { undeliveredAlert, unreportedAlert } from './undelivered-alert.ts';
import { createWaitingReports, type WaitingReports } from './waiting-reports.ts';

type Deps = Readonly<{
  database: Pick<Database, 'read'>;
  writer: ReportWriter;
  cap: ReportCap;
  raise: RaiseAlert;
  /** Whether mail on this way that waits for long is late, as far as is known now. */
  isLate: (way: string) => boolean;
  /** Whether its upstream is given another sender for such mail. */
  isRewritten: (facts: Pick<DueReport, 'upstreamId' | 'account' | 'reversePath'>) => boolean;
  /** Asked between messages: the process ends. */
  stopped: () => boolean;
  /** Something went wrong; it is tried again in the next round. */
  onTrouble: (text: string) => void;
}>;

/** Where everything goes wrong, the log needs not say so of each. */
const MOST_TROUBLES = 5;

/**
 * The round returns how long until somebody who had too many may be told more; infinite where nobody waits for that. It
 * rejects where the database cannot be read.
 */
export function createReportRound(deps: Deps): () => Promise<DurationMs> {
  const { writer, cap, stopped } = deps;
  let troubles = 0;

  const guarded = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      troubles++;
      if (troubles > MOST_TROUBLES) return;
      deps.onTrouble(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const guardedOne = ({ messageId }: DueReport, work: () => Promise<unknown>) =>
    guarded(`The report about ${messageId} could not be made`, work);

  const gathered = async (messages: readonly DueReport[]): Promise<readonly Told[]> => {
    const told: Told[] = [];
    for (const due of messages) {
      await guardedOne(due, async () => {
        const one = await writer.gather(due);
        if (one !== null) told.push(one);
      });
    }
    return told;
  };

  const say = async (to: string, waiting: readonly DueReport[]): Promise<void> => {
    const plan = planFor(waiting, cap.free(to));
    if (plan.kind === 'wait') return;
    if (plan.kind === 'digest') {
      const told = await gathered(plan.messages);
      if (told.length > 0 && (await writer.digest(to, told))) cap.note(to);
      return;
    }
    for (const due of plan.messages) {
      if (stopped()) return;
      await guardedOne(due, async () => {
        const told = await writer.gather(due);
        if (told !== null && (await writer.report(to, told))) cap.note(to);
      });
    }
  };

  /** What a failed report was about is told to the operator, where it was lost; nobody else can be. */
  const tellUnreported = async (told: Told): Promise<void> => {
    const unreported = await readUnreported(deps.database, told.due.messageId);
    // Somebody has had it sent again meanwhile.
    if (unreported !== null && unreported.forwardPaths.length === 0) return;
    deps.raise(unreportedAlert(told, unreported));
  };

  /** Notes that nobody is told but, perhaps, the operator. */
  const settle = async (
    due: DueReport,
    tell: ((told: Told) => void | Promise<void>) | null,
  ): Promise<void> => {
    const told = await writer.gather(due);
    if (told === null) return;
    // Raised first: better twice than never, and what is raised twice is said once.
    await tell?.(told);
    await writer.settle(told);
  };

  const sort = async (due: DueReport, waiting: WaitingReports): Promise<void> => {
    // What an operator holds is late because they said so.
    if (due.isHeld && due.report === 'delay') return;
    // Once its upstream works again, it may be gone before its report.
    if (!due.isStale && due.report === 'delay' && !due.ways.some(deps.isLate)) return;
    if (due.isStale) {
      await writer.drop(due);
    } else if (due.failedReport !== null) {
      await settle(due, isLost(due.failedReport) ? tellUnreported : null);
    } else {
      const addressee = addresseeOf({ ...due, rewritten: deps.isRewritten(due) });
      if (addressee.kind === 'person') waiting.add(addressee.to, due);
      else
        await settle(due, addressee.kind === 'operator' ? told => deps.raise(undeliveredAlert(told)) : null);
    }
  };

  /** Gathers from there on until all is seen, or until there is enough; returns where to go on, or null. */
  const gather = async (from: string, waiting: WaitingReports): Promise<string | null> => {
    let after: string | null = from;
    while (after !== null && !waiting.isFull() && !stopped()) {
      const { due, next } = await readDuePage(deps.database, after);
      for (const one of due) {
        if (stopped()) return null;
        await guardedOne(one, () => sort(one, waiting));
      }
      after = next;
    }
    return after;
  };

  return async () => {
    troubles = 0;
    let until = Number.POSITIVE_INFINITY;
    for (let after: string | null = ''; after !== null && !stopped(); ) {
      const waiting = createWaitingReports(cap.free);
      after = await gather(after, waiting);
      for (const [to, all] of waiting.people()) {
        if (stopped()) break;
        await guarded(`What ${to} is to be told could not be said`, () => say(to, all));
        const wait = cap.wait(to);
        if (wait > 0) until = Math.min(until, wait);
      }
    }
    if (troubles > MOST_TROUBLES)
      deps.onTrouble(`${troubles - MOST_TROUBLES} more reports could not be made.`);
    return until;
  };
}
