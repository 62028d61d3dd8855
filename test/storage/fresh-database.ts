// A database with Postern's schema in a folder of its own, for the tests of this folder.

import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Database, Statement } from '../../server/storage/database.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the test, before what was set up earlier is taken down. */
export function afterTest(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

/** An empty folder that is removed after the test. */
export function scratch(): string {
  const folder = makeScratch('storage');
  cleanups.push(() => removeScratch(folder));
  return folder;
}

/** Opens the file, and closes it after the test. A failed sync fails the test. */
export async function opened(path: string, onFatal: (text: string) => void = fail): Promise<Database> {
  const database = await openDatabase({ path, onFatal });
  cleanups.push(() => database.close());
  return database;
}

export async function freshDatabase(): Promise<{ path: string; database: Database }> {
  const path = join(scratch(), 'postern.db');
  migrate({ path });
  return { path, database: await opened(path) };
}

/** A row of the simplest table. */
export function insert(name: string, value = 'x'): Statement {
  return { sql: 'INSERT INTO meta (name, value) VALUES (?, ?)', params: [name, value], require: 1 };
}

export async function names(database: Database): Promise<readonly string[]> {
  const rows = await database.read('SELECT name FROM meta ORDER BY name');
  return rows.map(row => String(row['name']));
}

/** The command that runs a program of test/storage/program with this test's own Node. */
export function program(name: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, join(import.meta.dirname, 'program', `${name}.ts`), ...args];
}

function fail(text: string): never {
  throw new Error(`the database failed: ${text}`);
}
