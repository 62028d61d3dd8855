// The notices that wait for one channel: sent one after the other, tried again with growing pauses, given up after a day.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Notice } from './notice.ts';
import type { Sending, SendNotice } from './sender.ts';

export type ChannelLine = Readonly<{
  put: (notice: Notice) => void;
  start: () => void;
  /** Nothing is sent after it; what is under way gets `grace`. */
  close: (grace: DurationMs) => Promise<void>;
}>;

/** After the first failure, and the longest; it doubles between them. */
export type Pauses = Readonly<{ first: DurationMs; longest: DurationMs }>;

type Deps = Readonly<{
  name: string;
  send: SendNotice;
  /** Keeps what became of the last sending. */
  record: (error: string | null) => Promise<void>;
  clock: Clock;
  log: Log;
  pauses?: Pauses;
}>;

const PAUSES: Pauses = { first: 30_000, longest: 3_600_000 };
/** As many as go out in an hour. The oldest is given up for a new one. */
const MOST_WAITING = 20;
const GIVE_UP_AFTER: DurationMs = 86_400_000;
/** A channel that stays down is a line in the log at most this often. */
const LOG_AGAIN_AFTER: DurationMs = 3_600_000;

type Waiting = Readonly<{ notice: Notice; since: DurationMs }>;

export function createChannelLine(deps: Deps): ChannelLine {
  const { clock, pauses = PAUSES } = deps;
  const waiting: Waiting[] = [];
  const cutOff = new AbortController();
  const ending = new AbortController();
  let running: Promise<void> | null = null;
  let started = false;
  let failures = 0;
  let givenUp = 0;
  let loggedAt: DurationMs = Number.NEGATIVE_INFINITY;

  const attempt = async ({ notice }: Waiting): Promise<Sending> => {
    try {
      return await deps.send(notice, cutOff.signal);
    } catch (error) {
      return { kind: 'failed', text: error instanceof Error ? error.name : 'it could not be sent' };
    }
  };

  const report = (text: string): void => {
    if (clock.monotonic() - loggedAt < LOG_AGAIN_AFTER) return;
    loggedAt = clock.monotonic();
    const lost = givenUp === 0 ? '' : ` Given up so far: ${givenUp}; "postern alert list" shows them.`;
    deps.log('alert.channel_failed', { channel: deps.name, text: `${text}.${lost}` });
  };

  const run = async (): Promise<void> => {
    for (let next = waiting[0]; next !== undefined && !ending.signal.aborted; next = waiting[0]) {
      const sending = await attempt(next);
      if (cutOff.signal.aborted) return;
      if (sending.kind === 'ok') {
        remove(next);
        failures = 0;
        givenUp = 0;
        loggedAt = Number.NEGATIVE_INFINITY;
        await deps.record(null);
        continue;
      }
      failures++;
      report(sending.text);
      await deps.record(sending.text);
      for (const old of waiting.filter(({ since }) => clock.monotonic() - since >= GIVE_UP_AFTER))
        giveUp(old);
      await sleep(pauseAfter(failures, pauses), null, { ref: false, signal: ending.signal }).catch(
        () => null,
      );
    }
  };

  const pump = (): void => {
    if (!started || running !== null || ending.signal.aborted) return;
    running = run().finally(() => {
      running = null;
      if (waiting.length > 0) pump();
    });
  };

  const remove = (one: Waiting): void => {
    const index = waiting.indexOf(one);
    if (index >= 0) waiting.splice(index, 1);
  };

  const giveUp = (one: Waiting): void => {
    remove(one);
    givenUp++;
  };

  return {
    put: notice => {
      if (ending.signal.aborted) return;
      waiting.push({ notice, since: clock.monotonic() });
      const oldest = waiting[0];
      if (waiting.length > MOST_WAITING && oldest !== undefined) giveUp(oldest);
      pump();
    },
    start: () => {
      started = true;
      pump();
    },
    close: async grace => {
      ending.abort();
      const timer = setTimeout(() => cutOff.abort(), grace);
      await running;
      clearTimeout(timer);
      cutOff.abort();
    },
  };
}

function pauseAfter(failures: number, { first, longest }: Pauses): DurationMs {
  return Math.min(first * 2 ** Math.min(failures - 1, 30), longest);
}
