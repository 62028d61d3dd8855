// When a session has taken too long. Pure: the connection reports facts, the server asks once a second.
// A byte now and then resets nothing here: every deadline runs from a finished step, so nobody can hold a place for ever.

import type { DurationMs } from '../clock.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies } from '../smtp/reply-table.ts';

export type Deadlines = Readonly<{
  /** Between one reply and the next complete command (RFC 5321 §4.5.3.2.7: at least 5 minutes). */
  idle: DurationMs;
  /** From connecting to the login. */
  login: DurationMs;
  /** From the first octet of a command line to its end. */
  command: DurationMs;
  /** Octets per second of message data that must arrive, measured over half a minute. */
  dataRate: number;
}>;

/** Monotonic times in milliseconds. */
export type Progress = Readonly<{
  connectedAt: DurationMs;
  authenticated: boolean;
  /** Since when the client owes us a command; null while we owe it a reply. */
  waitingSince: DurationMs | null;
  /** Since when a part of a line has stood in the buffer, or null. */
  lineSince: DurationMs | null;
  /** While message data arrives: octets in the present window, and its beginning. */
  data: Readonly<{ windowSince: DurationMs; octets: number }> | null;
}>;

/** Over this much time the data rate is measured: a scanner may pause between two pages. */
export const DATA_WINDOW: DurationMs = 30_000;

/** The 421 that is due, or null. */
export function overdue(progress: Progress, deadlines: Deadlines, now: DurationMs): Reply | null {
  const { data, waitingSince, lineSince } = progress;
  if (data) {
    const elapsed = now - data.windowSince;
    return elapsed >= DATA_WINDOW && data.octets < (deadlines.dataRate * elapsed) / 1000
      ? replies.dataTooSlow
      : null;
  }
  if (waitingSince === null) return null;
  if (!progress.authenticated && now - progress.connectedAt >= deadlines.login) return replies.loginTooLate;
  if (lineSince !== null && now - lineSince >= deadlines.command) return replies.idleTooLong;
  return now - waitingSince >= deadlines.idle ? replies.idleTooLong : null;
}
