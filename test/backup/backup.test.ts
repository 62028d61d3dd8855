// A backup: whole, with or without the keys, and what it asks of the rest while it is made.

import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshotDatabase } from '../../server/backup/snapshot.ts';
import { systemRandom } from '../../server/ids.ts';
import { createSpool } from '../../server/queue/spool.ts';
import { setBackupMark, staysForBackup } from '../../server/storage/backup-mark.ts';
import { dataFolderAt } from '../../server/storage/data-folder.ts';
import { rotateKey } from '../../server/storage/key-rotation.ts';
import { scratch } from '../storage/fresh-database.ts';
import { run } from '../support/process.ts';
import { backUp, backupsOf, filledFolder, given, openedStore, refusal, WITHOUT } from './support.ts';

describe('a backup', () => {
  it('has everything but the keys, for its owner alone, and leaves nothing in the data folder', async () => {
    const data = await filledFolder();
    const before = readdirSync(data).sort();
    const made = await backUp(data);
    expect(made).toMatchObject({ hasSealingKey: false });
    expect(made.manifest).toMatchObject({ messages: 6, waiting: 5, lacking: [] });
    expect(statSync(made.path)).toMatchObject({ size: made.size });
    expect(statSync(made.path).mode & 0o777).toBe(0o600);
    const listed = (await run(['tar', '-tf', made.path])).stdout.trim().split('\n');
    const spooled = ['M2', 'M4', 'M6'].map(id => `spool/${id}.eml`);
    expect(listed).toEqual([
      'postern-backup.json',
      'postern.db',
      'observations.db',
      ...spooled,
      'manifest.json',
      'manifest.json.sha256',
    ]);
    expect(
      readdirSync(data)
        .filter(name => name !== 'backup.part.lock')
        .sort(),
    ).toEqual(before);
    const key = /^key (\S+)$/m.exec(readFileSync(join(data, 'sealing.key'), 'utf8'))?.[1] ?? '';
    const octets = readFileSync(made.path);
    for (const secret of [key, Buffer.from(key, 'base64'), 'pem of ca.key'])
      expect(octets.includes(secret)).toBe(false);
    expect(await backupsOf(data).check(made.path, WITHOUT)).toMatchObject({
      kind: 'whole',
      sealingKey: null,
    });
  });

  it('has the keys where a passphrase encrypts them', async () => {
    const data = await filledFolder();
    const made = await backUp(data, given('correct horse battery'));
    expect(made.hasSealingKey).toBe(true);
    const octets = readFileSync(made.path);
    expect(octets.includes('pem of ca.key')).toBe(false);
    const { check } = backupsOf(data);
    expect(await check(made.path, given('correct horse battery'))).toMatchObject({ sealingKey: 'there' });
    expect(await refusal(check(made.path, given('wrong')))).toContain('does not open the keys');
  });

  it('overwrites no file unless asked, and leaves the old one where it fails', async () => {
    const data = await filledFolder();
    const made = await backUp(data);
    const { make } = backupsOf(data);
    const again = { file: made.path, askPassphrase: WITHOUT };
    expect(await refusal(make({ ...again, mayReplace: false }))).toContain('--force');
    const old = readFileSync(made.path);
    rmSync(join(data, 'postern.db'));
    writeFileSync(join(data, 'postern.db'), 'Dear diary, '.repeat(1_000));
    expect(await refusal(make({ ...again, mayReplace: true }))).toMatch(/is damaged .*postern restore/);
    expect(readFileSync(made.path).equals(old)).toBe(true);
    expect(readdirSync(join(made.path, '..'))).toEqual(['backup.tar']);
  });

  it('is whole though two name the same file at once: one of them is refused', async () => {
    const data = await filledFolder();
    const file = join(scratch(), 'backup.tar');
    const once = () => backupsOf(data).make({ file, mayReplace: false, askPassphrase: WITHOUT });
    const kinds = (await Promise.all([once(), once()])).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(['made', 'refused']);
    expect(await backupsOf(data).check(file, WITHOUT)).toMatchObject({ kind: 'whole' });
    expect(readdirSync(join(file, '..'))).toEqual(['backup.tar']);
  });

  it('never replaces what came there meanwhile, unless asked', async () => {
    const data = await filledFolder();
    const file = join(scratch(), 'backup.tar');
    const askPassphrase = async () => {
      writeFileSync(file, 'of another program');
      return WITHOUT();
    };
    expect(await refusal(backupsOf(data).make({ file, mayReplace: false, askPassphrase }))).toContain(
      'there is such a file already',
    );
    expect(readFileSync(file, 'utf8')).toBe('of another program');
    expect(await backupsOf(data).make({ file, mayReplace: true, askPassphrase })).toMatchObject({
      kind: 'made',
    });
  });

  it('is not written into the data folder, nor over what is no regular file', async () => {
    const data = await filledFolder();
    const before = readFileSync(join(data, 'postern.db'));
    const make = (file: string) =>
      refusal(backupsOf(data).make({ file, mayReplace: true, askPassphrase: WITHOUT }));
    expect(await make(join(data, 'postern.db'))).toContain('it lies in the data folder');
    expect(await make(join(data, 'tls', 'backup.tar'))).toContain('it lies in the data folder');
    const elsewhere = join(scratch(), 'link.tar');
    symlinkSync(join(data, 'postern.db'), elsewhere);
    expect(await make(elsewhere)).toContain('it is not a regular file');
    expect(await make('/dev/null')).toContain('it is not a regular file');
    expect(readFileSync(join(data, 'postern.db')).equals(before)).toBe(true);
  });

  it('removes what one that was killed left beside the file, once that is a day old', async () => {
    const data = await filledFolder();
    const folder = scratch();
    const [old, young] = ['.b.tar.7-0123456789ab.new', '.b.tar.8-0123456789ab.new'];
    for (const name of [old, young]) writeFileSync(join(folder, name), 'half');
    utimesSync(join(folder, old), 1_000_000_000, 1_000_000_000);
    await backUp(data, WITHOUT, join(folder, 'b.tar'));
    expect(readdirSync(folder).sort()).toEqual([young, 'b.tar']);
  });

  it('keeps its copy of the database from others while it is made', async () => {
    const folder = dataFolderAt(await filledFolder());
    const copy = join(scratch(), 'copy.db');
    const copied = snapshotDatabase(folder, copy);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    if (copied.kind === 'made') copied.snapshot.close();
  });

  it('says which files were missing or changed, and takes the rest', async () => {
    const data = await filledFolder();
    rmSync(join(data, 'spool', 'M2.eml'));
    writeFileSync(join(data, 'spool', 'M4.eml'), 'changed');
    const made = await backUp(data);
    expect(made.manifest.lacking.map(({ id }) => id)).toEqual(['M2', 'M4']);
    expect(await backupsOf(data).check(made.path, WITHOUT)).toMatchObject({ kind: 'whole' });
  });

  it('takes the key that its database names, whenever the key is replaced', async () => {
    const data = await filledFolder();
    const store = await openedStore(data);
    let isOver = false;
    const rotating = (async () => {
      while (!isOver) {
        await rotateKey({
          ...{ path: store.folder.sealingKey, database: store.database, random: systemRandom },
          audit: () => ({ sql: 'SELECT 1 AS one' }),
        });
      }
    })();
    for (let round = 0; round < 5; round++) expect((await backUp(data, given('x'))).hasSealingKey).toBe(true);
    isOver = true;
    await rotating;
  });

  it('is refused where there is nothing, and while another is made', async () => {
    const empty = scratch();
    const file = join(scratch(), 'b.tar');
    const make = (data: string) => backupsOf(data).make({ file, mayReplace: false, askPassphrase: WITHOUT });
    expect(await refusal(make(empty))).toContain('nothing to back up');
    expect(await refusal(make(join(empty, 'nowhere')))).toContain('There is no data folder');
    expect(readdirSync(empty)).toEqual([]);
    const data = await filledFolder();
    const mark = await setBackupMark(dataFolderAt(data));
    expect(await refusal(make(data))).toContain('Another backup');
    mark?.release();
    expect(existsSync(file)).toBe(false);
  });
});

describe('the mark of a backup', () => {
  it('keeps spool files where they are until it is gone, whoever removed them', async () => {
    const folder = dataFolderAt(await filledFolder());
    const spool = createSpool(folder.spool, { mustStay: id => staysForBackup(folder, id) });
    const mark = await setBackupMark(folder);
    await spool.remove('M2');
    await spool.remove('M4');
    expect(readdirSync(folder.spool).sort()).toEqual(['M2.eml', 'M4.eml', 'M6.eml']);
    mark?.release();
    expect(readdirSync(folder.spool)).toEqual(['M6.eml']);
    await spool.remove('M6');
    expect(readdirSync(folder.spool)).toEqual([]);
    expect(readdirSync(folder.path).filter(name => name.startsWith('backup'))).toEqual(['backup.part.lock']);
  });

  it('of a process that was killed is none: it is cleared away, and what it kept back goes', async () => {
    const folder = dataFolderAt(await filledFolder());
    for (const left of [folder.backup, `${folder.backup}.old`]) {
      mkdirSync(left);
      writeFileSync(join(left, 'postern.db'), 'half');
    }
    writeFileSync(join(folder.backup, 'M2.eml.gone'), '');
    writeFileSync(join(`${folder.backup}.old`, 'M6.eml.gone'), '');
    expect(staysForBackup(folder, 'M4')).toBe(false);
    expect(existsSync(folder.backup) || existsSync(`${folder.backup}.old`)).toBe(false);
    expect(readdirSync(folder.spool)).toEqual(['M4.eml']);
  });

  it('of a process that was killed is cleared away when the server starts', async () => {
    const folder = dataFolderAt(await filledFolder());
    mkdirSync(folder.backup);
    writeFileSync(join(folder.backup, 'postern.db'), 'half');
    await openedStore(folder.path);
    expect(existsSync(folder.backup)).toBe(false);
  });
});

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('root', () => {
  it('backs up as the owner of the data folder, to where only root may write', async () => {
    const data = await filledFolder();
    const nobody = 65_534;
    const owned = (path: string) =>
      readdirSync(path, { recursive: true }).map(name => statSync(join(path, String(name))));
    for (const name of [...readdirSync(data, { recursive: true }), '.'])
      chownSync(join(data, String(name)), nobody, nobody);
    chownSync(join(data, '..'), nobody, nobody);
    const made = await backUp(data);
    expect(statSync(made.path).uid).toBe(0);
    expect(owned(data).every(({ uid }) => uid === nobody)).toBe(true);
    expect(process.geteuid?.()).toBe(0);
  });
});
