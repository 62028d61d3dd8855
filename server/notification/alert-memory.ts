// What was raised and when it was last said, so that what is said twice is said once: across restarts, and whatever the
// wall clock does. Within this process only the monotonic clock counts; for what an earlier process said, the wall clock
// counts while it can be trusted. Bounded for each kind, so that a flood of one kind makes us forget nothing of another.

import type { Clock, DurationMs } from '../clock.ts';
import { type Alert, type AlertKind, alertKinds } from './alert.ts';
import type { StoredAlert } from './alert-statements.ts';

/** One kind about one subject. Identity counts: the same object as long as it is remembered. */
export type Remembered = {
  alert: StoredAlert;
  /** By the monotonic clock; null: not by this process. */
  saidSince: DurationMs | null;
  raisedSince: DurationMs;
};

export type AlertMemory = Readonly<{
  /** Counts it. A subject for which there is no room is counted under `OTHERS`. */
  note: (alert: Alert) => Remembered;
  /** Whether it is to be said now. */
  isDue: (one: Remembered) => boolean;
  /** `bySome`: at least one channel was given it. */
  said: (one: Remembered, bySome: boolean) => void;
  /** What is no longer remembered since the last call, and need not be stored either. */
  forgotten: () => readonly StoredAlert[];
}>;

type Deps = Readonly<{ stored: readonly StoredAlert[]; clock: Clock; clockTrusted: () => boolean }>;

/** Subjects remembered for each kind. */
const MOST_SUBJECTS = 200;
export const OTHERS = '(others)';
const LONGEST_SUBJECT = 300;
const LONGEST_TEXT = 1_000;
/** A clock is corrected by seconds, never by this much. */
const FORGIVEN_STEP_BACK: DurationMs = 3_600_000;

export function createAlertMemory({ stored, clock, clockTrusted }: Deps): AlertMemory {
  const startedAt = clock.monotonic();
  const byKind = new Map<AlertKind, Map<string, Remembered>>();
  let forgotten: StoredAlert[] = [];

  const subjectsOf = (kind: AlertKind): Map<string, Remembered> => {
    const subjects = byKind.get(kind) ?? new Map<string, Remembered>();
    byKind.set(kind, subjects);
    return subjects;
  };
  for (const alert of stored) {
    const subjects = subjectsOf(alert.kind);
    if (subjects.size >= MOST_SUBJECTS) forgotten.push(alert);
    else subjects.set(alert.subject, { alert, saidSince: null, raisedSince: startedAt });
  }

  const isDue = ({ alert, saidSince }: Remembered): boolean => {
    const { repeatAfter } = alertKinds[alert.kind];
    if (alert.saidAt === null) return true;
    if (saidSince !== null) return clock.monotonic() - saidSince >= repeatAfter;
    if (!clockTrusted()) return clock.monotonic() - startedAt >= repeatAfter;
    // Said in the future: the clock was wrong then. Said again once, it has a time that can be compared.
    const age = clock.now() - alert.saidAt;
    return age >= repeatAfter || age < -FORGIVEN_STEP_BACK;
  };

  /** Makes room by forgetting what would be said anew anyway. */
  const hasRoom = (kind: AlertKind, subjects: Map<string, Remembered>): boolean => {
    if (subjects.size < MOST_SUBJECTS) return true;
    const { repeatAfter } = alertKinds[kind];
    for (const [subject, one] of subjects) {
      const isQuiet = clock.monotonic() - one.raisedSince >= repeatAfter;
      if (subject === OTHERS || !isQuiet || !isDue(one)) continue;
      subjects.delete(subject);
      forgotten.push(one.alert);
    }
    return subjects.size < MOST_SUBJECTS;
  };

  const remember = (kind: AlertKind, subject: string, text: string): Remembered => {
    const now = clock.now();
    const subjects = subjectsOf(kind);
    const known = subjects.get(subject);
    const alert = known?.alert ?? {
      kind,
      subject,
      text,
      firstAt: now,
      lastAt: now,
      saidAt: null,
      sentAt: null,
      count: 0,
    };
    const one = known ?? { alert, saidSince: null, raisedSince: clock.monotonic() };
    one.alert = { ...alert, text: clipped(text, LONGEST_TEXT), lastAt: now, count: alert.count + 1 };
    one.raisedSince = clock.monotonic();
    subjects.set(subject, one);
    return one;
  };

  return {
    note: ({ kind, subject, text }) => {
      const subjects = subjectsOf(kind);
      const wanted = clipped(subject, LONGEST_SUBJECT);
      if (subjects.has(wanted) || hasRoom(kind, subjects)) return remember(kind, wanted, text);
      return remember(
        kind,
        OTHERS,
        `There are too many of this kind to tell them apart. The last one: ${text}`,
      );
    },
    isDue,
    said: (one, bySome) => {
      const now = clock.now();
      one.alert = { ...one.alert, saidAt: now, sentAt: bySome ? now : one.alert.sentAt };
      one.saidSince = clock.monotonic();
    },
    forgotten: () => {
      const gone = forgotten.filter(({ kind, subject }) => !subjectsOf(kind).has(subject));
      forgotten = [];
      return gone;
    },
  };
}

function clipped(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
