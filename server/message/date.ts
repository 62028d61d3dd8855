// The date-time of RFC 5322 §3.3, for Date and Received. Always UTC: the zone of a container or a printer's neighbour is
// wrong more often than right, `+0000` is unambiguous, and readers show their own zone anyway.

import type { EpochMs } from '../clock.ts';

/** For example `Sat, 21 Nov 2026 09:05:00 +0000`. */
export function formatDate(time: EpochMs): string {
  // `Sat, 01 Nov 2026 09:05:00 GMT`, as ECMAScript has it.
  const text = new Date(time).toUTCString();
  return `${text.slice(0, 5)}${text.slice(text[5] === '0' ? 6 : 5, -'GMT'.length)}+0000`;
}
