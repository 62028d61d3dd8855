// The key from which SCRAM salts and name tags are made: one for good, whoever opens the database, and none that could be
// stored by mistake while the sealing key is lost.

import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../server/storage/database.ts';
import { type LastingKey, openLastingKey } from '../../server/storage/lasting-key.ts';
import { openSealer } from '../../server/storage/open-sealer.ts';
import { freshDatabase, opened } from './fresh-database.ts';

const name = Buffer.from('scanner');
const random = (count: number) => randomBytes(count);

describe('the lasting key', () => {
  it('is made once, and is the same for everybody who opens the database', async () => {
    const { path, database } = await freshDatabase();
    const [first, second] = await Promise.all([
      open(path, database),
      opened(path).then(other => open(path, other)),
    ]);
    const third = await open(path, database);
    expect([first, second, third].map(one => one.available())).toEqual([true, true, true]);
    const macs = [first, second, third].map(one => Buffer.from(one.mac('name tag', name)).toString('hex'));
    expect(new Set(macs).size).toBe(1);
    expect(await database.read('SELECT name FROM lasting_key')).toHaveLength(1);
  });

  it('has another subkey for each purpose', async () => {
    const { path, database } = await freshDatabase();
    const key = await open(path, database);
    expect(key.mac('name tag', name)).not.toEqual(key.mac('scram salt', name));
    expect(key.mac('name tag', name)).toHaveLength(32);
  });

  it('is stood in for while the sealing key is lost, and there again with it', async () => {
    const { path, database } = await freshDatabase();
    const before = (await open(path, database)).mac('name tag', name);
    const file = join(dirname(path), 'sealing.key');
    renameSync(file, `${file}.lost`);
    const without = await open(path, database);
    expect(without.available()).toBe(false);
    const standIn = without.mac('name tag', name);
    expect(standIn).not.toEqual(before);
    expect(without.mac('name tag', name)).toEqual(standIn);
    renameSync(`${file}.lost`, file);
    expect((await open(path, database)).mac('name tag', name)).toEqual(before);
  });
});

async function open(path: string, database: Database): Promise<LastingKey> {
  const found = await openSealer({
    path: join(dirname(path), 'sealing.key'),
    database,
    random,
    mayCreate: true,
    onWarning: text => {
      throw new Error(text);
    },
  });
  if (found.kind === 'not-yet') throw new Error('no key was made');
  return openLastingKey({ database, sealer: found.sealer, random });
}
