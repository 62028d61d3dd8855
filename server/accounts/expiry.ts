// The date from which an account may not log in or send any more, as the operator writes it.

import type { DurationMs, EpochMs } from '../clock.ts';
import { parseDuration } from '../config/values.ts';

const DATE = /^(\d{4}-\d\d-\d\d)$/;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?$/i;
const DAY: DurationMs = 86_400_000;
/** Later times have more than four digits of year, which nothing shows well: they are this one. */
const LATEST: EpochMs = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * `2027-01-31` (its end), `2027-01-31T18:00` or with a zone (UTC without one), or `90d` from now. Null when it is none of
 * these. Nothing ends after the year 9999. A bare number is none: it might be meant as days or as a year.
 */
export function parseExpiry(written: string, now: EpochMs): EpochMs | null {
  const moment = momentOf(written, now);
  return moment === null ? null : Math.min(moment, LATEST);
}

function momentOf(written: string, now: EpochMs): EpochMs | null {
  const text = written.trim();
  const date = DATE.exec(text)?.[1];
  if (date !== undefined) return plus(instant(date, '00:00', 'Z'), DAY);
  const [, day, time, zone] = DATE_TIME.exec(text) ?? [];
  if (day !== undefined && time !== undefined) return instant(day, time, (zone ?? 'Z').toUpperCase());
  if (/^[\d.\s]*$/.test(text)) return null;
  const duration = parseDuration(text);
  return duration === null || duration === 0 ? null : now + duration;
}

/** Null for a day or time that does not exist. */
function instant(day: string, time: string, zone: string): EpochMs | null {
  const midnight = Date.parse(`${day}T00:00Z`);
  const parsed = Date.parse(`${day}T${time}${zone}`);
  if (Number.isNaN(midnight) || Number.isNaN(parsed)) return null;
  // Date.parse takes 31 February for 3 March.
  return new Date(midnight).toISOString().startsWith(day) ? parsed : null;
}

function plus(moment: EpochMs | null, more: DurationMs): EpochMs | null {
  return moment === null ? null : moment + more;
}
