// Lets a few tasks run at once and keeps a bounded line of those that wait; beyond that the answer is "busy", at once.
// It stands before argon2 and PBKDF2: a storm of logins must neither take every core and every thread of the pool (the spool's
// syncs use the same one) nor make a device wait longer than its patience.

export type Admission<T> = Readonly<{ kind: 'done'; value: T }> | Readonly<{ kind: 'busy' }>;

export type Semaphore = Readonly<{
  /** Runs the task when a place is free, in the order of asking. Rejects only where the task does. */
  run: <T>(task: () => Promise<T>) => Promise<Admission<T>>;
}>;

/** Node's default UV_THREADPOOL_SIZE; one thread of it always stays free for the spool. */
const POOL_THREADS = 4;

/** Logins that may wait for a place: on one core some seconds, which is what devices bear. */
export const PASSWORD_LINE = 128;

/** How many password computations may run at once on a machine with that many cores. */
export function passwordPlaces(cores: number): number {
  return Math.max(1, Math.min(cores, POOL_THREADS) - 1);
}

/** `places` tasks run at once; `line` more may wait. */
export function createSemaphore(limits: Readonly<{ places: number; line: number }>): Semaphore {
  let free = limits.places;
  const waiting: (() => void)[] = [];

  return {
    run: async task => {
      if (free > 0) free -= 1;
      else if (waiting.length >= limits.line) return { kind: 'busy' };
      else await new Promise<void>(resolve => waiting.push(resolve));
      try {
        return { kind: 'done', value: await task() };
      } finally {
        // The place goes straight to the next in line, so that nobody who asks later slips in between.
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      }
    },
  };
}
