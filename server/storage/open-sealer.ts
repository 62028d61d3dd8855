// How a process comes to its sealing key: reads it, makes it at the first start, finishes what a crash left of its
// replacement, or says that it is lost. A lost key is never silently replaced while something is sealed under it.

import type { RandomBytes } from '../ids.ts';
import type { Database } from './database.ts';
import { finishKeyChange, whileKeyStays } from './key-change.ts';
import { readMeta, replaceMeta, writeMetaOnce } from './meta.ts';
import { dependents, type SealedColumn } from './sealed-rows.ts';
import { createSealer, type Sealer } from './sealing.ts';
import { createKeyFile, findKey, type KeyFile, readKeyFile, type SealingKey } from './sealing-key.ts';

export type OpenedSealer =
  | Readonly<{ kind: 'open'; sealer: Sealer }>
  /** There is no key yet and this process may not make it; the one that holds the data folder is about to. */
  | Readonly<{ kind: 'not-yet' }>
  /**
   * `sealer` works without a key until there is one again. `text`: what is wrong and what to do, in one line.
   * `asksOperator`: something is sealed that only the operator can give again; else it comes back by itself.
   */
  | Readonly<{ kind: 'lost'; sealer: Sealer; text: string; asksOperator: boolean }>;

type OpenSealerOptions = Readonly<{
  /** Path of the key file. */
  path: string;
  database: Database;
  random: RandomBytes;
  /** Whether this process holds the data folder, so that it may make a key. */
  mayCreate: boolean;
  /** Told, in one line, when a lost key on which nothing depends was replaced. */
  onWarning: (text: string) => void;
}>;

export async function openSealer(options: OpenSealerOptions): Promise<OpenedSealer> {
  const { path, database, random, mayCreate } = options;
  const expected = await readMeta(database, 'sealing_key_id');
  if (expected !== null) finishKeyChange(path, expected);
  const open = (key: SealingKey): OpenedSealer => ({
    kind: 'open',
    sealer: createSealer({ path, database, random, key, trouble: null }),
  });
  const right = expected === null ? null : findKey(path, expected);
  if (right !== null) return open(right);

  const file = readKeyFile(path);
  if (expected === null && file.kind !== 'damaged') {
    if (!mayCreate) return { kind: 'not-yet' };
    // A file without its id in the database is ours: the process died between making it and noting it.
    const key = file.kind === 'key' ? file : createKeyFile(path, random);
    await writeMetaOnce(database, 'sealing_key_id', key.id);
    return open(key);
  }
  const depends = await dependents(database);
  if (expected !== null && depends.length === 0 && mayCreate && file.kind !== 'damaged') {
    const key = await whileKeyStays(path, () => replaceUnused(options, file, expected));
    return key === null ? { kind: 'not-yet' } : open(key);
  }
  const text = lostText(path, file, expected, depends);
  const sealer = createSealer({ path, database, random, key: null, trouble: text });
  return { kind: 'lost', sealer, text, asksOperator: depends.some(isAskedFor) };
}

/** What is wrong with a key file that does not have the key of that id, and the ways out. */
function lostText(
  path: string,
  file: KeyFile,
  expected: string | null,
  depends: readonly SealedColumn[],
): string {
  const id = expected === null ? '' : ` (id ${expected})`;
  const asked = depends.filter(isAskedFor);
  const sealed = [...new Set((asked.length > 0 ? asked : depends).map(({ what }) => what))].join(' and ');
  const under = sealed === '' ? ' of this database' : ` that seals ${sealed}`;
  const stays =
    asked.length > 0
      ? ' Without it the server does not start.'
      : ' Until then CRAM-MD5 and SCRAM are not offered; PLAIN and LOGIN go on.';
  const wrong =
    file.kind === 'damaged'
      ? `The sealing key ${path}${id}${under} is damaged: ${file.why}.`
      : `The sealing key ${path} ${file.kind === 'missing' ? 'is missing: the one' : `is not the one (its id is ${file.id})`}${under}${id}.`;
  return `${wrong}${stays} Put that key file back from your backup and start Postern again; nothing was changed. Without a backup, "postern key reset" makes a new key and says what you must enter again.`;
}

function isAskedFor({ ifLost }: SealedColumn): boolean {
  return ifLost === 'asked-for';
}

/** Null where the database names another key by now. */
async function replaceUnused(
  { path, database, random, onWarning }: OpenSealerOptions,
  file: Exclude<KeyFile, { kind: 'damaged' }>,
  expected: string,
): Promise<SealingKey | null> {
  if ((await readMeta(database, 'sealing_key_id')) !== expected) return null;
  const key = file.kind === 'key' ? file : createKeyFile(path, random);
  const result = await database.commit([replaceMeta('sealing_key_id', key.id)]);
  if (result.kind !== 'committed')
    throw new Error(`the sealing key's id could not be written: ${result.kind}`);
  const missing = file.kind === 'missing';
  onWarning(
    `The sealing key ${path} is ${missing ? 'missing' : 'another one'}; nothing is sealed under the old one, so ${missing ? 'a new one was made' : 'it is used from now on'}.`,
  );
  return key;
}
