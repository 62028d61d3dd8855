// A clock that the test sets, ids that count up, and a log that it can read.

import type { Clock } from '../../server/clock.ts';
import type { EventName, Log } from '../../server/events.ts';
import type { NewId } from '../../server/ids.ts';

export const NOW = Date.UTC(2026, 10, 20, 9);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export type World = Readonly<{
  clock: Clock;
  /** Time goes on, by both clocks. */
  pass: (milliseconds: number) => void;
  /** The wall clock is set; the other goes on as it was. */
  setClock: (now: number) => void;
  newId: NewId;
  log: Log;
  logged: { event: EventName; fields: Readonly<Record<string, unknown>> }[];
}>;

export function makeWorld(): World {
  const time = { now: NOW, monotonic: 0 };
  const logged: World['logged'] = [];
  let ids = 0;
  return {
    clock: { now: () => time.now, monotonic: () => time.monotonic },
    pass: milliseconds => {
      time.now += milliseconds;
      time.monotonic += milliseconds;
    },
    setClock: now => {
      time.now = now;
    },
    newId: () => `ID${String(++ids).padStart(8, '0')}`,
    log: (event, fields) => logged.push({ event, fields: fields ?? {} }),
    logged,
  };
}
