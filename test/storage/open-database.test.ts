// The Database contract, over the real thread and a real file.

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Statement } from '../../server/storage/database.ts';
import { openDatabase, openDatabases } from '../../server/storage/open-database.ts';
import { waitFor } from '../support/process.ts';
import { freshDatabase, insert, names, opened, scratch } from './fresh-database.ts';

const BODY_PARENT: Statement = {
  sql: `INSERT INTO message (id, kind, reverse_path, body_type, smtputf8, size, content, content_hash, queued_at)
    VALUES ('M', 'mail', '', '7bit', 0, 0, 'body', '', 0)`,
};

describe('commit', () => {
  it('reports what each statement changed, and the rows of RETURNING', async () => {
    const { database } = await freshDatabase();
    await database.commit([insert('a'), insert('b')]);
    const result = await database.commit([
      { sql: 'UPDATE meta SET value = ?', params: ['y'] },
      { sql: 'UPDATE meta SET value = ? WHERE name = ? RETURNING name, value', params: ['z', 'a'] },
      { sql: 'DELETE FROM meta WHERE name = ?', params: ['nobody'] },
    ]);
    expect(result).toEqual({
      kind: 'committed',
      effects: [
        { changes: 2, rows: [] },
        { changes: 1, rows: [{ name: 'a', value: 'z' }] },
        { changes: 0, rows: [] },
      ],
    });
  });

  it('is atomic: a group whose requirement fails leaves nothing', async () => {
    const { database } = await freshDatabase();
    const result = await database.commit([
      insert('a'),
      { sql: 'DELETE FROM meta WHERE name = ?', params: ['nobody'], require: 1 },
      insert('b'),
    ]);
    expect(result).toEqual({ kind: 'requirement', statement: 1, changes: 0 });
    expect(await names(database)).toEqual([]);
  });

  it('takes in order what can wait and what cannot', async () => {
    const { database } = await freshDatabase();
    const rename = (to: string, from: string): Statement => ({
      sql: 'UPDATE meta SET name = ? WHERE name = ?',
      params: [to, from],
      require: 1,
    });
    const results = await Promise.all([
      database.commit([insert('a')], { patient: true }),
      database.commit([rename('b', 'a')]),
      database.commit([rename('c', 'b')], { patient: true }),
    ]);
    expect(results.map(result => result.kind)).toEqual(['committed', 'committed', 'committed']);
    expect(await names(database)).toEqual(['c']);
  });

  it('requires rows of RETURNING as well', async () => {
    const { database } = await freshDatabase();
    await database.commit([insert('a')]);
    const sql = 'DELETE FROM meta WHERE value = ? RETURNING name';
    expect(await database.commit([{ sql, params: ['x'], require: 2 }])).toMatchObject({
      kind: 'requirement',
      changes: 1,
    });
    expect(await names(database)).toEqual(['a']);
  });

  it('keeps groups that wait together apart: the faulty ones fail alone', async () => {
    const { database } = await freshDatabase();
    await database.commit([insert('taken')]);
    const [first, twice, missing, wrong, last] = await Promise.allSettled([
      database.commit([insert('first')]),
      database.commit([insert('half'), insert('taken')]),
      database.commit([{ sql: 'UPDATE meta SET value = 1 WHERE name = ?', params: ['no'], require: 1 }]),
      database.commit([insert('lost'), { sql: 'INSRT INTO meta' }]),
      database.commit([insert('last')]),
    ]);
    expect(first).toMatchObject({ value: { kind: 'committed' } });
    expect(twice).toMatchObject({ value: { kind: 'constraint', statement: 1 } });
    expect(missing).toMatchObject({ value: { kind: 'requirement', statement: 0 } });
    expect(wrong).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('syntax') },
    });
    expect(last).toMatchObject({ value: { kind: 'committed' } });
    expect(await names(database)).toEqual(['first', 'last', 'taken']);
  });

  it('says that a reference is missing as a constraint', async () => {
    const { database } = await freshDatabase();
    const orphan = {
      sql: 'INSERT INTO body (message_id, octets) VALUES (?, ?)',
      params: ['M', new Uint8Array(1)],
    };
    expect(await database.commit([orphan])).toMatchObject({ kind: 'constraint', statement: 0 });
  });

  it('commits thousands of groups that arrive at once', async () => {
    const { database } = await freshDatabase();
    const results = await Promise.all(
      Array.from({ length: 3_000 }, (_, i) => database.commit([insert(`n${i}`)])),
    );
    expect(new Set(results.map(result => result.kind))).toEqual(new Set(['committed']));
    expect(await database.read('SELECT count(*) AS n FROM meta')).toEqual([{ n: 3_000 }]);
  });

  it('keeps octets as they were, also slices of a larger buffer, and does not touch the caller’s', async () => {
    const { database } = await freshDatabase();
    const slab = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251));
    const slice = slab.subarray(1_000, 66_536);
    const empty = new Uint8Array(0);
    await database.commit([BODY_PARENT, { ...BODY_PARENT, sql: BODY_PARENT.sql.replace("'M'", "'N'") }]);
    const insertBody = 'INSERT INTO body (message_id, octets) VALUES (?, ?)';
    await Promise.all([
      database.commit([{ sql: insertBody, params: ['M', slice] }]),
      database.commit([{ sql: insertBody, params: ['N', empty] }]),
    ]);
    const rows = await database.read('SELECT octets FROM body ORDER BY message_id');
    expect(rows.map(row => Buffer.from(row['octets'] as Uint8Array))).toEqual([
      Buffer.from(slice),
      Buffer.alloc(0),
    ]);
    expect(slice.byteLength).toBe(65_536);
  });

  it('takes more different SQL texts than it numbers', async () => {
    const { database } = await freshDatabase();
    for (let round = 0; round < 2; round++) {
      const rows = await Promise.all(
        Array.from({ length: 700 }, (_, i) => database.read(`SELECT ${i} AS n, ? AS text`, [`t${i}`])),
      );
      expect(rows.map(([row]) => row?.['n'])).toEqual(Array.from({ length: 700 }, (_, i) => i));
    }
  });
});

describe('read', () => {
  it('sees what was committed before it', async () => {
    const { database } = await freshDatabase();
    for (let i = 0; i < 20; i++) {
      await database.commit([insert(`n${i}`)]);
      expect(await names(database)).toHaveLength(i + 1);
    }
  });

  it('rejects wrong SQL, wrong parameters and anything that would write', async () => {
    const { database } = await freshDatabase();
    await expect(database.read('SELECT name FROM nowhere')).rejects.toThrow('no such table');
    await expect(database.read('SELECT ?', [])).rejects.toThrow('Too few parameter');
    await expect(database.read("INSERT INTO meta VALUES ('a', 'b') RETURNING name")).rejects.toThrow(
      'not a query',
    );
    expect(await names(database)).toEqual([]);
  });
});

describe('onForeignChange', () => {
  it('tells of changes by others, and not of our own', async () => {
    const { path, database } = await freshDatabase();
    let changes = 0;
    database.onForeignChange(() => changes++);
    await database.commit([insert('ours')]);
    const other = await opened(path);
    await other.commit([insert('theirs')]);
    await waitFor('the change to be seen', () => changes > 0);
    expect(await names(database)).toEqual(['ours', 'theirs']);
    const seen = changes;
    await database.commit([insert('ours again')]);
    await other.read('SELECT 1');
    await new Promise(resolve => setTimeout(resolve, 700));
    expect(changes).toBe(seen);
  });
});

describe('foreignVersion', () => {
  it('is another one after a commit of another process, at once, and stays with our own', async () => {
    const { path, database } = await freshDatabase();
    const other = await opened(path);
    const first = await database.foreignVersion();
    await database.commit([insert('ours')]);
    expect(await database.foreignVersion()).toBe(first);
    await other.commit([insert('theirs')]);
    const second = await database.foreignVersion();
    expect(second).not.toBe(first);
    expect(await database.foreignVersion()).toBe(second);
  });
});

describe('a database of which much was deleted', () => {
  it('gives the room back when it is idle', async () => {
    const { path, database } = await freshDatabase();
    const blob = 'x'.repeat(100_000);
    await Promise.all(Array.from({ length: 200 }, (_, i) => database.commit([insert(`n${i}`, blob)])));
    await database.commit([{ sql: `DELETE FROM meta WHERE name <> 'n0'` }]);
    await waitFor('the file to shrink', async () => {
      const [row] = await database.read('SELECT * FROM pragma_page_count');
      return Number(row?.['page_count']) < 1_500;
    });
    await database.close();
    expect(statSync(path).size).toBeLessThan(1_500 * 4_096);
  });
});

describe('opening and closing', () => {
  it('commits what was asked for before the close', async () => {
    const { path, database } = await freshDatabase();
    const pending = database.commit([insert('late')]);
    await database.close();
    expect(await pending).toMatchObject({ kind: 'committed' });
    await expect(database.commit([insert('too late')])).rejects.toThrow('closed');
    expect(await names(await opened(path))).toEqual(['late']);
  });

  it('rejects a file that is no database', async () => {
    const path = join(scratch(), 'postern.db');
    writeFileSync(path, 'Dear diary, '.repeat(1_000));
    const fatal: string[] = [];
    await expect(openDatabase({ path, onFatal: text => fatal.push(text) })).rejects.toThrow('not a database');
    expect(fatal).toEqual([]);
  });

  it('opens several files in one thread, each for itself', async () => {
    const folder = scratch();
    const [durable, relaxed] = await openDatabases({
      files: [
        { path: join(folder, 'a.db'), durability: 'durable' },
        { path: join(folder, 'b.db'), durability: 'relaxed' },
      ],
      onFatal: () => {},
    });
    if (durable === undefined || relaxed === undefined) throw new Error('not opened');
    const results = await Promise.all(
      [durable, relaxed].map(database => database.commit([{ sql: 'CREATE TABLE t (n INTEGER)' }])),
    );
    expect(results.map(result => result.kind)).toEqual(['committed', 'committed']);
    expect(await durable.read('PRAGMA synchronous')).toEqual([{ synchronous: 2 }]);
    expect(await relaxed.read('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
    await durable.close();
    expect(await relaxed.read('SELECT * FROM t')).toEqual([]);
    await relaxed.close();
  });

  it('sets what durability and size rest on', async () => {
    const { database } = await freshDatabase();
    const pragma = async (name: string) =>
      Object.values((await database.read(`SELECT * FROM pragma_${name}`))[0] ?? {})[0];
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('auto_vacuum')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
  });
});
