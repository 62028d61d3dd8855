// Schema numbers, the copy that is kept, and what kill -9 leaves behind.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Migration,
  migrate,
  migrations,
  schemaState,
  schemaText,
} from '../../server/storage/migrate.ts';
import { openConnection } from '../../server/storage/sqlite.ts';
import { startProgram, waitFor } from '../support/process.ts';
import { program, scratch } from './fresh-database.ts';

const addColumn: Migration = {
  number: migrations.length + 1,
  name: 'add a column',
  statements: ['ALTER TABLE meta ADD COLUMN note TEXT', "UPDATE meta SET note = 'seen'"],
};
const later: readonly Migration[] = [...migrations, addColumn];
const LATEST = migrations.length;

describe('the schema', () => {
  it('is the one in test/golden/schema.sql (write it anew with: npx vitest run --project unit -u test/storage/migrate)', async () => {
    await expect(schemaText()).toMatchFileSnapshot('../golden/schema.sql');
  });

  it('is numbered from 1 without a gap', () => {
    expect(migrations.map(migration => migration.number)).toEqual(migrations.map((_, i) => i + 1));
  });
});

describe('migrate', () => {
  it('makes the first schema without a copy, and then has nothing to do', () => {
    const path = join(scratch(), 'postern.db');
    expect(schemaState(path)).toBe('missing');
    expect(migrate({ path })).toEqual({ from: 0, to: LATEST, copy: null });
    expect(migrate({ path })).toEqual({ from: LATEST, to: LATEST, copy: null });
    expect(schemaState(path)).toBe('current');
  });

  it('keeps a copy with the old schema and all rows, then changes the database', () => {
    const folder = scratch();
    const path = filled(folder);
    const copy = join(folder, `postern.db.before-${LATEST + 1}`);
    expect(migrate({ path, migrations: later })).toEqual({ from: LATEST, to: LATEST + 1, copy });
    expect(rowsOf(path)).toEqual([{ name: 'a', value: 'kept', note: 'seen' }]);
    expect(schemaState(copy)).toBe('current');
    expect(rowsOf(copy)).toEqual([{ name: 'a', value: 'kept' }]);
  });

  it('leaves the old schema where a migration fails, and says so', () => {
    const path = filled(scratch());
    const broken = [
      ...migrations,
      { ...addColumn, statements: [...addColumn.statements, 'UPDATE nowhere SET x = 1'] },
    ];
    expect(() => migrate({ path, migrations: broken })).toThrow(
      /cannot be opened or updated: no such table: nowhere/,
    );
    expect(schemaState(path)).toBe('current');
    expect(rowsOf(path)).toEqual([{ name: 'a', value: 'kept' }]);
  });

  it('refuses a migration that would leave rows that refer to nothing', () => {
    const path = filled(scratch());
    const orphan = { ...addColumn, statements: ["INSERT INTO body VALUES ('nobody', x'00')"] };
    expect(() => migrate({ path, migrations: [...migrations, orphan] })).toThrow(/refer to nothing/);
    expect(schemaState(path)).toBe('current');
  });

  it('refuses a newer schema in one line that names the copy and the commands that bring it back', () => {
    const folder = scratch();
    const path = filled(folder);
    mkdirSync(join(folder, 'spool'));
    writeFileSync(join(folder, 'spool/M1.eml'), 'a scan');
    const { copy } = migrate({ path, migrations: later });
    const refusal = refusalOf(() => migrate({ path }));
    expect(refusal).toContain(
      `The database ${path} was written by a newer Postern (this one knows schema ${LATEST}). Install the newer Postern again. Or go back to the copy from before the update: mail that waited then is sent again, and large mail that was relayed since may be held as damaged; what was taken and set since is not in the copy, but kept in ${path}.newer and ${join(folder, 'spool.newer')}. Stop every Postern`,
    );
    expect(refusal).toContain(`mv ${copy} ${path}`);
    expect(schemaState(path)).toBe('newer');
    // The way back is to be typed as it stands there.
    expect(spawnSync('sh', ['-c', refusal.split('then run: ')[1] ?? 'false']).status).toBe(0);
    expect(migrate({ path })).toEqual({ from: LATEST, to: LATEST, copy: null });
    expect(rowsOf(path)).toEqual([{ name: 'a', value: 'kept' }]);
    expect(rowsOf(`${path}.newer`)).toEqual([{ name: 'a', value: 'kept', note: 'seen' }]);
    expect(readdirSync(join(folder, 'spool.newer'))).toEqual(['M1.eml']);
  });

  it('refuses a newer schema without a copy', () => {
    const path = join(scratch(), 'postern.db');
    migrate({ path, migrations: later });
    expect(() => migrate({ path })).toThrow(/newer Postern .* Install the newer Postern again\.$/);
  });

  it('refuses what is not a database, or not ours, and leaves it as it is', () => {
    const folder = scratch();
    const diary = join(folder, 'diary.db');
    writeFileSync(diary, 'Dear diary, '.repeat(1_000));
    expect(() => migrate({ path: diary })).toThrow(/is damaged or not a database/);
    const foreign = join(folder, 'foreign.db');
    const connection = openConnection(foreign, 'durable');
    connection.exec('CREATE TABLE recipe (name TEXT)');
    connection.close();
    expect(() => migrate({ path: foreign })).toThrow(/is a database, but not one of Postern's/);
  });
});

describe('kill -9 during a migration', () => {
  it('leaves the old schema, and the next start completes it', async () => {
    // Too long to come to its end: the kill falls into the copy or into the transaction.
    for (const delay of [0, 40, 100, 200, 400]) {
      const folder = scratch();
      const path = filled(folder, 60_000);
      const migrator = startProgram({
        command: program('migrate-slowly', path, '500'),
        outputFolder: folder,
        name: 'migrator',
      });
      await waitFor(
        'the migration to begin',
        () => migrator.stdout().includes('begun') || migrator.hasExited(),
      );
      await new Promise(resolve => setTimeout(resolve, delay));
      await migrator.kill();
      expect(schemaState(path)).toBe('current');
      expect(rowsOf(path)[0]).toEqual({ name: 'n0', value: 'kept' });
      migrate({ path, migrations: later });
      const all = rowsOf(path);
      expect(all).toHaveLength(60_000);
      expect(all.every(row => row['note'] === 'seen')).toBe(true);
      expect(existsSync(join(folder, `postern.db.before-${LATEST + 1}`))).toBe(true);
    }
  });

  it('completes a first creation that was cut short at any write', async () => {
    const whole = scratch();
    migrate({ path: join(whole, 'postern.db') });
    for (let round = 0; round < 6; round++) {
      const folder = scratch();
      const path = join(folder, 'postern.db');
      const creator = startProgram({
        command: program('migrate-slowly', path, '0'),
        outputFolder: folder,
        name: 'creator',
      });
      await waitFor('the file', () => existsSync(path) || creator.hasExited());
      await new Promise(resolve => setTimeout(resolve, round));
      await creator.kill();
      migrate({ path });
      expect(schemaState(path)).toBe('current');
      expect(readdirSync(folder).filter(name => name.includes('before'))).toEqual([]);
    }
  });
});

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error('it was not refused');
}

function filled(folder: string, rows = 1): string {
  const path = join(folder, 'postern.db');
  migrate({ path });
  const connection = openConnection(path, 'durable');
  const insert = connection.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
  connection.exec('BEGIN');
  for (let i = 0; i < rows; i++) insert.run(rows === 1 ? 'a' : `n${i}`, 'kept');
  connection.exec('COMMIT');
  connection.close();
  return path;
}

function rowsOf(path: string): readonly Record<string, unknown>[] {
  const connection = openConnection(path, 'durable');
  const rows = connection.prepare<[], Record<string, unknown>>('SELECT * FROM meta').all();
  connection.close();
  return rows;
}
