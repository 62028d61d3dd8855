// What is sealed opens only where it belongs; a lost key is never replaced while something hangs on it.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../server/storage/database.ts';
import { readMeta } from '../../server/storage/meta.ts';
import { openSealer, type Sealer } from '../../server/storage/sealing.ts';
import { freshDatabase } from './fresh-database.ts';

type Trial = Readonly<{ sealed?: boolean; mayCreate?: boolean }>;

describe('a sealed value', () => {
  it('opens with the same context only, and differs each time', async () => {
    const { sealer } = await fresh();
    const plain = Buffer.from('MiPasw0rd$Ñ');
    const sealed = sealer.seal(plain, 'upstream:A:password');
    expect(Buffer.from(sealer.open(sealed, 'upstream:A:password') ?? [])).toEqual(plain);
    expect(sealer.open(sealed, 'upstream:B:password')).toBeNull();
    expect(sealer.seal(plain, 'upstream:A:password')).not.toEqual(sealed);
    expect(Buffer.from(sealed).includes('MiPasw0rd')).toBe(false);
  });

  it('does not open when any octet was changed, or when it is cut short', async () => {
    const { sealer } = await fresh();
    const sealed = Uint8Array.from(sealer.seal(Buffer.from('secret'), 'c'));
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.map((octet, at) => (at === i ? octet ^ 1 : octet));
      expect(sealer.open(changed, 'c')).toBeNull();
      expect(sealer.open(sealed.subarray(0, i), 'c')).toBeNull();
    }
  });

  it('may be empty, and opens again after a restart', async () => {
    const { sealer, open } = await fresh();
    const sealed = sealer.seal(new Uint8Array(0), 'c');
    const again = await open({});
    expect(again?.open(sealed, 'c')?.byteLength).toBe(0);
    expect(again?.keyId).toBe(sealer.keyId);
  });

  it('has other keys for other purposes', async () => {
    const { sealer, open } = await fresh();
    expect(sealer.subkey('one')).toHaveLength(32);
    expect(sealer.subkey('one')).not.toEqual(sealer.subkey('two'));
    expect((await open({}))?.subkey('one')).toEqual(sealer.subkey('one'));
  });
});

describe('the key file', () => {
  it('is ours alone, and its id is in the database', async () => {
    const { path, sealer, database } = await fresh();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(`id ${sealer.keyId}`);
    expect(await readMeta(database, 'sealing_key_id')).toBe(sealer.keyId);
  });

  it('is adopted where the process died between making it and noting its id', async () => {
    const { sealer, database, open } = await fresh();
    await database.commit([{ sql: 'DELETE FROM meta WHERE name = ?', params: ['sealing_key_id'] }]);
    expect((await open({}))?.keyId).toBe(sealer.keyId);
  });

  it('is not made by a process that does not hold the folder', async () => {
    const { database, path: file } = await freshDatabase();
    const path = join(dirname(file), 'sealing.key');
    expect(await openAt(path, database, { mayCreate: false })).toBeNull();
    expect(existsSync(path)).toBe(false);
  });

  it('missing, with sealed data: refused in one line, nothing made', async () => {
    const { path, sealer, open } = await fresh();
    renameSync(path, `${path}.lost`);
    await expect(open({ sealed: true })).rejects.toThrow(
      `The sealing key ${path} is missing under which the upstreams' passwords are sealed (id ${sealer.keyId}). Put that key file back from your backup; nothing was changed. Without a backup, remove the upstreams that have a password (postern upstream remove NAME), restart Postern if it runs, and add them again (postern upstream add NAME).`,
    );
    expect(existsSync(path)).toBe(false);
    renameSync(`${path}.lost`, path);
    expect((await open({ sealed: true }))?.keyId).toBe(sealer.keyId);
  });

  it('another one, with sealed data: refused, and both files stay', async () => {
    const { path, sealer, open } = await fresh();
    const other = readFileSync((await fresh()).path);
    writeFileSync(path, other);
    await expect(open({ sealed: true })).rejects.toThrow(
      new RegExp(`is not the one .* \\(id ${sealer.keyId}\\)`),
    );
    await expect(open({ sealed: false, mayCreate: false })).rejects.toThrow(/is not the one/);
    expect(readFileSync(path)).toEqual(other);
  });

  it('missing or another one, with nothing sealed: replaced, but not silently', async () => {
    const { path, sealer, open, warnings } = await fresh();
    rmSync(path);
    const second = await open({});
    expect(second?.keyId).not.toBe(sealer.keyId);
    expect(warnings).toEqual([expect.stringContaining('a new one was made')]);
    writeFileSync(path, readFileSync((await fresh()).path));
    const third = await open({});
    expect(third?.keyId).not.toBe(second?.keyId);
    expect(warnings[1]).toContain('it is used from now on');
    expect((await open({ sealed: true }))?.keyId).toBe(third?.keyId);
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, -10), 'it is not whole'],
    ['empty', () => '', 'it is not whole'],
    [
      'changed',
      (text: string) => text.replace(/^key (.)/m, (_, c) => `key ${c === 'A' ? 'B' : 'A'}`),
      'its key and its id differ',
    ],
    ['of a later version', (text: string) => text.replace('version 1', 'version 2'), 'it has version 2'],
  ])('%s: refused, whether something is sealed or not', async (_, damage, why) => {
    const { path, open } = await fresh();
    const damaged = damage(readFileSync(path, 'utf8'));
    writeFileSync(path, damaged);
    for (const sealed of [true, false]) await expect(open({ sealed })).rejects.toThrow(why);
    expect(readFileSync(path, 'utf8')).toBe(damaged);
  });
});

async function fresh() {
  const { database, path: file } = await freshDatabase();
  const path = join(dirname(file), 'sealing.key');
  const warnings: string[] = [];
  const open = (trial: Trial): Promise<Sealer | null> => openAt(path, database, trial, warnings);
  const sealer = await open({});
  if (sealer === null) throw new Error('no key was made');
  return { path, database, sealer, open, warnings };
}

function openAt(
  path: string,
  database: Database,
  trial: Trial,
  warnings: string[] = [],
): Promise<Sealer | null> {
  return openSealer({
    path,
    database,
    random: count => randomBytes(count),
    mayCreate: trial.mayCreate ?? true,
    sealedDataExists: async () => trial.sealed ?? false,
    onWarning: text => warnings.push(text),
  });
}
