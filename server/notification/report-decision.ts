// Who is told what becomes of mail, when, and in how many messages. Pure: the reporter asks and obeys.

import type { Capacity } from '../queue/delivery.ts';
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

/**
 * `free`: how many reports this person may still get within the hour. `canLeave`: some upstream takes mail now; else a
 * digest of what is late would only come together with what it is about.
 */
export function planFor<Due extends Readonly<{ report: ReportKind }>>(
  waiting: readonly Due[],
  { free, canLeave }: Readonly<{ free: number; canLeave: boolean }>,
): Plan<Due> {
  if (free < 1) return { kind: 'wait' };
  if (waiting.length <= free) return { kind: 'each', messages: waiting };
  const messages = waiting.filter(one => canLeave || one.report !== 'delay').slice(0, MOST_IN_DIGEST);
  return messages.length === 0 ? { kind: 'wait' } : { kind: 'digest', messages };
}

/**
 * Whether mail on this way that waits for long is late, or waits because the operator said so: an upstream of it is paused
 * and no other may take it.
 */
export function isLate(way: string, upstreams: readonly Capacity[], routes: Routes): boolean {
  const open = openTo(parseWay(way), routes);
  const mayTakeIt = upstreams.filter(one => open.includes(one.upstreamId));
  return mayTakeIt.some(one => one.open) || !mayTakeIt.some(one => one.paused);
}
