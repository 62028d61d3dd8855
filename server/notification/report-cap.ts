// How many reports each person got within the last hour, so that a broken device or a dead address does not fill a mailbox.
// Counts by the monotonic clock; what earlier processes sent is told at the start. Memory is bounded by what was sent.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';

export type ReportCap = Readonly<{
  /** How many more this address may get now. */
  free: (to: string) => number;
  note: (to: string) => void;
  /** Until one more is free; 0 where one is. */
  wait: (to: string) => DurationMs;
}>;

export type SentReport = Readonly<{ to: string; at: EpochMs }>;

const HOUR: DurationMs = 3_600_000;

export function createReportCap({
  clock,
  perHour,
  sent,
}: Readonly<{ clock: Clock; perHour: number; sent: readonly SentReport[] }>): ReportCap {
  const times = new Map<string, readonly DurationMs[]>();
  const keyOf = (to: string) => to.toLowerCase();

  const lately = (to: string): readonly DurationMs[] =>
    (times.get(keyOf(to)) ?? []).filter(at => clock.monotonic() - at < HOUR);

  const forget = (): void => {
    for (const to of times.keys()) if (lately(to).length === 0) times.delete(to);
  };

  const noteAt = (to: string, at: DurationMs): void => {
    times.set(
      keyOf(to),
      [...lately(to), at].toSorted((a, b) => a - b),
    );
  };

  for (const { to, at } of sent) {
    // One from the future was sent by a wrong clock, at some time before now.
    const age = Math.max(0, clock.now() - at);
    if (age < HOUR) noteAt(to, clock.monotonic() - age);
  }

  return {
    free: to => Math.max(0, perHour - lately(to).length),
    note: to => {
      forget();
      noteAt(to, clock.monotonic());
    },
    wait: to => {
      const all = lately(to);
      const ending = all.at(-perHour);
      return all.length < perHour || ending === undefined ? 0 : ending + HOUR - clock.monotonic();
    },
  };
}
