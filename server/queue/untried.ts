// What was queued lately by this process and was never tried, by way and account: the mail that may pass a backlog (turns.ts).
// In memory and bounded. It may name what is no longer there, and forgets at a restart: then mail only waits for its turn.

import type { EpochMs } from '../clock.ts';
import type { Pair } from './line.ts';
import { LATELY } from './turns.ts';

export type Untried = Readonly<{
  add: (pair: Pair, id: string, queuedAt: EpochMs) => void;
  /** It was claimed, or is not there. */
  drop: (pair: Pair, id: string) => void;
  /** Ids of what was queued lately, the last one first. */
  newest: (pair: Pair, limit: number, now: EpochMs) => readonly string[];
}>;

/** Kept of each pair. More would pass a backlog only where they themselves are one. */
const MOST = 100;

export function createUntried(): Untried {
  /** By way, by account: when each message was queued, the oldest first. */
  const kept = new Map<string, Map<string, Map<string, EpochMs>>>();

  const of = ({ way, account }: Pair) => kept.get(way)?.get(account);

  const drop = (pair: Pair, id: string) => {
    const { way, account } = pair;
    const messages = of(pair);
    if (!messages?.delete(id) || messages.size > 0) return;
    const accounts = kept.get(way);
    accounts?.delete(account);
    if (accounts?.size === 0) kept.delete(way);
  };

  return {
    add: ({ way, account }, id, queuedAt) => {
      const accounts = kept.get(way) ?? new Map<string, Map<string, EpochMs>>();
      kept.set(way, accounts);
      const messages = accounts.get(account) ?? new Map<string, EpochMs>();
      accounts.set(account, messages);
      messages.set(id, queuedAt);
      if (messages.size <= MOST) return;
      const [oldest] = messages.keys();
      if (oldest !== undefined) messages.delete(oldest);
    },

    drop,

    newest: (pair, limit, now) => {
      const messages = [...(of(pair) ?? [])];
      const isNew = ([, queuedAt]: readonly [string, EpochMs]) => queuedAt > now - LATELY && queuedAt <= now;
      for (const one of messages) if (!isNew(one)) drop(pair, one[0]);
      return messages
        .filter(isNew)
        .slice(-limit)
        .reverse()
        .map(([id]) => id);
    },
  };
}
