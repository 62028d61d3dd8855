// What only the engine itself can be asked: a database that another holds, and the order of falling back.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGroupCommit } from '../../server/storage/group-commit.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { type Connection, openConnection } from '../../server/storage/sqlite.ts';
import { afterTest, insert, scratch } from './fresh-database.ts';

describe('createGroupCommit', () => {
  it('answers busy while another process writes, and goes on afterwards', () => {
    const path = fresh();
    const other = connect(path);
    const connection = connect(path);
    connection.pragma('busy_timeout = 20');
    const groupCommit = createGroupCommit(connection);
    other.exec('BEGIN IMMEDIATE');
    expect(groupCommit.commit([[insert('a')]])).toMatchObject([{ kind: 'busy' }]);
    expect(groupCommit.commit([[insert('a')], [insert('b')]])).toMatchObject([
      { kind: 'busy' },
      { kind: 'busy' },
    ]);
    other.exec('COMMIT');
    expect(groupCommit.commit([[insert('a')], [insert('b')]])).toMatchObject([
      { kind: 'committed' },
      { kind: 'committed' },
    ]);
    expect(groupCommit.failure()).toBeNull();
  });

  it('takes each group alone where the transaction of all is lost', () => {
    const path = fresh();
    const connection = connect(path);
    // A trigger that rolls everything back stands for the full disk, which does the same.
    connection.exec(`CREATE TRIGGER lose BEFORE INSERT ON meta WHEN NEW.name = 'poison'
      BEGIN SELECT RAISE(ROLLBACK, 'all gone'); END`);
    const results = createGroupCommit(connection).commit([[insert('a')], [insert('poison')], [insert('b')]]);
    expect(results).toMatchObject([{ kind: 'committed' }, { kind: 'constraint' }, { kind: 'committed' }]);
    expect(connection.prepare('SELECT name FROM meta ORDER BY name').pluck().all()).toEqual(['a', 'b']);
  });

  it('refuses everything after a failure that it was told of', () => {
    const groupCommit = createGroupCommit(connect(fresh()));
    groupCommit.fail('checkpoint: no');
    const refused = { kind: 'io', text: 'checkpoint: no' };
    expect(groupCommit.commit([[insert('a')]])).toEqual([refused]);
    expect(groupCommit.commit([[insert('a')], [insert('b')]])).toEqual([refused, refused]);
  });

  it('checks what is deferred to COMMIT, each group for itself', () => {
    const connection = connect(fresh());
    connection.exec(`CREATE TABLE child (name TEXT REFERENCES meta (name) DEFERRABLE INITIALLY DEFERRED)`);
    const orphan = { sql: 'INSERT INTO child VALUES (?)', params: ['nobody'] };
    expect(createGroupCommit(connection).commit([[insert('a')], [orphan], [insert('b')]])).toMatchObject([
      { kind: 'committed' },
      { kind: 'constraint' },
      { kind: 'committed' },
    ]);
  });
});

function fresh(): string {
  const path = join(scratch(), 'postern.db');
  migrate({ path });
  return path;
}

function connect(path: string): Connection {
  const connection = openConnection(path, 'durable');
  afterTest(() => {
    connection.close();
  });
  return connection;
}
