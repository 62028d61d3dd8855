// How the process ends: by a signal, in order; or at once, when it can no longer keep its promise (a failed sync, a bug).
// In the second case nothing more is acknowledged, and the restart recovers from what is on disk.

import type { Clock, DurationMs } from './clock.ts';
import type { Logging } from './log.ts';

export type Failure = Readonly<{
  /** Logs why, tells the clients, and ends the process with 1. Returns at once; may be called again. */
  exit: (text: string) => void;
  /** What to do in the last moment before such an exit. */
  beforeExit: (action: () => Promise<void>) => void;
  /** Resolves with the first SIGTERM or SIGINT. A second one ends the process at once. */
  firstSignal: () => Promise<string>;
}>;

/** Time for the last 421 and the last log line. */
const LAST_WORDS: DurationMs = 200;
/** Ctrl-C under npm arrives twice, from the terminal and from npm: within this time it is one. */
const SAME_CTRL_C: DurationMs = 150;

export function createFailure({ log, flush }: Logging, clock: Clock): Failure {
  let lastAction: () => Promise<void> = async () => undefined;
  let exiting = false;

  const exit = (text: string) => {
    if (exiting) return;
    exiting = true;
    log('server.failed', { text });
    const end = () => {
      flush();
      process.exit(1);
    };
    setTimeout(end, LAST_WORDS);
    lastAction().then(
      () => undefined,
      () => undefined,
    );
  };

  process.on('uncaughtException', error => exit(`A bug: ${error.stack ?? error.message}`));
  process.on('unhandledRejection', error =>
    exit(`A bug: ${error instanceof Error ? error.stack : String(error)}`),
  );

  return {
    exit,
    beforeExit: action => {
      lastAction = action;
    },
    firstSignal: () =>
      new Promise(resolve => {
        let askedAt: DurationMs | null = null;
        const onSignal = (signal: NodeJS.Signals) => {
          if (askedAt === null) {
            askedAt = clock.monotonic();
            resolve(signal);
          } else if (signal !== 'SIGINT' || clock.monotonic() - askedAt > SAME_CTRL_C) {
            flush();
            process.exit(1);
          }
        };
        process.on('SIGTERM', onSignal);
        process.on('SIGINT', onSignal);
      }),
  };
}
