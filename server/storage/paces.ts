// How fast each upstream was sent to, as a text that relay/stored-pace.ts writes and reads: kept with the observations, so
// that limits of an hour or a day outlive a restart without a sync for each message.

import type { Row, Statement } from './database.ts';

export type Paces = Readonly<{
  /** What an earlier run left, or this one noted last; null: nothing. */
  get: (upstreamId: string) => string | null;
  /** `write` is called when it is written to the file. */
  keep: (upstreamId: string, write: () => string) => void;
  /** What is not yet in the file. */
  takeChanges: () => readonly Statement[];
}>;

export const PACE_TABLE =
  'CREATE TABLE IF NOT EXISTS pace (upstream_id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL)';
export const SELECT_PACES = 'SELECT upstream_id, text FROM pace';

export function createPaces(rows: readonly Row[]): Paces {
  const kept = new Map(rows.map(row => [String(row['upstream_id']), String(row['text'])]));
  const unwritten = new Map<string, () => string>();
  const written = (id: string, write: () => string): string => {
    const text = write();
    kept.set(id, text);
    return text;
  };
  return {
    get: id => unwritten.get(id)?.() ?? kept.get(id) ?? null,
    keep: (id, write) => void unwritten.set(id, write),
    takeChanges: () => {
      const statements = [...unwritten].map(([id, write]) => savePace(id, written(id, write)));
      unwritten.clear();
      return statements;
    },
  };
}

function savePace(upstreamId: string, text: string): Statement {
  return {
    sql: `INSERT INTO pace (upstream_id, text) VALUES (?, ?)
      ON CONFLICT (upstream_id) DO UPDATE SET text = excluded.text`,
    params: [upstreamId, text],
  };
}
