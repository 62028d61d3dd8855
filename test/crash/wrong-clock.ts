// A wall clock for one server (and its commands) that a test sets as it likes, also while it runs (wrong-clock.c).

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { compiled } from '../support/load-tools.ts';
import { ROOT } from '../support/postern.ts';

export type WrongClock = Readonly<{
  /** For the environment of the server, or of a command. */
  env: Readonly<Record<string, string>>;
  /** From now on it shows this date and runs on; null: it is right. */
  set: (date: string | null) => void;
}>;

/** It is right until it is set. `folder` takes its file. */
export async function wrongClock(folder: string): Promise<WrongClock> {
  const library = await compiled(join(ROOT, 'test/crash/wrong-clock.c'), ['-shared', '-fPIC', '-ldl']);
  const path = join(folder, 'ahead');
  writeFileSync(path, seconds(0));
  return {
    env: { LD_PRELOAD: library, WRONG_CLOCK: path },
    set: date => {
      const ahead = date === null ? 0 : Math.round((Date.parse(date) - Date.now()) / 1000);
      // In place, because it is mapped.
      const file = openSync(path, 'r+');
      writeSync(file, seconds(ahead), 0, 8, 0);
      closeSync(file);
    },
  };
}

function seconds(ahead: number): Buffer {
  const octets = Buffer.alloc(8);
  if (endianness() === 'LE') octets.writeBigInt64LE(BigInt(ahead));
  else octets.writeBigInt64BE(BigInt(ahead));
  return octets;
}
