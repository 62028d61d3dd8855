// Whose turn it is in one connection, and since when: the facts that its deadlines need (deadlines.ts).

import type { Clock, DurationMs } from '../clock.ts';
import type { Reply } from '../smtp/reply.ts';
import { createDataProgress, type DataProgress } from './data-progress.ts';
import { type Deadlines, overdue } from './deadlines.ts';
import type { IncomingData } from './incoming-data.ts';

export type Pace = Readonly<{
  /** The client owes us a command. */
  awaitCommand: () => void;
  /** It has come, and we owe the client a reply. */
  serve: () => void;
  /** The client owes us the data of a message, but while what is returned is paused: then it is our turn. */
  awaitData: (data: IncomingData) => IncomingData;
  dataEnded: () => void;
  /** What the client owes us; null while it is our turn. */
  awaited: () => 'command' | 'data' | null;
  /** The 421 that is due, or null. To be asked about once a second. */
  overdue: (
    client: Readonly<{
      authenticated: boolean;
      /** A command has begun to come. */
      hasPartialLine: boolean;
      /** Of the message that is coming; null while none is. */
      dataOctets: number | null;
    }>,
  ) => Reply | null;
  /** Since the client connected. */
  age: () => DurationMs;
}>;

export function createPace({
  clock,
  deadlines,
}: Readonly<{ clock: Pick<Clock, 'monotonic'>; deadlines: Deadlines }>): Pace {
  const connectedAt = clock.monotonic();
  let waitingSince: DurationMs | null = null;
  let lineSince: DurationMs | null = null;
  let data: DataProgress | null = null;
  let isHeld = false;

  return {
    awaitCommand: () => {
      waitingSince = clock.monotonic();
    },
    serve: () => {
      waitingSince = null;
      lineSince = null;
    },
    awaitData: incoming => {
      const progress = createDataProgress(clock.monotonic(), deadlines.dataRate);
      data = progress;
      const release = () => {
        isHeld = false;
        progress.release(clock.monotonic());
      };
      return {
        read: incoming.read,
        pause: () => {
          isHeld = true;
          progress.hold(clock.monotonic());
          incoming.pause();
        },
        resume: () => {
          release();
          incoming.resume();
        },
        discard: () => {
          release();
          incoming.discard();
        },
      };
    },
    dataEnded: () => {
      data = null;
      isHeld = false;
    },
    awaited: () => {
      if (waitingSince !== null) return 'command';
      return data === null || isHeld ? null : 'data';
    },
    overdue: ({ authenticated, hasPartialLine, dataOctets }) => {
      const now = clock.monotonic();
      lineSince = hasPartialLine ? (lineSince ?? now) : null;
      const progress = dataOctets === null ? null : (data?.at(dataOctets, now) ?? null);
      return overdue({ connectedAt, authenticated, waitingSince, lineSince, data: progress }, deadlines, now);
    },
    age: () => clock.monotonic() - connectedAt,
  };
}
