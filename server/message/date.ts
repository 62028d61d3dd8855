// The date-time of RFC 5322 §3.3, for Date and Received. Always UTC: the zone of a container or a printer's neighbour is
// wrong more often than right, `+0000` is unambiguous, and readers show their own zone anyway.

import type { EpochMs } from '../clock.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** For example `Sat, 21 Nov 2026 09:05:00 +0000`. */
export function formatDate(time: EpochMs): string {
  const date = new Date(time);
  const day = `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  return `${day} ${clock.map(part => String(part).padStart(2, '0')).join(':')} +0000`;
}
