// Work under way that stopping waits for.

import type { DurationMs } from '../clock.ts';

export type Running = Readonly<{
  /** Stopping waits for it. What it rejects with was already said, or is recovered at the next start. */
  track: (work: Promise<unknown>) => void;
  /** Resolves when all of it has ended, or after this time. */
  ended: (within: DurationMs) => Promise<void>;
}>;

export function createRunning(): Running {
  const running = new Set<Promise<void>>();
  return {
    track: work => {
      const tracked: Promise<void> = work
        .then(
          () => undefined,
          () => undefined,
        )
        .finally(() => running.delete(tracked));
      running.add(tracked);
    },
    ended: async within => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, within);
      });
      await Promise.race([Promise.all(running), late]);
      clearTimeout(timer);
    },
  };
}
