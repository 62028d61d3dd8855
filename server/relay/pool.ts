// Warm connections to one upstream, so that a message costs two round trips instead of nine. Whoever takes a session
// owns it until it is given back. Idle ones are closed with QUIT before upstreams lose patience (SparkPost: 1 minute),
// and after a number of messages (SparkPost, Amazon SES). How many exist is bounded by the deliveries that run.

import type { DurationMs } from '../clock.ts';
import type { Session } from './drivers/session.ts';

export type PoolLimits = Readonly<{ idle: DurationMs; messages: number }>;

export type Pool = Readonly<{
  /** A warm session, the one used last, or null. */
  take: () => Session | null;
  /** Gives back a session, new or taken, that has just carried a message or tried to. */
  give: (session: Session) => void;
  /** Closes what is idle: one warm connection was found dead, so the others may be too. */
  discardIdle: () => void;
  /** No warm session from now on: the upstream has changed, or the server stops. */
  retire: () => void;
}>;

export const DEFAULT_POOL_LIMITS: PoolLimits = { idle: 30_000, messages: 100 };

type Idle = Readonly<{ session: Session; timer: NodeJS.Timeout }>;

export function createPool(limits: PoolLimits = DEFAULT_POOL_LIMITS): Pool {
  const idle: Idle[] = [];
  const carried = new WeakMap<Session, number>();
  let retired = false;

  function takeUsable(): Session | null {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      clearTimeout(last.timer);
      if (last.session.usable()) return last.session;
    }
    return null;
  }

  function discardIdle(): void {
    for (const { session, timer } of idle.splice(0)) {
      clearTimeout(timer);
      session.quit();
    }
  }

  function give(session: Session): void {
    const messages = (carried.get(session) ?? 0) + 1;
    carried.set(session, messages);
    if (!session.usable()) return;
    if (retired || messages >= limits.messages) return session.quit();
    const timer = setTimeout(() => {
      idle.splice(
        idle.findIndex(known => known.session === session),
        1,
      );
      session.quit();
    }, limits.idle);
    idle.push({ session, timer });
  }

  return {
    take: takeUsable,
    give,
    discardIdle,
    retire: () => {
      retired = true;
      discardIdle();
    },
  };
}
