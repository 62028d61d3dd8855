// Secrets that Postern must be able to read again are sealed under a key that is not in the database (sealed-value.ts says
// how). The key may be replaced at any moment by another process (`postern key rotate`): what was sealed before still
// opens, what is sealed from then on takes the new key, and a group that carries a value of the replaced key is refused by
// its guard, so that nothing unreadable is ever stored.

import type { RandomBytes } from '../ids.ts';
import { refusedStart } from '../refused-start.ts';
import type { Database, Statement } from './database.ts';
import { readMeta } from './meta.ts';
import { createKeyedSeal, type KeyedSeal, keyIdOf } from './sealed-value.ts';
import { findKey, type SealingKey } from './sealing-key.ts';

export type Sealer = Readonly<{
  /** Id of the key that seals now; null while it is lost. */
  keyId: () => string | null;
  /**
   * Context binds the value to its row and purpose (sealed-rows.ts has them all). Throws a refused start while the key is
   * lost: ask `keyId` first where that is no reason to stop.
   */
  seal: (plain: Uint8Array, context: string) => Uint8Array;
  /** Null where the value was sealed under a key that is lost, or in another context, or was changed. */
  open: (sealed: Uint8Array, context: string) => Uint8Array | null;
  /** Belongs into every group that writes `sealed`: requires that its key is still the one in force. */
  guard: (sealed: Uint8Array) => Statement;
  /** Looks which key is in force. Rejects where the database or the key's file cannot be read. */
  refresh: () => Promise<void>;
  /** Why there is no key and what to do, in one line; null where there is one. */
  trouble: () => string | null;
  /** Calls back when another key has come into force, or none can be found any more. */
  onChange: (listener: () => void) => void;
}>;

/** What others need of it to store and read secrets of their own. */
export type Sealing = Pick<Sealer, 'keyId' | 'seal' | 'open' | 'guard' | 'refresh'>;

type SealerDeps = Readonly<{
  /** Path of the key's file. */
  path: string;
  database: Database;
  random: RandomBytes;
  /** Null: it is lost, as `trouble` says. */
  key: SealingKey | null;
  trouble: string | null;
}>;

export function createSealer({ path, database, random, key, trouble }: SealerDeps): Sealer {
  const known = new Map<string, KeyedSeal>();
  /** Ids that were looked for in vain since the last refresh: a value of a lost key must not cost a file each time. */
  const unknown = new Set<string>();
  const listeners: (() => void)[] = [];
  let current = key;
  let lost = trouble;

  const sealOf = (used: SealingKey): KeyedSeal => {
    const seal = known.get(used.id) ?? createKeyedSeal(used, random);
    known.set(used.id, seal);
    return seal;
  };
  // A value may be read before this process has heard of its key; the key's file is always there before the value.
  const sealOfId = (id: string): KeyedSeal | null => {
    const seal = known.get(id);
    if (seal !== undefined || unknown.has(id)) return seal ?? null;
    const found = findKey(path, id);
    if (found !== null) return sealOf(found);
    unknown.add(id);
    return null;
  };
  const refresh = async (): Promise<void> => {
    const id = await readMeta(database, 'sealing_key_id');
    unknown.clear();
    if (id === null || id === current?.id) return;
    const found = findKey(path, id);
    const changed = found?.id !== current?.id;
    current = found;
    lost = found === null ? (lost ?? vanishedText(path, id)) : null;
    if (changed) for (const listener of listeners) listener();
  };

  // What cannot be read now is read at the next change, or when a guard refuses.
  database.onForeignChange(() => void refresh().catch(() => undefined));

  return {
    keyId: () => current?.id ?? null,
    seal: (plain, context) => {
      if (current === null) throw refusedStart(lost ?? `The sealing key ${path} is lost.`);
      return sealOf(current).seal(plain, context);
    },
    open: (sealed, context) => sealOfId(keyIdOf(sealed))?.open(sealed, context) ?? null,
    guard: sealed => requireKey(keyIdOf(sealed)),
    refresh,
    trouble: () => (current === null ? lost : null),
    onChange: listener => void listeners.push(listener),
  };
}

/** Fails in a database whose sealing key is another one. */
export function requireKey(keyId: string): Statement {
  return {
    sql: "UPDATE meta SET value = value WHERE name = 'sealing_key_id' AND value = ?",
    params: [keyId],
    require: 1,
  };
}

/**
 * Runs `attempt`, which seals and commits; and once more where it was refused and the sealing key was replaced meanwhile.
 * What it seals, and what it reads that is sealed, it must do within the call.
 */
export async function commitSealed<Result extends Readonly<{ kind: string }>>(
  sealer: Pick<Sealer, 'keyId' | 'refresh'>,
  attempt: () => Promise<Result>,
): Promise<Result> {
  const before = sealer.keyId();
  const result = await attempt();
  if (result.kind !== 'requirement') return result;
  await sealer.refresh();
  return sealer.keyId() === before ? result : attempt();
}

function vanishedText(path: string, id: string): string {
  return `The sealing key was replaced by another one (id ${id}), which is not in ${path}. Put that file back, then run the command again or restart the server.`;
}
