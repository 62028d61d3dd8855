// How many alerts go out in an hour, counted by the monotonic clock. What clients bring about has only a part of it, and
// each such kind a smaller one: somebody who makes alerts on purpose must not hide that the disk is full.

import type { Clock, DurationMs } from '../clock.ts';
import { type AlertKind, alertKinds } from './alert.ts';

export type AlertBudget = Readonly<{
  /** Takes one alert out of it; false: there is none left for this kind. */
  take: (kind: AlertKind) => boolean;
}>;

export const WINDOW: DurationMs = 3_600_000;
/** In all, of what clients bring about, and of one kind of that. */
export const BUDGET = { all: 20, byClients: 14, ofOneKind: 5 } as const;

export function createAlertBudget(clock: Clock): AlertBudget {
  let taken: readonly Readonly<{ kind: AlertKind; at: DurationMs }>[] = [];
  return {
    take: kind => {
      const now = clock.monotonic();
      taken = taken.filter(({ at }) => now - at < WINDOW);
      const byClients = taken.filter(one => alertKinds[one.kind].cause === 'clients');
      const ofKind = byClients.filter(one => one.kind === kind);
      const isFull =
        taken.length >= BUDGET.all ||
        (alertKinds[kind].cause === 'clients' &&
          (byClients.length >= BUDGET.byClients || ofKind.length >= BUDGET.ofOneKind));
      if (!isFull) taken = [...taken, { kind, at: now }];
      return !isFull;
    },
  };
}
