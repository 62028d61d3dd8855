// How the commands print for people: tables, lists of names and values, times, sizes. Pure.
// What comes from outside (addresses, subjects, replies) is made harmless for a terminal.

import type { EpochMs } from '../clock.ts';

/** Columns as wide as their widest cell, two spaces apart; `none` where there are no rows. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): string {
  if (rows.length === 0) return none;
  const lines = [headings, ...rows].map(row => row.map(harmless));
  const widths = headings.map((_, column) =>
    Math.max(...lines.map(line => [...(line[column] ?? '')].length)),
  );
  return lines
    .map(line =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** One `Name   value` line each. */
export function facts(pairs: readonly (readonly [string, string])[], indent = ''): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${indent}${pad(name, width)}  ${harmless(value)}`.trimEnd())
    .join('\n');
}

/** `2026-11-21 02:15:07Z`, or a dash. */
export function shownTime(time: EpochMs | null | undefined): string {
  return time === null || time === undefined ? '-' : `${isoTime(time)?.slice(0, 19).replace('T', ' ')}Z`;
}

/** ISO 8601 in UTC, for JSON. */
export function isoTime(time: EpochMs): string;
export function isoTime(time: EpochMs | null | undefined): string | null;
export function isoTime(time: EpochMs | null | undefined): string | null {
  return time === null || time === undefined ? null : new Date(time).toISOString();
}

/** `1.4 MiB`. */
export function shownSize(octets: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = octets;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A name as a shell takes it. */
export function quoted(name: string): string {
  return /^[\w.@][\w.@-]*$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

/** With a full stop, unless it ends a sentence already. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** "1 message", "2 messages". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Control characters (terminal commands among them) and direction marks as visible escapes. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - [...text].length));
}
