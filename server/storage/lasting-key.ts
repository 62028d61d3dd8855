// A random key that outlives every sealing key: what is made from it may never change, because clients keep it (SCRAM
// salts) or rows do (bans). Sealed in the database under the sealing key; made once, by whoever needs it first.
// While the sealing key is lost a key of this process stands in, so that unknown and known names stay alike; nothing that
// is stored may be made from that one (`available`).

import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { RandomBytes } from '../ids.ts';
import type { Database, Statement } from './database.ts';
import { lastingKeyContext } from './sealed-rows.ts';
import { commitSealed, type Sealing } from './sealing.ts';

export type LastingKey = Readonly<{
  /** HMAC-SHA-256 (32 octets) under the subkey for that purpose. */
  mac: (purpose: Purpose, octets: Uint8Array) => Uint8Array;
  /** Whether it is the real one. */
  available: () => boolean;
  /** Reads it, and makes it where there is none. Rejects where the database cannot be read. */
  refresh: () => Promise<void>;
}>;

export type Purpose = 'scram salt' | 'name tag';

type LastingKeyDeps = Readonly<{ database: Database; sealer: Sealing; random: RandomBytes }>;

const NAME = 'logins';
const KEY_SIZE = 32;

/** Rejects where the database cannot be read. */
export async function openLastingKey(deps: LastingKeyDeps): Promise<LastingKey> {
  const standIn = deps.random(KEY_SIZE);
  let key: Uint8Array | null = null;
  let subkeys = new Map<Purpose, KeyObject>();

  const use = (found: Uint8Array | null): void => {
    if (found !== null && key !== null && Buffer.from(found).equals(key)) return;
    key = found;
    subkeys = new Map();
  };
  const refresh = async (): Promise<void> => {
    const kept = await read(deps);
    use(kept === 'none' && deps.sealer.keyId() !== null ? await make(deps) : kept === 'none' ? null : kept);
  };
  // As an object: made of octets, it would be made anew for each login, which costs more than the HMAC.
  const subkey = (purpose: Purpose): KeyObject => {
    const made =
      subkeys.get(purpose) ??
      createSecretKey(new Uint8Array(hkdfSync('sha256', key ?? standIn, '', `postern ${purpose}`, KEY_SIZE)));
    subkeys.set(purpose, made);
    return made;
  };

  await refresh();
  // A new one was made, or can be read again, after `postern key reset`.
  deps.database.onForeignChange(() => void refresh().catch(() => undefined));

  return {
    mac: (purpose, octets) => createHmac('sha256', subkey(purpose)).update(octets).digest(),
    available: () => key !== null,
    refresh,
  };
}

/** A new key, as a statement: for whoever replaces a lost one. Changes nothing where there is one. */
export function insertLastingKey(sealed: Uint8Array): Statement {
  return {
    sql: 'INSERT INTO lasting_key (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
    params: [NAME, sealed],
  };
}

export function sealNewLastingKey(seal: Sealing['seal'], random: RandomBytes): Uint8Array {
  return seal(random(KEY_SIZE), lastingKeyContext(NAME));
}

/** Null where it is there and cannot be opened. */
async function read({ database, sealer }: LastingKeyDeps): Promise<Uint8Array | 'none' | null> {
  const [row] = await database.read('SELECT sealed FROM lasting_key WHERE name = ?', [NAME]);
  const sealed = row?.['sealed'];
  return sealed instanceof Uint8Array ? sealer.open(sealed, lastingKeyContext(NAME)) : 'none';
}

/** The one that stands afterwards, ours or that of another process; null where it could not be stored. */
async function make(deps: LastingKeyDeps): Promise<Uint8Array | null> {
  const { database, sealer, random } = deps;
  await commitSealed(sealer, async () => {
    const sealed = sealNewLastingKey(sealer.seal, random);
    return database.commit([insertLastingKey(sealed), sealer.guard(sealed)]);
  });
  const kept = await read(deps);
  return kept === 'none' ? null : kept;
}
