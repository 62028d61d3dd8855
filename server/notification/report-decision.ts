// Who is told what becomes of mail, when, and in how many messages. Pure: the reporter asks and obeys.

import type { ReportKind } from '../queue/outcome.ts';
import { openTo, parseWay, type Routes } from '../queue/way.ts';

export type Addressee =
  /** A report goes to this address. */
  | Readonly<{ kind: 'person'; to: string }>
  /** Only the operator can be told. */
  | Readonly<{ kind: 'operator' }>
  /** Nobody needs to know, or nobody can. */
  | Readonly<{ kind: 'nobody' }>;

/**
 * The owner of the device where one is set: few devices have a mailbox. Else the sender, unless it is the null one or was
 * replaced at the upstream because it is none there. Else the operator, of what is lost.
 */
export function addresseeOf(
  facts: Readonly<{
    report: ReportKind;
    owner: string | null;
    reversePath: string;
    /** The upstream was given another sender. */
    rewritten: boolean;
  }>,
): Addressee {
  const { report, owner, reversePath, rewritten } = facts;
  if (owner !== null) return { kind: 'person', to: owner };
  if (reversePath !== '' && !rewritten) return { kind: 'person', to: reversePath };
  return report === 'failure' ? { kind: 'operator' } : { kind: 'nobody' };
}

/** Whether mail is lost to everybody where a report that says this cannot be delivered: then the operator must know. */
export function isLost(failedReport: ReportKind | 'digest'): boolean {
  return failedReport === 'failure' || failedReport === 'digest';
}

/** Whether what a report would say is still so: an operator may have had it tried again meanwhile. */
export function isStillTrue(report: ReportKind, state: string): boolean {
  switch (report) {
    case 'failure':
      return state === 'failed' || state === 'expired';
    case 'delay':
      return state === 'queued' || state === 'deferred' || state === 'in_flight';
    case 'relayed':
      return state === 'relayed';
    default:
      return report satisfies never;
  }
}

export type Plan<Due> =
  /** A report for each message, now. */
  | Readonly<{ kind: 'each'; messages: readonly Due[] }>
  /** One message about all of them, now. */
  | Readonly<{ kind: 'digest'; messages: readonly Due[] }>
  /** Nothing until one more may be sent. */
  | Readonly<{ kind: 'wait' }>;

/** Messages in one digest: more than a person reads, and little enough for one commit. */
export const MOST_IN_DIGEST = 200;

/** `free`: how many reports this person may still get within the hour. */
export function planFor<Due>(waiting: readonly Due[], free: number): Plan<Due> {
  if (free < 1) return { kind: 'wait' };
  if (waiting.length <= free) return { kind: 'each', messages: waiting };
  return { kind: 'digest', messages: waiting.slice(0, MOST_IN_DIGEST) };
}

/**
 * Whether mail on this way that waits for long is late. Not while its upstreams are paused, at fault or just open again: a
 * report would come with what it is about, or before it. `isWorking`: the upstream has taken mail for some time.
 */
export function isLate(way: string, isWorking: (upstreamId: string) => boolean, routes: Routes): boolean {
  return openTo(parseWay(way), routes).some(isWorking);
}
