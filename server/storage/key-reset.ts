// After the sealing key was lost for good: makes a new one and forgets what was sealed under the old, in one commit with
// the line of the audit. Secrets of upstreams, consents and alert channels must be given again by the operator; what CRAM-MD5
// and SCRAM need comes back with the next logins by PLAIN or LOGIN, or with a new password. Never while the key is there.

import { linkSync } from 'node:fs';
import type { Database } from './database.ts';
import { changeKey, type KeyRefusal, refused } from './key-change.ts';
import type { KeyDeps } from './key-rotation.ts';
import { insertLastingKey, sealNewLastingKey } from './lasting-key.ts';
import { type LostWithKey, lostFromRows, SELECT_LOST_WITH_KEY } from './lost-with-key.ts';
import { replaceMeta } from './meta.ts';
import { forgetSealed } from './sealed-rows.ts';
import { createKeyedSeal } from './sealed-value.ts';
import { findKey } from './sealing-key.ts';

export type KeyReset = Readonly<{
  kind: 'reset';
  id: string;
  forgotten: LostWithKey;
  /** Where the file lies that was there instead; null where there was none. */
  keptAs: string | null;
}>;

export async function resetKey(deps: KeyDeps): Promise<KeyReset | KeyRefusal> {
  const { path, database, random } = deps;
  const changed = await changeKey({
    ...deps,
    may: id => (id !== null && findKey(path, id) !== null ? refused(FINE) : null),
    commit: async (key, id) => {
      const forgotten = await whatIsForgotten(database);
      const keptAs = keepAside(path);
      const lastingKey = sealNewLastingKey(createKeyedSeal(key, random).seal, random);
      const result = await database.commit([
        ...forgetSealed(),
        insertLastingKey(lastingKey),
        replaceMeta('sealing_key_id', key.id),
        deps.audit({ action: 'key.reset', object: '', detail: describe(id, key.id, forgotten) }),
      ]);
      return result.kind === 'committed' ? { kind: 'committed', value: { forgotten, keptAs } } : result;
    },
  });
  return changed.kind === 'refused' ? changed : { kind: 'reset', id: changed.id, ...changed.value };
}

const FINE =
  'The sealing key is there and is the right one, so there is nothing to reset. "postern key rotate" replaces it and loses nothing.';

/** What a reset forgets, as of now. */
export async function whatIsForgotten(database: Database): Promise<LostWithKey> {
  return lostFromRows(await database.read(SELECT_LOST_WITH_KEY));
}

/** The file that has another key, or none that can be read: it may be somebody's only copy. */
function keepAside(path: string): string | null {
  for (let number = 1; ; number++) {
    // One that an earlier reset has kept stays.
    const aside = number === 1 ? `${path}.before-reset` : `${path}.before-reset-${number}`;
    try {
      linkSync(path, aside);
      return aside;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'ENOENT') return null;
      if (code !== 'EEXIST') throw error;
    }
  }
}

function describe(from: string | null, to: string, forgotten: LostWithKey): string {
  const { upstreams, clientSecrets, serviceAccounts, consents, channels } = forgotten;
  const clients = clientSecrets.length + serviceAccounts.length;
  return `key ${from ?? '(none)'} was lost, key ${to} is new; passwords of ${upstreams.length} upstreams, client secrets of ${clients}, consents to ${consents.length} and ${channels.length} alert channels were forgotten`;
}
