// Does what waiting mail needs from time to time: routes it, at once when something has changed, and holds what has waited
// through too long an outage. One pass at a time; one that could not be written is done again. Nothing here rejects.

import type { DurationMs } from '../clock.ts';
import type { Outages } from './outages.ts';
import type { RoutingPass } from './routing-pass.ts';

export type Upkeep = Readonly<{
  start: () => void;
  /** Other processes have written to the queue: their mail has no way yet. */
  look: () => void;
  /** Routes or upstreams have changed. */
  rerouteAll: () => void;
  /** Resolves when nothing is under way any more. */
  stop: () => Promise<void>;
}>;

/** Bound mail is released, and what escaped is found, this often. */
const EVERY: DurationMs = 60_000;
/** Pause before a pass that was refused (full disk, foreign lock) is done again. */
const RETRY: DurationMs = 1_000;

export function createUpkeep(
  deps: Readonly<{
    routing: RoutingPass;
    outages: Pick<Outages, 'start' | 'stop'>;
    /** Something may be due now. */
    onRouted: () => void;
  }>,
): Upkeep {
  const { routing, outages, onRouted } = deps;
  let wanted: 'nothing' | 'some' | 'all' = 'nothing';
  let working: Promise<void> | null = null;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;

  const work = async (): Promise<void> => {
    while (wanted !== 'nothing' && !stopping) {
      const all = wanted === 'all';
      wanted = 'nothing';
      // Later than whoever told us: others who follow the same change have then seen it too.
      await new Promise(resolve => {
        setImmediate(resolve);
      });
      const run = all ? routing.runAnew : routing.run;
      const routed = await run(() => stopping).catch(() => null);
      if (routed === null) again(all);
      else if (routed > 0) onRouted();
    }
  };

  const want = (what: 'some' | 'all') => {
    if (stopping) return;
    if (wanted !== 'all') wanted = what;
    working ??= work().finally(() => {
      working = null;
      if (wanted !== 'nothing') want(wanted);
    });
  };

  const again = (all: boolean) => {
    clearTimeout(retry);
    if (!stopping) retry = setTimeout(() => want(all ? 'all' : 'some'), RETRY);
  };

  return {
    start: () => {
      want('all');
      outages.start();
      timer = setInterval(() => want('some'), EVERY).unref();
    },
    look: () => want('some'),
    rerouteAll: () => want('all'),
    stop: async () => {
      stopping = true;
      clearInterval(timer);
      clearTimeout(retry);
      await working;
      await outages.stop();
    },
  };
}
