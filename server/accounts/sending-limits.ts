// How much an account may send in any minute, hour and 24 hours: rolling windows over what was accepted, exact at every
// moment. Pure arithmetic over monotonic time; usage.ts keeps what was sent.

import type { DurationMs } from '../clock.ts';
import type { AccountPolicy } from './account-policy.ts';

export type SendingLimits = Pick<
  AccountPolicy,
  'messagesPerMinute' | 'messagesPerHour' | 'messagesPerDay' | 'recipientsPerDay'
>;

/** A limit that is reached. `wait`: until it may go on, where nothing else is accepted before. */
export type Excess =
  | Readonly<{ kind: 'messages'; limit: number; period: 'minute' | 'hour' | 'day'; wait: DurationMs }>
  /** Of 24 hours. */
  | Readonly<{ kind: 'recipients'; limit: number; wait: DurationMs }>;

/** An excess with the time to wait in words: `in 12 minutes`. */
export type LimitReached = Excess & Readonly<{ when: string }>;

/** What a session may ask before it lets a message go on; nothing is reserved by asking. */
export type SendingCheck = Readonly<{
  /** What stands against one more message of the account. */
  message: (accountId: string, limits: SendingLimits) => LimitReached | null;
  /** What stands against so many recipients in one message. */
  recipients: (accountId: string, limits: SendingLimits, recipients: number) => LimitReached | null;
}>;

/** An accepted message. */
export type SentMessage = Readonly<{
  at: DurationMs;
  recipients: number;
  /** Recipients of this message and of all that were accepted before it. */
  total: number;
}>;

/** What one account has sent and is sending. */
export type Sending = Readonly<{
  /** Oldest first; at least those of the last 24 hours. */
  sent: readonly SentMessage[];
  /** Recipients of each message under way: it may yet be accepted, so it counts. */
  underWay: ReadonlySet<Readonly<{ recipients: number }>>;
}>;

const MINUTE: DurationMs = 60_000;
const HOUR: DurationMs = 60 * MINUTE;
export const DAY: DurationMs = 24 * HOUR;

export function hasLimits(limits: SendingLimits): boolean {
  return (
    limits.messagesPerMinute !== null ||
    limits.messagesPerHour !== null ||
    limits.messagesPerDay !== null ||
    limits.recipientsPerDay !== null
  );
}

/** What stands against one more message at `now`: of several limits the one that lasts longest. */
export function messageExcess(sending: Sending, limits: SendingLimits, now: DurationMs): Excess | null {
  const periods = [
    { period: 'minute', length: MINUTE, limit: limits.messagesPerMinute },
    { period: 'hour', length: HOUR, limit: limits.messagesPerHour },
    { period: 'day', length: DAY, limit: limits.messagesPerDay },
  ] as const;
  let longest: Excess | null = null;
  for (const { period, length, limit } of periods) {
    if (limit === null) continue;
    const wait = messageWait(sending, length, limit, now);
    if (wait > (longest?.wait ?? 0)) longest = { kind: 'messages', limit, period, wait };
  }
  return longest;
}

/** What stands against a message with so many recipients at `now`. */
export function recipientExcess(
  { sent, underWay }: Sending,
  { recipientsPerDay: limit }: SendingLimits,
  recipients: number,
  now: DurationMs,
): Excess | null {
  if (limit === null) return null;
  const first = firstAfter(sent, now - DAY);
  const before = totalBefore(sent, first);
  let used = recipients + (sent.at(-1)?.total ?? 0) - before;
  for (const message of underWay) used += message.recipients;
  if (used <= limit) return null;
  // The oldest messages whose recipients are enough to make room. Where all are not, only a smaller message can pass.
  const last = sent.slice(first).find(message => message.total - before >= used - limit);
  return { kind: 'recipients', limit, wait: last ? last.at + DAY - now : DAY };
}

/** Zero where one more message is within the limit. */
function messageWait(
  { sent, underWay }: Sending,
  length: DurationMs,
  limit: number,
  now: DurationMs,
): DurationMs {
  const within = sent.length - firstAfter(sent, now - length);
  if (within + underWay.size < limit) return 0;
  // So many may still count for one more to pass; the youngest of the others has to leave the window first.
  const mayStay = limit - 1 - underWay.size;
  const leaves = sent[sent.length - 1 - mayStay];
  return mayStay < 0 || leaves === undefined ? length : leaves.at + length - now;
}

/** The index of the first message accepted after that moment. */
function firstAfter(sent: readonly SentMessage[], moment: DurationMs): number {
  let low = 0;
  let high = sent.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sent[middle]?.at ?? 0) > moment) high = middle;
    else low = middle + 1;
  }
  return low;
}

function totalBefore(sent: readonly SentMessage[], index: number): number {
  const message = sent[index];
  return message ? message.total - message.recipients : (sent.at(-1)?.total ?? 0);
}
