// What the benchmark prints: the figures, their targets against Postfix at its best, medians over the rounds.

import type { Figures } from './measure.ts';
import { DELAYS, rateKey, SESSIONS, syncsKey } from './slow-disk.ts';

type Figure = Readonly<{
  key: string;
  title: string;
  digits: number;
  /** At least, or at most, so many times the best peer's figure; or at most an absolute number. */
  target?: Readonly<{ ratio: number } | { ratioAtMost: number } | { atMost: number }>;
}>;

/** On a fast disk at most so many syncs for a message. */
const MOST_SYNCS: Readonly<Record<number, number>> = { 8: 0.5, 64: 0.1 };

export const figures: readonly Figure[] = [
  { key: 'accepted', title: 'accepted, messages/s', digits: 0, target: { ratio: 2.5 } },
  { key: 'accepted-p50', title: '  p50, ms', digits: 1 },
  { key: 'accepted-p99', title: '  p99, ms', digits: 1, target: { ratioAtMost: 1 } },
  { key: 'relayed', title: 'relayed, messages/s', digits: 0, target: { ratio: 3 } },
  { key: 'connect', title: 'connection per message, /s', digits: 0, target: { ratio: 2 } },
  { key: 'big-1', title: '10 MB, one connection, MB/s', digits: 0, target: { ratio: 1 } },
  { key: 'big-4', title: '10 MB, four connections, MB/s', digits: 0, target: { ratio: 1 } },
  { key: 'start', title: 'second start to greeting, ms', digits: 0, target: { atMost: 1000 } },
  { key: 'idle', title: 'idle memory (PSS), MB', digits: 0, target: { atMost: 120 } },
  { key: 'idle-sessions', title: '500 idle sessions (PSS), MB', digits: 0, target: { atMost: 170 } },
  {
    key: 'at-once',
    title: '100 messages of 10 MB at once (PSS), MB',
    digits: 0,
    target: { atMost: 200 },
  },
  { key: 'session-disk', title: 'written to disk per message, KB', digits: 1 },
  { key: 'session-cpu', title: 'CPU per message, session, ms', digits: 2 },
  { key: 'connect-cpu', title: 'CPU per message, connect, ms', digits: 2 },
  ...DELAYS.flatMap(delay => SESSIONS.flatMap(sessions => slowDiskFigures(delay, sessions))),
];

function slowDiskFigures(delay: number, sessions: number): readonly Figure[] {
  const where = `${delay} ms more a sync, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
  const most = delay === 0 ? MOST_SYNCS[sessions] : undefined;
  return [
    {
      key: rateKey(delay, sessions),
      title: `${where}, messages/s`,
      digits: 0,
      ...(delay === 0 ? {} : { target: { ratio: 2.5 } }),
    },
    {
      key: syncsKey(delay, sessions),
      title: '  syncs per accepted message',
      digits: 2,
      ...(most === undefined ? {} : { target: { atMost: most } }),
    },
  ];
}

/** One column of the table: a peer's figures, the median of all its rounds. */
export type Column = Readonly<{ name: string; values: Figures }>;

export function medians(rounds: readonly Figures[]): Figures {
  const keys = new Set(rounds.flatMap(round => Object.keys(round)));
  return Object.fromEntries([...keys].map(key => [key, median(rounds.map(round => round[key]))]));
}

function median(values: readonly (number | undefined)[]): number {
  const sorted = values.filter(value => value !== undefined).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** The table as text. `subject` is compared with `best`; the columns may lack figures. */
export function table(columns: readonly Column[], subject: string, best: string): string {
  const ours = columns.find(column => column.name === subject)?.values ?? {};
  const theirs = columns.find(column => column.name === best)?.values ?? {};
  const head = ['', ...columns.map(column => column.name), `${subject} : ${best}`, 'target', ''];
  const rows = figures
    .filter(figure => columns.some(column => column.values[figure.key] !== undefined))
    .map(figure => [
      figure.title,
      ...columns.map(column => shown(column.values[figure.key], figure.digits)),
      shown(ratio(ours[figure.key], theirs[figure.key]), 2),
      targetText(figure),
      verdict(figure, ours[figure.key], theirs[figure.key]),
    ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map(row => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [head, ...rows].map(row => line(row).trimEnd()).join('\n');
}

function targetText(figure: Figure): string {
  if (figure.target === undefined) return '';
  if ('ratio' in figure.target) return `≥ ${figure.target.ratio}×`;
  return 'ratioAtMost' in figure.target ? `≤ ${figure.target.ratioAtMost}×` : `≤ ${figure.target.atMost}`;
}

function verdict(figure: Figure, ours: number | undefined, theirs: number | undefined): string {
  if (figure.target === undefined || ours === undefined) return '';
  if ('atMost' in figure.target) return ours <= figure.target.atMost ? 'met' : 'MISSED';
  const times = ratio(ours, theirs);
  if (times === undefined) return '';
  const met = 'ratio' in figure.target ? times >= figure.target.ratio : times <= figure.target.ratioAtMost;
  return met ? 'met' : 'MISSED';
}

function ratio(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}

function shown(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
}
