// An alert on its way to a person, and how much of it a channel may show. A channel that belongs to others shows the least:
// no names of accounts, no addresses, no texts of upstreams.

import type { EpochMs } from '../clock.ts';
import { type AlertKind, alertKinds } from './alert.ts';

export type Notice = Readonly<{
  kind: AlertKind;
  subject: string;
  text: string;
  account: string | null;
  address: string | null;
  at: EpochMs;
  /** How often it was raised since then. */
  count: number;
  since: EpochMs;
}>;

/** How much a channel shows. */
export type Detail = 'minimal' | 'full';

/** The sentences for a person. */
export function noticeText(notice: Notice, detail: Detail): string {
  const text = detail === 'full' ? notice.text : alertKinds[notice.kind].minimal;
  if (notice.count <= 1) return text;
  return `${text} (${notice.count} times since ${shownMinute(notice.since)}.)`;
}

/** What `postern alert test` sends. */
export function testNotice(channel: string, now: EpochMs): Notice {
  const text = `This is a test of the alert channel "${channel}": it works.`;
  return { kind: 'test', subject: '', text, account: null, address: null, at: now, count: 1, since: now };
}

/** `2026-11-20 09:15 UTC` */
export function shownMinute(time: EpochMs): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
