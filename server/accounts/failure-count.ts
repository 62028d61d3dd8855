// Counts what went wrong lately, by group: how many different things, each once however often it is repeated. In memory,
// and bounded however many groups a flood makes: the group that failed longest ago is forgotten first.

import type { Clock, DurationMs } from '../clock.ts';

export type FailureCount = Readonly<{
  /** Notes a failure. `what` tells different ones apart; null is different from all others. Returns the new count. */
  note: (group: string, what: string | null) => number;
  /** How many different things failed within the window; counts no further than `most`. */
  count: (group: string) => number;
  forget: (group: string) => void;
  /** Forgets every group whose name begins like that. Looks at all of them. */
  forgetAll: (beginning: string) => void;
}>;

type Group = { readonly failedAt: Map<string | number, DurationMs>; lastAt: DurationMs };

/** Failures remembered at once, of all groups: about 200 octets each. */
const CAPACITY = 20_000;

export function createFailureCount(
  deps: Readonly<{
    clock: Pick<Clock, 'monotonic'>;
    window: DurationMs;
    /** Where counting may end, because more changes nothing. */
    most: number;
    capacity?: number;
  }>,
): FailureCount {
  const { clock, window, most } = deps;
  const capacity = Math.max(deps.capacity ?? CAPACITY, most);
  /** The one that failed last is the last. */
  const groups = new Map<string, Group>();
  let total = 0;
  let unlike = 0;

  const forget = (name: string): void => {
    total -= groups.get(name)?.failedAt.size ?? 0;
    groups.delete(name);
  };

  const trim = ({ failedAt }: Group, now: DurationMs): void => {
    for (const [oldest, at] of failedAt) {
      if (failedAt.size <= most && now - at < window) break;
      failedAt.delete(oldest);
      total -= 1;
    }
  };

  return {
    note: (name, what) => {
      const now = clock.monotonic();
      const group = groups.get(name) ?? { failedAt: new Map<string | number, DurationMs>(), lastAt: now };
      groups.delete(name);
      groups.set(name, group);
      group.lastAt = now;
      if (what === null) unlike += 1;
      const key = what ?? unlike;
      // Set anew, so that the order stays that of time.
      if (!group.failedAt.delete(key)) total += 1;
      group.failedAt.set(key, now);
      trim(group, now);
      for (const [oldest, { lastAt }] of groups) {
        if (total <= capacity && now - lastAt < window) break;
        forget(oldest);
      }
      return group.failedAt.size;
    },
    count: name => {
      const group = groups.get(name);
      if (group === undefined) return 0;
      trim(group, clock.monotonic());
      return group.failedAt.size;
    },
    forget,
    forgetAll: beginning => {
      for (const name of [...groups.keys()]) if (name.startsWith(beginning)) forget(name);
    },
  };
}
