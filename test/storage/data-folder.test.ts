// Where mail may live, who may see it, and in which words a folder is refused.

import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataFolder } from '../../server/storage/data-folder.ts';
import { judgeFilesystem, judgeFilesystemType } from '../../server/storage/filesystem.ts';
import { run } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { program, scratch } from './fresh-database.ts';

const open = (path: string) => openDataFolder({ path, allowUnsafeFilesystem: false });
const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('openDataFolder', () => {
  it('makes the folder and its parents, for us alone', () => {
    const path = join(scratch(), 'var', 'lib', 'postern');
    const folder = open(path);
    expect(folder.path).toBe(path);
    expect([path, folder.spool, folder.tls].map(modeOf)).toEqual([0o700, 0o700, 0o700]);
    expect(modeOf(join(path, '..'))).toBe(0o755);
    expect(open(path)).toEqual(folder);
  });

  it('narrows a folder of ours that is open to others', () => {
    const path = scratch();
    chmodSync(path, 0o755);
    open(path);
    expect(modeOf(path)).toBe(0o700);
  });

  it('follows a symbolic link', () => {
    const folder = scratch();
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    expect(open(join(folder, 'link')).path).toBe(join(folder, 'real'));
  });

  it('refuses a file in its place', () => {
    const path = join(scratch(), 'data');
    writeFileSync(path, '');
    expect(() => open(path)).toThrow(`The data folder ${path} is not a folder. Set storage.path`);
    expect(() => open(join(path, 'deeper'))).toThrow('a part of the path is a file');
  });
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) noteLine('skipped: the data folder as another user: only root can become one');

describe.skipIf(!isRoot)('as another user', () => {
  it('refuses what this user may not write, in one line with the remedy', async () => {
    const folder = reachable();
    const path = join(folder, 'closed', 'data');
    mkdirSync(join(folder, 'closed'), { mode: 0o755 });
    const { stdout } = await run(program('open-folder', path, '65534'));
    expect(stdout).toBe(
      `RefusedStart: The data folder ${path} cannot be made or written by this user (65534): permission denied. Run as its owner or as root, or set storage.path (or --data) to a folder of this user.\n`,
    );
  });

  it('refuses a folder of another that everybody can see', async () => {
    const path = join(reachable(), 'data');
    mkdirSync(path);
    chmodSync(path, 0o777);
    const { stdout } = await run(program('open-folder', path, '65534'));
    expect(stdout).toContain('is open to others (mode 0777) and belongs to user 0');
    expect(stdout).toContain(`chown 65534 ${path} && chmod 0700 ${path}`);
  });

  it('lets root become the owner of the folder for good', async () => {
    const path = join(reachable(), 'data');
    mkdirSync(path, { mode: 0o700 });
    await run(['chown', '65534:65534', path]);
    const { stdout } = await run(program('open-folder', path, 'owner'));
    expect(stdout).toBe(`${path} as 65534:65534 groups 65534\n`);
    expect(statSync(join(path, 'spool')).uid).toBe(65_534);
  });
});

describe('judgeFilesystemType', () => {
  it.each([
    [0x6969, 'unsafe', 'NFS'],
    [0xff534d42, 'unsafe', 'CIFS'],
    [0xff534d42 | 0, 'unsafe', 'CIFS'],
    [0xfe534d42, 'unsafe', 'SMB'],
    [0x65735546, 'unsafe', 'FUSE'],
    [0x01021997, 'unsafe', '9p'],
    [0x4d44, 'unsafe', 'FAT'],
    [0x794c7630, 'fleeting', 'overlay'],
    [0x01021994, 'fleeting', 'tmpfs'],
  ])('%i is %s: %s', (type, kind, name) => {
    expect(judgeFilesystemType(type)).toMatchObject({ kind, name });
  });

  it.each([
    ['ext4', 0xef53],
    ['btrfs', 0x9123683e],
    ['xfs', 0x58465342],
    ['zfs', 0x2fc12fc1],
    ['f2fs', 0xf2f52010],
  ])('%s is safe', (_, type) => {
    expect(judgeFilesystemType(type)).toEqual({ kind: 'safe' });
  });

  it.skipIf(process.platform !== 'linux')('knows a real one: /dev/shm is memory', () => {
    expect(judgeFilesystem('/dev/shm')).toMatchObject({ kind: 'fleeting', name: 'tmpfs' });
  });
});

/** A scratch folder that other users may pass through. */
function reachable(): string {
  const folder = scratch();
  chmodSync(folder, 0o755);
  return folder;
}
