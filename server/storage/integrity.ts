// Is the database whole? Looked at before anything is written to it, by the process that holds the data folder: always where
// that takes a moment, and after an unclean end (a log is left) also where it takes seconds. A damaged one is left as
// it is, log and all: whoever wants to save something from it must find what there is.

import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
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
  if (size > 0 && !isLogHeader(readHeader(`${path}-wal`)))
    throw refusedStart(damageText(path, `the beginning of its log ${path}-wal is damaged`));
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

const HEADER_SIZE = 32;
const MAGIC = { little: 0x377f0682, big: 0x377f0683 } as const;

/**
 * Whether a log (WAL) may begin like that. SQLite takes a log with another beginning for none, and with it all that was
 * committed since the last checkpoint would silently be gone. One that was never synced may be short or full of zeros after a
 * power loss: nothing was promised on its strength.
 */
export function isLogHeader(octets: Buffer): boolean {
  if (octets.length < HEADER_SIZE || octets.every(octet => octet === 0)) return true;
  const magic = octets.readUInt32BE(0);
  if (magic !== MAGIC.little && magic !== MAGIC.big) return false;
  const wordAt = (at: number) => (magic === MAGIC.big ? octets.readUInt32BE(at) : octets.readUInt32LE(at));
  let [first, second] = [0, 0];
  for (let at = 0; at < HEADER_SIZE - 8; at += 8) {
    first = (first + wordAt(at) + second) >>> 0;
    second = (second + wordAt(at + 4) + first) >>> 0;
  }
  return first === octets.readUInt32BE(24) && second === octets.readUInt32BE(28);
}

/** The first octets of a log; none where there is none. It has no locks of its own that closing it could drop. */
function readHeader(path: string): Buffer {
  if (!existsSync(path)) return Buffer.alloc(0);
  const descriptor = openSync(path, 'r');
  try {
    const octets = Buffer.alloc(HEADER_SIZE);
    return octets.subarray(0, readSync(descriptor, octets, 0, HEADER_SIZE, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** One line about a damaged database, and the way out. */
export function damageText(path: string, why: string): string {
  return `The database ${path} is damaged or not a database (${why.replace(/\s*\n\s*/g, ' ')}). Nothing was changed. The disk may be failing: check it, move the data folder away, and bring your last backup back with "postern restore FILE"; its mail comes back held.`;
}
