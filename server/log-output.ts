// Lines to a file descriptor, in the background: whoever logs never waits for a reader. A reader that is gone, a pipe that
// is stuck or a disk that is full costs lines, never mail and never the exit: pino's own destination repeats a failed
// write for ever when it flushes (seen with /dev/full), which would keep a server alive that must end.

import { constants, fstatSync, openSync, write as writeInBackground, writeSync } from 'node:fs';

export type LogOutput = Readonly<{
  write: (text: string) => void;
  /** Writes what waits, now. Gives up what cannot be written. */
  flush: () => void;
}>;

/** Octets kept for a reader that does not read; further lines are dropped. */
const MAX_WAITING = 8 * 1024 * 1024;
/** Milliseconds in which lines gather for one write: a busy server writes thousands a second. */
const GATHER = 5;
/** Milliseconds until a write that failed is tried again. */
const RETRY_AFTER = 50;
/** Milliseconds that a flush gives to a write under way in the background, and to a reader that is slow. */
const FLUSH_PAUSE = 20;
const FLUSH_TRIES = 25;

export function createLogOutput(given: number): LogOutput {
  const descriptor = withoutBlocking(given);
  let waiting: string[] = [];
  let waitingLength = 0;
  /** What an earlier write left over, and comes first. */
  let left: Buffer = Buffer.alloc(0);
  let state: 'idle' | 'gathering' | 'writing' | 'pausing' | 'gone' = 'idle';

  const take = (): Buffer => {
    const octets = Buffer.concat([left, Buffer.from(waiting.join(''))]);
    left = Buffer.alloc(0);
    waiting = [];
    waitingLength = 0;
    return octets;
  };

  const pump = (): void => {
    const octets = take();
    if (octets.length === 0) {
      state = 'idle';
      return;
    }
    state = 'writing';
    writeInBackground(descriptor, octets, (error, count) => {
      left = octets.subarray(error === null ? count : 0);
      if (error === null) {
        state = 'gathering';
        setTimeout(pump, left.length === 0 ? GATHER : 0).unref();
      } else if (error.code === 'EPIPE') state = 'gone';
      else {
        state = 'pausing';
        setTimeout(pump, RETRY_AFTER).unref();
      }
    });
  };

  const flush = (): void => {
    if (state === 'gone') return;
    // It is in another thread's hands already; let it come first.
    if (state === 'writing') pause();
    let octets = take();
    for (let tries = 0; octets.length > 0 && tries < FLUSH_TRIES; ) {
      try {
        octets = octets.subarray(writeSync(descriptor, octets));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
        tries++;
        pause();
      }
    }
  };
  process.once('exit', flush);

  return {
    write: text => {
      if (state === 'gone' || waitingLength + text.length > MAX_WAITING) return;
      waiting.push(text);
      waitingLength += text.length;
      if (state !== 'idle') return;
      state = 'gathering';
      setTimeout(pump, GATHER).unref();
    },
    flush,
  };
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FLUSH_PAUSE);
}

/**
 * A pipe or terminal opened anew without blocking: a thread that waits for a stuck reader (Ctrl-S, `| less`) would keep
 * the process from ever exiting. Anew, because the flag of the given one is shared with other processes. Where that
 * cannot be, the given one.
 */
function withoutBlocking(descriptor: number): number {
  try {
    const file = fstatSync(descriptor);
    // A socket (systemd's journal) cannot be opened anew; Node makes it non-blocking when it opens its own stdout on it.
    if (file.isSocket() && descriptor === process.stdout.fd) return descriptor;
    if (!file.isFIFO() && !file.isCharacterDevice()) return descriptor;
    return openSync(
      `/proc/self/fd/${descriptor}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    return descriptor;
  }
}
