// Events to lines on stdout: JSON, one object per line, or readable text on a terminal. The only importer of pino.
// Never throws, never waits (log-output.ts). What is still in memory is written at exit and at a fatal event.
// What may be logged is decided in events.ts.

import { isatty } from 'node:tty';
import { type DestinationStream, pino } from 'pino';
import type { Clock } from './clock.ts';
import { type EventFields, type EventName, events, type Level, type Log } from './events.ts';
import { createLogOutput } from './log-output.ts';

export type LogOptions = Readonly<{
  /** The least important level that is written. */
  level: Level;
  /** `auto` is text on a terminal, JSON elsewhere. */
  format: 'auto' | 'json' | 'text';
  /** File descriptor; 1 is stdout. */
  descriptor: number;
  clock: Clock;
}>;

export type Logging = Readonly<{
  log: Log;
  /** Writes what is still in memory, at once. */
  flush: () => void;
}>;

export function createLog({ level, format, descriptor, clock }: LogOptions): Logging {
  const output = createLogOutput(descriptor);
  const asText = format === 'text' || (format === 'auto' && isatty(descriptor));
  const destination: DestinationStream & { flushSync: () => void } = {
    write: line => output.write(asText ? textOf(line) : escaped(line)),
    flushSync: output.flush, // pino calls it after a fatal event
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  );
  const log = <Name extends EventName>(event: Name, fields?: EventFields<Name>): void => {
    try {
      logger[events[event].level]({ event, ...fields });
    } catch {
      // For example a clock beyond the year 275760.
    }
  };
  return { log, flush: output.flush };
}

/** One line for people: time, level, event, then `name=value`. */
function textOf(line: string): string {
  const { time, level, event, ...fields }: Readonly<Record<string, unknown>> = JSON.parse(line);
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${plain(value)}`);
  return `${escaped([time, String(level).padEnd(5), event, ...shown].join(' '))}\n`;
}

/** A value without quotes where nothing can be mistaken. */
function plain(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=\p{C}]+$/u.test(value) ? value : JSON.stringify(value);
}

/**
 * JSON escapes the control characters below U+0020 only. DEL, the C1 range (U+009B begins a terminal command) the
 * Unicode line separators and direction marks come from clients too, and a log is read on a terminal.
 */
function escaped(line: string): string {
  return line.replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
