// Ctrl-C while a command uses a refresh token: the provider may have replaced it already, and whoever dies before the next one
// is on disk has lost the consent. So the signal that would end the command waits until that is done, which is soon; a second
// one ends it at once.

import type { Clock, DurationMs } from './clock.ts';
import type { Consents } from './relay/oauth/consents.ts';

/** From now on signals wait, until the returned function is called; it may be called again. */
export type HoldSignals = () => () => void;

type Deps = Readonly<{
  process: Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>;
  clock: Clock;
  /** To the person who wants to end it. */
  say: (text: string) => void;
}>;

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Ctrl-C under npm arrives twice, from the terminal and from npm: within this time it is one. */
const SAME_CTRL_C: DurationMs = 150;

export function createSignalHold({ process, clock, say }: Deps): HoldSignals {
  let holders = 0;
  let first: Readonly<{ signal: NodeJS.Signals; at: DurationMs }> | null = null;

  const letPass = (signal: NodeJS.Signals | null) => {
    for (const held of ENDING) process.off(held, onSignal);
    if (signal !== null) process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (first === null) {
      first = { signal, at: clock.monotonic() };
      say(
        'The provider may be replacing the consent just now, and it would be lost: this ends as soon as it has. Ctrl-C again ends it at once.',
      );
    } else if (clock.monotonic() - first.at > SAME_CTRL_C) letPass(signal);
  };

  return () => {
    if (holders++ === 0) for (const signal of ENDING) process.on(signal, onSignal);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--holders === 0) letPass(first?.signal ?? null);
    };
  };
}

/** Signals wait from the claim of a lease to its end. */
export function unbrokenLeases(consents: Consents, hold: HoldSignals): Consents {
  return {
    ...consents,
    lease: async (id, generation) => {
      const letGo = hold();
      try {
        const lease = await consents.lease(id, generation);
        if (lease === null || 'kind' in lease) {
          letGo();
          return lease;
        }
        return {
          store: rotation => lease.store(rotation).finally(letGo),
          release: () => lease.release().finally(letGo),
        };
      } catch (error) {
        letGo();
        throw error;
      }
    },
  };
}
