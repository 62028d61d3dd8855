// Facts about this installation: hostname and trace_id, written once; sealing_key_id, which names the key in force; and
// routed_by, the routes and settings of upstreams (JSON) by which what waits was routed last.

import type { Database, Statement } from './database.ts';

export type MetaName = 'hostname' | 'trace_id' | 'sealing_key_id' | 'routed_by';

/** The value, or null where it was never written. */
export async function readMeta(database: Database, name: MetaName): Promise<string | null> {
  const [row] = await database.read('SELECT value FROM meta WHERE name = ?', [name]);
  return row === undefined ? null : String(row['value']);
}

/** Writes the value unless there is one, and returns the one that stands. Throws where the database cannot commit. */
export async function writeMetaOnce(database: Database, name: MetaName, value: string): Promise<string> {
  const result = await database.commit([insertMetaOnce(name, value)]);
  const stands = await readMeta(database, name);
  if (stands === null) throw new Error(`meta ${name} could not be written: ${result.kind}`);
  return stands;
}

/** Replaces a value; the sealing key's id only where nothing is sealed under the old one any more. */
export function replaceMeta(name: MetaName, value: string): Statement {
  return {
    sql: 'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    params: [name, value],
  };
}

function insertMetaOnce(name: MetaName, value: string): Statement {
  return {
    sql: 'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
    params: [name, value],
  };
}
