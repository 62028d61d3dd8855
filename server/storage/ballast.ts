// Room that is given up when the disk is full, so that what was accepted can still be settled, held and deleted: a database
// needs room even for that. A file of random octets (so that no file system can save them), emptied at the first commit
// that the disk refuses, and filled again once there is more room than the reserve asks for. While it is not whole it counts
// as part of the reserve, so new mail is refused until then.

import { closeSync, fsyncSync, ftruncateSync, openSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { RandomBytes } from '../ids.ts';
import type { Database } from './database.ts';

export type Ballast = Readonly<{
  /** Octets that it has. */
  size: () => number;
  /** Gives all of it up. False where there was nothing to give. */
  free: () => boolean;
  /** Brings it to that size, durably; false where the disk has no room, and then it is empty. */
  fill: (size: number) => Promise<boolean>;
  /** How often it was given up by this process. */
  timesFreed: () => number;
  onFreed: (listener: () => void) => void;
}>;

/** Written again and again: larger than what a file system compresses at once, small enough for a small machine. */
const PIECE = 256 * 1024;

export function createBallast({ path, random }: Readonly<{ path: string; random: RandomBytes }>): Ballast {
  const listeners: (() => void)[] = [];
  let freed = 0;
  const size = (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

  return {
    size,
    free: () => {
      if (size() === 0 || !empty(path)) return false;
      freed++;
      for (const listener of listeners) listener();
      return true;
    },
    fill: async wanted => {
      if (wanted === 0) rmSync(path, { force: true });
      if (wanted === size()) return true;
      let file: FileHandle | null = null;
      try {
        file = await open(path, 'a', 0o600);
        await file.truncate(Math.min(wanted, size()));
        const piece = random(Math.min(wanted, PIECE));
        for (let left = wanted - size(); left > 0; left -= PIECE)
          await file.appendFile(piece.subarray(0, Math.min(left, PIECE)));
        await file.sync();
        return true;
      } catch {
        // Whatever it is, no room or a disk that fails: the next attempt comes, and mail does not wait for this.
        await file?.truncate(0).catch(() => undefined);
        return false;
      } finally {
        await file?.close().catch(() => undefined);
      }
    },
    timesFreed: () => freed,
    onFreed: listener => void listeners.push(listener),
  };
}

/** The database, with one more try for a commit that a full disk refused, in the room that the ballast gave up. */
export function overBallast(database: Database, ballast: Ballast): Database {
  return {
    ...database,
    commit: async (group, options = {}) => {
      const before = ballast.timesFreed();
      const result = await database.commit(group, options);
      if (result.kind !== 'full' || options.yields === true) return result;
      const isFreed = ballast.timesFreed() !== before || ballast.free();
      return isFreed ? database.commit(group, options) : result;
    },
  };
}

type KeepDeps = Readonly<{
  ballast: Ballast;
  /** Octets that it should have; 0 is none. */
  size: number;
  /** Free octets above the reserve and what the ballast lacks. */
  room: () => Promise<number>;
  onFilled: () => void;
  /** In milliseconds; five seconds unless a test is in a hurry. */
  lookEvery?: number;
}>;

const LOOK_EVERY_MS = 5_000;

/** Fills it now and whenever there is room again. Does not keep the process alive. Returns how to stop it. */
export function keepBallast({
  ballast,
  size,
  room,
  onFilled,
  lookEvery = LOOK_EVERY_MS,
}: KeepDeps): () => void {
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy || ballast.size() === size) return;
    isBusy = true;
    const times = ballast.timesFreed();
    const mayFill = ballast.size() > size || (await room()) >= 0;
    if (mayFill && (await ballast.fill(size)) && times > 0) onFilled();
    isBusy = false;
  };
  void look();
  const timer = setInterval(() => void look(), lookEvery).unref();
  return () => clearInterval(timer);
}

/** Synced, because some file systems give the room free only then. */
function empty(path: string): boolean {
  try {
    const descriptor = openSync(path, 'r+');
    try {
      ftruncateSync(descriptor, 0);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch {
    return false;
  }
}
