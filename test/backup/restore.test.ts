// A backup back in an empty folder, with its mail held; and nothing at all where it is damaged.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Restored } from '../../server/backup/restore.ts';
import { dataFolderAt } from '../../server/storage/data-folder.ts';
import { migrate, migrations } from '../../server/storage/migrate.ts';
import { names, scratch } from '../storage/fresh-database.ts';
import {
  backUp,
  backupsOf,
  EVERY_KIND,
  fill,
  filledFolder,
  given,
  octetsOf,
  openedStore,
  refusal,
  rowsOf,
  WITHOUT,
} from './support.ts';

const WAITING = ['M1', 'M2', 'M3', 'M4', 'M5'];

async function restoreTo(data: string, file: string, askPassphrase = WITHOUT): Promise<Restored> {
  const restored = await backupsOf(data).restore(file, askPassphrase);
  if (restored.kind !== 'restored') throw new Error(restored.text);
  return restored;
}

describe('a restore', () => {
  it('brings everything back, with what waits held and what was in flight bound to its upstream', async () => {
    const { path } = await backUp(await filledFolder());
    const target = join(scratch(), 'new', 'data');
    const restored = await restoreTo(target, path);
    expect(restored.held).toMatchObject({ messages: 5, recipients: 5, heldBefore: 1 });
    expect(restored).toMatchObject({ hasSealingKey: false, hasCertificates: false });
    const store = await openedStore(target);
    const { database, folder } = store;
    expect(await rowsOf(database, 'SELECT id FROM message WHERE held_at IS NOT NULL ORDER BY id')).toEqual(
      WAITING.map(id => ({ id })),
    );
    expect(
      await rowsOf(database, `SELECT id FROM message WHERE held_because = 'restored' ORDER BY id`),
    ).toEqual(WAITING.filter(id => id !== 'M5').map(id => ({ id })));
    expect(await rowsOf(database, 'SELECT * FROM recipient WHERE next_attempt_at IS NOT NULL')).toEqual([]);
    expect(
      await rowsOf(
        database,
        `SELECT message_id AS id, state, way, lease FROM recipient WHERE ambiguous_since > 0`,
      ),
    ).toEqual(['M3', 'M4'].map(id => ({ id, state: 'deferred', way: '=UP1', lease: null })));
    expect(await rowsOf(database, `SELECT state FROM recipient WHERE message_id IN ('M6', 'M7')`)).toEqual([
      { state: 'failed' },
      { state: 'relayed' },
    ]);
    for (const mail of EVERY_KIND.filter(({ content }) => content === 'spool'))
      expect(readFileSync(join(folder.spool, `${mail.id}.eml`)).equals(octetsOf(mail))).toBe(true);
    expect(statSync(join(folder.spool, 'M2.eml')).mode & 0o777).toBe(0o600);
    expect(await names(database)).toContain('sealing_key_id');
  });

  it('brings the keys back with the passphrase alone', async () => {
    const data = await filledFolder();
    const { path } = await backUp(data, given('correct horse battery'));
    const target = join(scratch(), 'data');
    expect(await refusal(backupsOf(target).restore(path, given('wrong')))).toContain('--without-key');
    expect(existsSync(target)).toBe(false);
    const restored = await restoreTo(target, path, given('correct horse battery'));
    expect(restored).toMatchObject({ hasSealingKey: true, hasCertificates: true });
    for (const name of ['sealing.key', 'tls/ca.key', 'tls/ca.crt', 'tls/leaf-ec.key'])
      expect(readFileSync(join(target, name)).equals(readFileSync(join(data, name)))).toBe(true);
    expect(readdirSync(join(target, 'tls'))).not.toContain('notes.txt');
    expect((await openedStore(target)).sealer.trouble()).toBeNull();
    const without = join(scratch(), 'data');
    expect(await restoreTo(without, path)).toMatchObject({ hasSealingKey: false });
    expect(readdirSync(join(without, 'tls'))).toEqual([]);
  });

  it('refuses a folder that is not empty or in use, and changes nothing in it', async () => {
    const data = await filledFolder();
    const { path } = await backUp(data);
    const before = readFileSync(join(data, 'postern.db'));
    expect(await refusal(backupsOf(data).restore(path, WITHOUT))).toMatch(
      /is not empty \(.*move what is there away/,
    );
    expect(readFileSync(join(data, 'postern.db')).equals(before)).toBe(true);
  });

  it('leaves the folder empty where the backup is damaged anywhere', async () => {
    const data = await filledFolder();
    const { path, size } = await backUp(data);
    const whole = readFileSync(path);
    const broken = join(scratch(), 'broken.tar');
    const target = join(scratch(), 'data');
    const tried = async (octets: Buffer) => {
      writeFileSync(broken, octets);
      expect(await refusal(backupsOf(target).restore(broken, WITHOUT))).toMatch(/cannot be used: /);
      expect(await refusal(backupsOf(target).check(broken, WITHOUT))).toMatch(/cannot be used: /);
      expect(
        existsSync(target) ? readdirSync(target).filter(name => !name.startsWith('postern.lock')) : [],
      ).toEqual([]);
    };
    for (let length = 0; length < size - 1024; length += Math.ceil(size / 12))
      await tried(whole.subarray(0, length));
    // The end-mark and the padding between files carry nothing.
    for (const part of ['SQLite format', 'The text of M2', '"messages": 6', 'postern-backup.json']) {
      const changed = Buffer.from(whole);
      const at = changed.indexOf(part);
      expect(at).toBeGreaterThanOrEqual(0);
      changed[at + 2] = (changed[at + 2] ?? 0) ^ 1;
      await tried(changed);
    }
    await tried(Buffer.from('Dear diary, '.repeat(1_000)));
  });

  it('that was cut off is no data folder, until it is done anew', async () => {
    const { path } = await backUp(await filledFolder());
    const target = scratch();
    const folder = dataFolderAt(target);
    mkdirSync(folder.restore);
    writeFileSync(join(folder.restore, 'postern.db'), 'half');
    writeFileSync(folder.sealingKey, 'moved already');
    await expect(openedStore(target)).rejects.toThrow(/was cut off .* run "postern restore FILE" again/);
    await restoreTo(target, path);
    expect(existsSync(folder.restore)).toBe(false);
    expect(existsSync(folder.sealingKey)).toBe(false);
    await openedStore(target);
  });

  it('of an older schema is brought to ours; of a newer one it is refused', async () => {
    const data = scratch();
    for (const name of ['spool', 'tls']) mkdirSync(join(data, name));
    const path = join(data, 'postern.db');
    migrate({ path, migrations: migrations.slice(0, 2) });
    fill(path, join(data, 'spool'));
    const { path: old } = await backUp(data);
    const target = join(scratch(), 'data');
    expect(await restoreTo(target, old)).toMatchObject({ held: { messages: 5, heldBefore: 1 } });
    expect(readdirSync(target).filter(name => name.includes('before'))).toEqual([]);
    await openedStore(target);

    const next = { number: migrations.length + 1, name: 'next', statements: [] };
    migrate({ path, migrations: [...migrations, next] });
    const file = join(scratch(), 'b.tar');
    expect(
      await refusal(backupsOf(data).make({ file, mayReplace: false, askPassphrase: WITHOUT })),
    ).toContain('newer Postern');
  });
});
