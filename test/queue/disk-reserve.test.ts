// Whether there is room for another message: measured once a second, less what was promised since, and less what the ballast
// lacks. Over a real small disk.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/clock.ts';
import { createDiskReserve } from '../../server/queue/disk-reserve.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { lacksSmallDisks, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';

const skip = lacksSmallDisks('the disk reserve');
const MIB = 1024 * 1024;
let folder: string;
let disk: SmallDisk;

beforeEach(() => {
  folder = makeScratch('reserve');
  if (!skip) disk = mountSmallDisk(folder, '16m');
});
afterEach(() => {
  disk?.unmount();
  removeScratch(folder);
});

function reserveOf(ballastSize = 0) {
  let now = 0;
  let onFreed = (): void => undefined;
  const events: string[] = [];
  const reserve = createDiskReserve({
    folder,
    reserve: { octets: 4 * MIB, share: 0 },
    ballast: {
      wanted: 2 * MIB,
      size: () => ballastSize,
      onFreed: listener => {
        onFreed = listener;
      },
    },
    clock: { ...systemClock, monotonic: () => now },
    log: event => void events.push(event),
  });
  const later = () => {
    now += 2_000;
  };
  return { reserve, events, later, free: () => onFreed() };
}

describe.skipIf(skip)('the disk reserve', () => {
  it('counts what the ballast lacks as taken', async () => {
    expect(await reserveOf(2 * MIB).reserve.room()).toBe(12 * MIB);
    expect(await reserveOf(0).reserve.room()).toBe(10 * MIB);
  });

  it('counts what it has promised since it measured', async () => {
    const { reserve, events, later } = reserveOf(2 * MIB);
    expect(await reserve.hasRoom(8 * MIB)).toBe(true);
    expect(await reserve.hasRoom(8 * MIB)).toBe(false);
    expect(await reserve.hasRoom(3 * MIB)).toBe(true);
    expect(events).toEqual(['disk.low']);
    later();
    expect(await reserve.hasRoom(8 * MIB)).toBe(true);
  });

  it('measures at once when the ballast was given up', async () => {
    const { reserve, free } = reserveOf(2 * MIB);
    expect(await reserve.room()).toBe(12 * MIB);
    writeFileSync(join(folder, 'x'), Buffer.alloc(14 * MIB, 1));
    expect(await reserve.room()).toBe(12 * MIB);
    free();
    expect(await reserve.room()).toBe(-2 * MIB);
  });
});
