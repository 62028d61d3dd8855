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
  let isWanted = false;
  /** Until all has been routed anew, whatever else is wanted meanwhile. */
  let isAnew = false;
  let working: Promise<void> | null = null;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;

  const work = async (): Promise<void> => {
    while (isWanted && !stopping) {
      const anew = isAnew;
      [isWanted, isAnew] = [false, false];
      // Later than whoever told us: others who follow the same change have then seen it too.
      await new Promise(resolve => {
        setImmediate(resolve);
      });
      const run = anew ? routing.runAnew : routing.run;
      const routed = await run(() => stopping).catch(() => null);
      if (routed === null) again(anew);
      else if (routed > 0) onRouted();
    }
  };

  const want = () => {
    if (stopping) return;
    isWanted = true;
    working ??= work().finally(() => {
      working = null;
      if (isWanted) want();
    });
  };

  const wantAnew = () => {
    isAnew = true;
    want();
  };

  const again = (anew: boolean) => {
    isAnew ||= anew;
    clearTimeout(retry);
    if (!stopping) retry = setTimeout(want, RETRY);
  };

  return {
    start: () => {
      wantAnew();
      outages.start();
      timer = setInterval(want, EVERY).unref();
    },
    look: want,
    rerouteAll: wantAnew,
    stop: async () => {
      stopping = true;
      clearInterval(timer);
      clearTimeout(retry);
      await working;
      await outages.stop();
    },
  };
}
