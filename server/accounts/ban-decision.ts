// When a failed login makes its answer wait, when it leads to a ban, and for how long. Pure: throttle.ts counts and asks.
// Nothing here depends on whether an account of that name exists, but for what a login that succeeded has shown.

import type { DurationMs } from '../clock.ts';

export type BanPolicy = Readonly<{
  /** Different failures with one name from one address that ban this pair. */
  banAfter: number;
  /** Different failures from one address that ban it whole. */
  banAddressAfter: number;
  /** Different failures with one name after which only those who logged in with it lately may try it. */
  accountFailures: number;
  /** The time in which failures are counted. */
  window: DurationMs;
  /** The first ban; each further one takes four times as long. */
  banTime: DurationMs;
  longestBan: DurationMs;
}>;

export type Failures = Readonly<{
  /** Different ones within the window: with this name from this address, and from this address whatever the name. */
  pair: number;
  address: number;
  /** With this name from this address, the same one repeated too. */
  repeated: number;
}>;

export type Source = Readonly<{
  /** Several accounts log in from this address (a NAT, a container network): it is never judged as a whole. */
  isShared: boolean;
  /** Loopback and `limits.never_banned`: slowed down, but never banned. */
  isNeverBanned: boolean;
}>;

/** A device that was not told of its new password, and proves it in a way that looks different each time, waits this long. */
export const LONGEST_BAN_AFTER_SUCCESS: DurationMs = 60_000;
const FIRST_DELAY: DurationMs = 1000;
export const LONGEST_DELAY: DurationMs = 8000;

/** From here on more failures make no answer wait longer. */
export const FAILURES_TO_LONGEST_DELAY = 2 + Math.log2(LONGEST_DELAY / FIRST_DELAY);

/**
 * How long the answer to a failure waits: the first one not at all, then one second, doubled each time up to eight. A wrong
 * password that is repeated waits too: a device in a tight loop must not keep a small machine busy.
 */
export function delayOf({ repeated, address }: Failures, { isShared }: Source): DurationMs {
  const failures = isShared ? repeated : Math.max(repeated, address);
  if (failures <= 1) return 0;
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 2));
}

/** What is to be banned now. */
export function bansDue(
  { pair, address }: Pick<Failures, 'pair' | 'address'>,
  { isShared, isNeverBanned }: Source,
  { banAfter, banAddressAfter }: BanPolicy,
): Readonly<{ pair: boolean; address: boolean }> {
  if (isNeverBanned) return { pair: false, address: false };
  return { pair: pair >= banAfter, address: !isShared && address >= banAddressAfter };
}

/** `level`: how many bans of the same came before. `succeededLately`: this pair has logged in lately. */
export function banLength(
  { level, succeededLately }: Readonly<{ level: number; succeededLately: boolean }>,
  { banTime, longestBan }: BanPolicy,
): DurationMs {
  const grown = Math.min(longestBan, banTime * 4 ** level);
  return succeededLately ? Math.min(grown, LONGEST_BAN_AFTER_SUCCESS) : grown;
}
