// Takes the lock of a data folder, says so, and holds it until it is killed or, given a time, lets go after so many
// milliseconds. Prints `taken by KIND` where it is not to be had.

import { writeSync } from 'node:fs';
import { takeFolderLock } from '../../../server/storage/folder-lock.ts';

const [path = '', as = '', time] = process.argv.slice(2);
const lock = await takeFolderLock({ path, as: as === 'serve' ? 'serve' : 'command', patience: 60_000 });
if (lock.kind === 'taken') {
  writeSync(1, `taken by ${lock.holder?.kind}\n`);
} else {
  writeSync(1, 'held\n');
  // Garbage is collected, so that a lock that hangs on nothing would be lost.
  globalThis.gc?.();
  setTimeout(() => lock.release(), time === undefined ? 600_000 : Number(time));
}
