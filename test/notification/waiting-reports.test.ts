// What is kept of one round: of one person as much as can be said, of everybody together a bounded number.

import { expect, it } from 'vitest';
import type { DueReport } from '../../server/notification/due-reports.ts';
import { MOST_IN_DIGEST } from '../../server/notification/report-decision.ts';
import { createWaitingReports } from '../../server/notification/waiting-reports.ts';

const due = (messageId: string, report: DueReport['report'] = 'failure'): DueReport => ({
  ...{ messageId, report, failedReport: null, isStale: false, isHeld: false },
  ...{ account: null, owner: null, reversePath: '', ways: [], upstreamId: null },
});

/** How many are kept of one person who has so many. */
function keptOf(count: number, free: number, report: DueReport['report'] = 'failure'): number {
  const waiting = createWaitingReports(() => free);
  for (let i = 0; i < count; i++) waiting.add('a@example.net', due(`M${i}`, report));
  return [...waiting.people()][0]?.[1].length ?? -1;
}

it.each([
  ['what one digest says', 5_000, 10, MOST_IN_DIGEST],
  ['enough to tell that there are too many', 5_000, 1_000, 1_001],
  ['all of a few', 7, 10, 7],
  ['nothing of who may get none, but that they wait', 5_000, 0, 0],
])('of one person is kept %s', (_, count, free, kept) => {
  expect(keptOf(count, free)).toBe(kept);
});

it('keeps failures although much is late', () => {
  const waiting = createWaitingReports(() => 1);
  for (let i = 0; i < 1_000; i++) waiting.add('a@example.net', due(`L${i}`, 'delay'));
  waiting.add('a@example.net', due('F'));
  expect([...waiting.people()][0]?.[1].at(-1)?.messageId).toBe('F');
});

it.each([0, 10])('is full with many people, of whom each may get %i', free => {
  const waiting = createWaitingReports(() => free);
  let people = 0;
  for (; !waiting.isFull() && people < 10_000; people++) waiting.add(`a${people}@example.net`, due('M'));
  expect(people).toBeLessThanOrEqual(2_000);
});
