// Keeps a log readable and a disk alive while somebody does the same thing all day: the first time is said at once, then
// once an interval with how often it was. In memory and bounded.

import type { Clock, DurationMs } from '../clock.ts';

/** How often it happened since it was last said, this time included; null: it is not to be said now. */
export type Thinning = (key: string) => number | null;

const MOST = 4_096;

export function createThinning(
  deps: Readonly<{ clock: Pick<Clock, 'monotonic'>; interval: DurationMs; most?: number }>,
): Thinning {
  const { clock, interval, most = MOST } = deps;
  /** What was said last stands last. */
  const said = new Map<string, { readonly at: DurationMs; since: number }>();
  return key => {
    const now = clock.monotonic();
    const known = said.get(key);
    if (known !== undefined && now - known.at < interval) {
      known.since += 1;
      return null;
    }
    said.delete(key);
    said.set(key, { at: now, since: 0 });
    for (const oldest of said.keys()) {
      if (said.size <= most) break;
      said.delete(oldest);
    }
    return (known?.since ?? 0) + 1;
  };
}
