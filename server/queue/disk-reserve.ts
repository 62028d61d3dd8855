// Is there room for another message? Asked before every 354, so the answer is kept for a second.
// The reserve keeps enough of the disk free that what was accepted can still be settled and removed.

import { statfs } from 'node:fs/promises';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';

export type DiskReserve = Readonly<{
  /** True when a message of about `size` octets may be taken. A failing statfs counts as room: the write will tell. */
  hasRoom: (size: number) => Promise<boolean>;
  /** Free octets above the reserve; negative below it, infinite where they cannot be told. */
  room: () => Promise<number>;
}>;

const FRESH_FOR: DurationMs = 1_000;

/** What must stay free: the larger of a number of octets and a share of the disk. */
export type Reserve = Readonly<{ octets: number; share: number }>;

export function createDiskReserve(
  deps: Readonly<{ folder: string; reserve: Reserve; clock: Clock; log: Log }>,
): DiskReserve {
  const { folder, reserve, clock, log } = deps;
  let free = Number.POSITIVE_INFINITY;
  let needed = 0;
  let measuredAt = Number.NEGATIVE_INFINITY;
  let low = false;

  const measure = async () => {
    measuredAt = clock.monotonic();
    try {
      const disk = await statfs(folder);
      free = disk.bavail * disk.bsize;
      needed = Math.max(reserve.octets, disk.blocks * disk.bsize * reserve.share);
    } catch {
      free = Number.POSITIVE_INFINITY;
    }
  };

  const room = async (): Promise<number> => {
    if (clock.monotonic() - measuredAt > FRESH_FOR) await measure();
    return free - needed;
  };

  return {
    hasRoom: async size => {
      const isEnough = (await room()) >= size;
      if (!isEnough && !low) log('disk.low', { free, reserve: Math.round(needed) });
      low = !isEnough;
      return isEnough;
    },
    room,
  };
}
