// Replaces the sealing key by a new one: everything that is sealed is sealed anew, in one commit with the new key's id and
// the line of the audit. The server may run meanwhile: what it writes under the old key before the commit is found by the
// commit's own condition (then everything is read again), and what it would write after is refused by its guard.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { RandomBytes } from '../ids.ts';
import type { CommitRefusal, Database, Statement } from './database.ts';
import { changeKey, type KeyRefusal, refused } from './key-change.ts';
import {
  deleteSealed,
  readSealedRows,
  replaceSealed,
  type SealedRow,
  sealedOtherwise,
} from './sealed-rows.ts';
import { createKeyedSeal, type KeyedSeal, sealedHeader } from './sealed-value.ts';
import { findKey, type SealingKey } from './sealing-key.ts';

export type KeyDeps = Readonly<{
  /** Path of the key's file. */
  path: string;
  database: Database;
  random: RandomBytes;
  /** The line of the audit, for the commit. */
  audit: (fact: AuditFact) => Statement;
}>;

export type Rotated = Readonly<{ kind: 'rotated'; id: string; values: number }>;

/** Somebody would have to set passwords all the time for this not to be enough. */
const ATTEMPTS = 5;

export async function rotateKey(deps: KeyDeps): Promise<Rotated | KeyRefusal> {
  const { path, random } = deps;
  const changed = await changeKey({
    ...deps,
    may: id => (id === null || findKey(path, id) === null ? refused(LOST) : null),
    commit: (key, id) => {
      const old = id === null ? null : findKey(path, id);
      if (old === null) throw new Error('the sealing key vanished while it was replaced');
      const seals = { old: createKeyedSeal(old, random), fresh: createKeyedSeal(key, random) };
      return sealAnew(deps, old, key, seals);
    },
  });
  if (changed.kind === 'refused') return changed;
  return { kind: 'rotated', id: changed.id, values: changed.value };
}

const LOST =
  'The sealing key is lost, so what is sealed under it cannot be sealed anew: put its file back from your backup, or call "postern key reset".';

type Seals = Readonly<{ old: KeyedSeal; fresh: KeyedSeal }>;

/** Resolves with how many values were sealed anew. */
async function sealAnew(
  deps: KeyDeps,
  old: SealingKey,
  key: SealingKey,
  seals: Seals,
): Promise<Readonly<{ kind: 'committed'; value: number }> | KeyRefusal | CommitRefusal> {
  for (let attempt = 1; ; attempt++) {
    const rows = await readSealedRows(deps.database);
    const unreadable = rows.find(row => row.column.ifLost === 'asked-for' && !opens(row, seals));
    if (unreadable !== undefined) return refused(await unreadableText(deps.database, unreadable));
    const result = await deps.database.commit([
      ...anewStatements(rows, seals),
      replaceKeyId(old.id, key.id),
      deps.audit({
        action: 'key.rotated',
        object: '',
        detail: `key ${old.id} was replaced by key ${key.id}`,
      }),
    ]);
    if (result.kind === 'committed') return { kind: 'committed', value: rows.length };
    if (result.kind !== 'requirement' || attempt >= ATTEMPTS) return result;
  }
}

function anewStatements(rows: readonly SealedRow[], seals: Seals): readonly Statement[] {
  // A salt that cannot be made again leaves the SCRAM keys without use; both come back by themselves.
  const saltLost = rows.some(row => row.column.table === 'lasting_key' && !opens(row, seals));
  return rows.map(row => {
    const plain = seals.old.open(row.sealed, row.context);
    if (plain === null || (saltLost && row.column.table === 'derived_secret')) return deleteSealed(row);
    return replaceSealed(row, seals.fresh.seal(plain, row.context));
  });
}

function opens(row: SealedRow, { old }: Seals): boolean {
  return old.open(row.sealed, row.context) !== null;
}

/** Refused where the key is another one by now, or where anything is still sealed under another than the new one. */
function replaceKeyId(from: string, to: string): Statement {
  const otherwise = sealedOtherwise(sealedHeader(to));
  return {
    sql: `UPDATE meta SET value = ? WHERE name = 'sealing_key_id' AND value = ? AND NOT ${otherwise.sql}`,
    params: [to, from, ...otherwise.params],
    require: 1,
  };
}

async function unreadableText(database: Database, { column, key }: SealedRow): Promise<string> {
  const [row] = await database.read(`SELECT name FROM ${column.table} WHERE id = ?`, key);
  const name = String(row?.['name'] ?? key[0]);
  const [what, remedy] =
    column.table === 'upstream'
      ? [`The password of the upstream "${name}"`, `"postern upstream set ${name} --password-stdin"`]
      : [`What the alert channel "${name}" needs`, `"postern alert channel remove ${name}" and add it again`];
  return `${what} cannot be read with this sealing key, so the key was not replaced: put that right first with ${remedy}.`;
}
