// Is there room for another message? Asked before every 354, so what was measured is kept for a second, less what was
// promised since.
// The reserve keeps enough of the disk free that what was accepted can still be settled and removed.

import { statfs } from 'node:fs/promises';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Ballast } from '../storage/ballast.ts';

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
  deps: Readonly<{
    folder: string;
    reserve: Reserve;
    /** What it lacks of `wanted` octets is reserved too. */
    ballast: Pick<Ballast, 'size' | 'onFreed'> & Readonly<{ wanted: number }>;
    clock: Clock;
    log: Log;
  }>,
): DiskReserve {
  const { folder, reserve, ballast, clock, log } = deps;
  let free = Number.POSITIVE_INFINITY;
  let needed = 0;
  let promised = 0;
  let measuredAt = Number.NEGATIVE_INFINITY;
  let low = false;

  const measure = async () => {
    measuredAt = clock.monotonic();
    promised = 0;
    try {
      const disk = await statfs(folder);
      free = disk.bavail * disk.bsize;
      const lacking = Math.max(0, ballast.wanted - ballast.size());
      needed = Math.max(reserve.octets, disk.blocks * disk.bsize * reserve.share) + lacking;
    } catch {
      free = Number.POSITIVE_INFINITY;
    }
  };

  // Then the disk is full, whatever was measured a moment ago.
  ballast.onFreed(() => {
    measuredAt = Number.NEGATIVE_INFINITY;
  });

  const room = async (): Promise<number> => {
    if (clock.monotonic() - measuredAt > FRESH_FOR) await measure();
    return free - needed - promised;
  };

  return {
    hasRoom: async size => {
      const isEnough = (await room()) >= size;
      if (!isEnough && !low) log('disk.low', { free, reserve: Math.round(needed) });
      low = !isEnough;
      if (isEnough) promised += size;
      return isEnough;
    },
    room,
  };
}
