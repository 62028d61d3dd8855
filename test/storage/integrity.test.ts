// A damaged database is found at the start, or when it is met, and said in words; it is never written to again.

import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../server/ids.ts';
import { isRefusedStart } from '../../server/refused-start.ts';
import { checkDatabase, isLogHeader, isWorthChecking } from '../../server/storage/integrity.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { openConnection } from '../../server/storage/sqlite.ts';
import { waitFor } from '../support/process.ts';
import { insert, opened, scratch } from './fresh-database.ts';

const GIB = 1024 ** 3;

/** A database with a few hundred rows, and the pages that hold them overwritten. */
function damaged(folder = scratch()): string {
  const path = join(folder, 'postern.db');
  migrate({ path });
  const connection = openConnection(path, 'durable');
  const row = connection.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
  connection.exec('BEGIN');
  for (let i = 0; i < 400; i++) row.run(`n${i}`, 'x'.repeat(1_000));
  connection.exec('COMMIT');
  connection.close();
  const octets = readFileSync(path);
  const file = openSync(path, 'r+');
  for (let at = octets.indexOf('x'.repeat(1_000)); at > 0; at = octets.indexOf('x'.repeat(1_000), at + 4_096))
    writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, at - (at % 4_096));
  return path;
}

describe('a damaged database', () => {
  it('is refused at the start, in words that name the way out, and left as it is', async () => {
    const folder = scratch();
    const path = damaged(folder);
    const before = readFileSync(path);
    for (const as of ['serve', 'command'] as const) {
      const opening = openStore({
        ...{ path: folder, as, allowUnsafeFilesystem: false, random: systemRandom },
        onFatal: () => undefined,
      });
      const error = await opening.then(
        () => null,
        (reason: unknown) => reason,
      );
      if (!isRefusedStart(error)) throw error ?? new Error('it was not refused');
      expect(error.message).toMatch(/postern\.db is damaged .*postern restore FILE/);
      expect(error.message).not.toContain('\n');
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('that is met while it is in use is fatal, and nothing is committed any more', async () => {
    const path = damaged();
    const fatal: string[] = [];
    const database = await opened(path, text => fatal.push(text));
    await expect(database.read('SELECT SUM(LENGTH(value)) AS sum FROM meta')).rejects.toThrow('malformed');
    await waitFor('the alarm', () => fatal.length > 0);
    expect(fatal).toEqual([expect.stringContaining('the database is damaged: ')]);
    expect(await database.commit([insert('late')])).toMatchObject({ kind: 'io' });
  });

  it('that a commit meets is fatal too', async () => {
    const path = damaged();
    const fatal: string[] = [];
    const database = await opened(path, text => fatal.push(text));
    expect(await database.commit([{ sql: `UPDATE meta SET value = 'y'` }])).toMatchObject({ kind: 'io' });
    await waitFor('the alarm', () => fatal.length > 0);
    expect(fatal).toEqual([expect.stringContaining('the database is damaged: ')]);
  });
});

describe('checkDatabase', () => {
  it('says nothing of a whole one, or of none', () => {
    const path = join(scratch(), 'postern.db');
    checkDatabase(path);
    migrate({ path });
    checkDatabase(path);
  });

  it('refuses a log whose beginning is damaged, and takes none, a short one or zeros', () => {
    const path = join(scratch(), 'postern.db');
    migrate({ path });
    const writer = openConnection(path, 'durable');
    writer.prepare(`INSERT INTO meta (name, value) VALUES ('kept', 'in the log')`).run();
    const log = readFileSync(`${path}-wal`);
    expect(isLogHeader(log.subarray(0, 32))).toBe(true);
    for (const at of [0, 9, 30]) {
      const spoilt = Buffer.from(log.subarray(0, 32));
      spoilt[at] = (spoilt[at] ?? 0) ^ 0x55;
      expect(isLogHeader(spoilt)).toBe(false);
    }
    for (const size of [0, 31, 32]) expect(isLogHeader(Buffer.alloc(size))).toBe(true);
    const copy = join(scratch(), 'postern.db');
    writeFileSync(copy, readFileSync(path));
    log.fill(0xa5, 0, 8);
    writeFileSync(`${copy}-wal`, log);
    expect(() => checkDatabase(copy)).toThrow(
      /beginning of its log .*postern\.db-wal is damaged.*postern restore/,
    );
    expect(readFileSync(`${copy}-wal`).equals(log)).toBe(true);
    writer.close();
  });

  it('leaves other trouble to those who open it', () => {
    const path = join(scratch(), 'postern.db');
    mkdirSync(path);
    checkDatabase(path);
    expect(() => migrate({ path })).toThrow(/cannot be opened or updated/);
  });
});

describe('isWorthChecking', () => {
  it.each([
    [1024 ** 2, true, true],
    [GIB, true, false],
    [GIB, false, true],
    [3 * GIB, false, false],
  ])('%i octets, clean %s: %s', (size, isClean, worth) => {
    expect(isWorthChecking(size, isClean)).toBe(worth);
  });
});
