// Is the database whole? Looked at before anything is written to it, by the process that holds the data folder: always where
// that takes a moment, and after an unclean end (a log is left) also where it takes seconds. A damaged one is left as
// it is, log and all: whoever wants to save something from it must find what there is.

import { existsSync, statSync } from 'node:fs';
import { refusedStart } from '../refused-start.ts';
import { type Connection, isDamage, openConnection, textOf } from './sqlite.ts';

const MIB = 1024 * 1024;
/** Reading takes a fraction of a second, on an SD card a few. */
const ALWAYS = 64 * MIB;
/** Some ten seconds. Beyond that, damage shows itself when it is met. */
const AFTER_UNCLEAN_END = 2048 * MIB;

/** Octets of the file; `isClean`: the last process that had it open closed it. */
export function isWorthChecking(size: number, isClean: boolean): boolean {
  return size <= (isClean ? ALWAYS : AFTER_UNCLEAN_END);
}

/**
 * Throws a refused start where the database is damaged. `wasUsed`: something in the data folder belongs to a database, so
 * that none, or an empty one, is no first start: it would have the stored mail swept away as nobody's.
 */
export function checkDatabase(path: string, wasUsed = false): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0 && wasUsed) throw refusedStart(damageText(path, 'it is missing or empty'));
  if (size === 0 || !isWorthChecking(size, !existsSync(`${path}-wal`))) return;
  let connection: Connection | null = null;
  let trouble: string | null;
  try {
    connection = openConnection(path, 'durable');
    const found = connection.prepare<[], string>('PRAGMA quick_check(1)').pluck().get() ?? 'no answer';
    trouble = found === 'ok' ? null : found;
  } catch (error) {
    if (!isDamage(error)) {
      connection?.close();
      return; // what else is wrong shows itself, in its own words, to whoever opens it next
    }
    trouble = textOf(error);
  }
  // Not closed: that would copy the log into a damaged file. The process is about to end.
  if (trouble !== null) throw refusedStart(damageText(path, trouble));
  connection?.close();
}

/** One line about a damaged database, and the way out. */
export function damageText(path: string, why: string): string {
  return `The database ${path} is damaged or not a database (${why.replace(/\s*\n\s*/g, ' ')}). Nothing was changed. The disk may be failing: check it, move the data folder away, and bring your last backup back with "postern restore FILE"; its mail comes back held.`;
}
