// How long one message may take in all, whatever trickles in or out. Pure.

import type { DurationMs } from '../../clock.ts';

const AT_LEAST: DurationMs = 20 * 60_000;
/** 4 KiB/s is a bad mobile link. */
const SLOWEST_OCTETS_PER_MS = 4;

/** `size` in octets. */
export function messageDeadline(size: number): DurationMs {
  return AT_LEAST + size / SLOWEST_OCTETS_PER_MS;
}
