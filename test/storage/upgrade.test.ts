// From the schema before to ours, with mail in every state: nothing is lost or changed, whenever the process is killed.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrate, migrations, schemaState } from '../../server/storage/migrate.ts';
import { openConnection } from '../../server/storage/sqlite.ts';
import { EVERY_KIND, fill } from '../backup/support.ts';
import { startProgram, waitFor } from '../support/process.ts';
import { program, scratch } from './fresh-database.ts';

const BEFORE = migrations.slice(0, 2);
const ROUTES = migrations.slice(0, 3);

/** A database of schema 2 with mail in every state, and as much more as makes its migration take a while. */
function databaseOfSchema2(folder = scratch(), more = 0): string {
  const path = join(folder, 'postern.db');
  migrate({ path, migrations: BEFORE });
  fill(path, folder);
  const connection = openConnection(path, 'durable');
  connection.exec(`UPDATE message SET account_id = 'ACCOUNT' WHERE id IN ('M1', 'M2')`);
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${more})`;
  if (more > 0)
    connection.exec(`BEGIN;
      ${numbers} INSERT INTO message (id, kind, reverse_path, body_type, smtputf8, size, content, content_hash, queued_at)
        SELECT 'N' || i, 'mail', 'a@b.test', '7bit', 0, 1, 'gone', '', 1 FROM n;
      ${numbers} INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts, deferrals, age)
        SELECT 'N' || i, 0, 'c@d.test', 'queued', 0, 0, 0 FROM n;
      COMMIT;`);
  connection.close();
  return path;
}

type Rows = readonly Readonly<Record<string, unknown>>[];

function rowsOf(path: string, sql: string): Rows {
  const connection = openConnection(path, 'durable');
  const rows = connection.prepare<[], Record<string, unknown>>(sql).all();
  connection.close();
  return rows;
}

const OLD_MESSAGE = `SELECT id, kind, account_id, reverse_path, size, content, content_hash, queued_at, held_at, retired_at
  FROM message ORDER BY id`;
const OLD_RECIPIENT = `SELECT message_id, ordinal, forward_path, state, attempts, next_attempt_at, lease, upstream_id,
  settled_at FROM recipient ORDER BY message_id`;

describe('from schema 2 to 3', () => {
  it('keeps mail in every state as it was, and gives it what the new columns need', () => {
    const path = databaseOfSchema2();
    const old = [rowsOf(path, OLD_MESSAGE), rowsOf(path, OLD_RECIPIENT)];
    expect(migrate({ path, migrations: ROUTES })).toMatchObject({ from: 2, to: 3, copy: `${path}.before-3` });
    expect([rowsOf(path, OLD_MESSAGE), rowsOf(path, OLD_RECIPIENT)]).toEqual(old);
    expect(old[0]).toHaveLength(EVERY_KIND.length);
    expect(rowsOf(path, 'SELECT id, held_because FROM message WHERE held_because IS NOT NULL')).toEqual([
      { id: 'M5', held_because: 'operator' },
    ]);
    expect(
      rowsOf(path, `SELECT message_id AS id FROM recipient WHERE account_id = 'ACCOUNT' ORDER BY 1`),
    ).toEqual([{ id: 'M1' }, { id: 'M2' }]);
    expect(rowsOf(path, `SELECT 1 FROM recipient WHERE way <> '' OR report IS NOT NULL`)).toEqual([]);
    expect(rowsOf(path, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  it('leaves one schema or the other when it is killed, and is completed by the next start', async () => {
    const delays = [0, 60, 120, 200, 300, 450];
    for (const delay of delays) {
      const folder = scratch();
      const path = databaseOfSchema2(folder, 40_000);
      const migrator = startProgram({
        command: program('migrate-slowly', path, '0'),
        outputFolder: folder,
        name: 'migrator',
      });
      await waitFor('it to begin', () => migrator.stdout().includes('begun') || migrator.hasExited());
      await new Promise(resolve => setTimeout(resolve, delay));
      await migrator.kill();
      expect(['older', 'current']).toContain(schemaState(path));
      migrate({ path });
      expect(schemaState(path)).toBe('current');
      expect(rowsOf(path, 'SELECT COUNT(*) AS n FROM recipient')).toEqual([
        { n: 40_000 + EVERY_KIND.length },
      ]);
      expect(rowsOf(path, 'PRAGMA quick_check')).toEqual([{ quick_check: 'ok' }]);
      expect(existsSync(`${path}.before-3`)).toBe(true);
    }
  });
});
