// The kinds of values that a declaration has beside those of the configuration: counts and sizes that may be "none", the end
// of an account, its share of the queue, and texts that may be secret. Pure.

import type { QueueShare } from '../accounts/account-policy.ts';
import { parseExpiry } from '../accounts/expiry.ts';
import type { EpochMs } from '../clock.ts';
import { type Kind, readBy, text } from '../config/shape.ts';
import { parseSize } from '../config/values.ts';

const NONE = 'none';

/** Null: none, also where a preset has a limit. */
export const countOrNone: Kind<number | null, unknown> = readBy(
  value => (value === NONE ? null : isCount(value) ? value : undefined),
  'a whole number from 1, or none',
);

/** Octets. Null: none. */
export const sizeOrNone: Kind<number | null, unknown> = readBy(
  value => (value === NONE ? null : octetsOf(value)),
  'a size such as 500K or 25M, or none',
);

export const queueShare: Kind<QueueShare | null, unknown> = readBy(
  shareOf,
  'a size such as 200M, a share such as 20%, or none',
);

/** Durations are none: what the same file says must not change with the day on which it is applied. */
export const expiry: Kind<EpochMs | null, unknown> = readBy(value => {
  if (value === 'never') return null;
  const isMoment = typeof value === 'string' && /^\s*\d{4}-/.test(value);
  return isMoment ? (parseExpiry(value, 0) ?? undefined) : undefined;
}, 'a date (2027-01-31, its end), a time (2027-01-31T18:00, in UTC), or never');

/** A moment of the past or future, as the export writes it. */
export const moment: Kind<EpochMs, unknown> = readBy(
  value =>
    typeof value === 'string' && /^\d{4}-.*T.*(Z|[+-]\d\d:\d\d)$/.test(value) ? timeOf(value) : undefined,
  'a time such as 2027-01-31T18:00:00Z',
);

/** Text that may also stand in a file or in a variable (references.ts). */
export const secretText: Kind<string, string> = text(
  'text (in quotes where it looks like a number), { file: PATH } or { env: NAME }',
);

export const someText: Kind<string, string> = text('text (in quotes where it looks like a number)');

function timeOf(text: string): EpochMs | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function octetsOf(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const octets = parseSize(value);
  return octets === null || octets === 0 ? undefined : octets;
}

function shareOf(value: unknown): QueueShare | null | undefined {
  if (value === NONE) return null;
  const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim())?.[1] : undefined;
  if (percent !== undefined) return { kind: 'percent', percent: Number(percent) };
  const octets = octetsOf(value);
  return octets === undefined ? undefined : { kind: 'octets', octets };
}
