// What is to be said to whom, gathered for one round. Bounded: of one person no more is kept than a round can say, and once
// it is full, what is kept must be said before more is gathered.

import type { DueReport } from './due-reports.ts';
import { MOST_IN_DIGEST } from './report-decision.ts';

export type WaitingReports = Readonly<{
  add: (to: string, due: DueReport) => void;
  isFull: () => boolean;
  /** Everybody for whom something waits; oldest message first, empty where no more may be said now. */
  people: () => Iterable<readonly [to: string, waiting: readonly DueReport[]]>;
}>;

/** Reports and people, in memory at once. */
const MOST_KEPT = 2_000;

type Person = { waiting: DueReport[]; late: number };

/** `free`: how many reports a person may still get. */
export function createWaitingReports(free: (to: string) => number): WaitingReports {
  const people = new Map<string, Person>();
  let kept = 0;

  const personAt = (to: string): Person => {
    const known = people.get(to);
    if (known !== undefined) return known;
    const person = { waiting: [], late: 0 };
    people.set(to, person);
    kept++;
    return person;
  };

  return {
    add: (to, due) => {
      const person = personAt(to);
      const places = free(to);
      // One more than is free tells that there are too many to be said one by one.
      const most = places < 1 ? 0 : Math.max(MOST_IN_DIGEST, places + 1);
      // What is late may have to wait: it must not take the place of what has failed.
      const isLate = due.report === 'delay';
      const ofItsSort = isLate ? person.late : person.waiting.length - person.late;
      if (ofItsSort >= most) return;
      person.waiting.push(due);
      if (isLate) person.late++;
      kept++;
    },
    isFull: () => kept >= MOST_KEPT,
    people: () => [...people].map(([to, { waiting }]) => [to, waiting] as const),
  };
}
