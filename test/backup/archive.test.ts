// The archive is a tar that every tar can read, and what is damaged in it is found.

import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createArchiveWriter, octetsOf, readArchive } from '../../server/backup/archive.ts';
import { parseHeader, writeHeader } from '../../server/backup/archive-format.ts';
import { scratch } from '../storage/fresh-database.ts';
import { run } from '../support/process.ts';

const CONTENTS: readonly (readonly [string, Buffer])[] = [
  ['postern-backup.json', Buffer.from('{}')],
  ['empty', Buffer.alloc(0)],
  ['spool/M1.eml', Buffer.from('x'.repeat(3_000_001))],
  ['exact', Buffer.alloc(1024, 7)],
];

async function written(): Promise<string> {
  const path = join(scratch(), 'backup.tar');
  const file = await open(path, 'wx');
  const archive = createArchiveWriter(file, 1_700_000_000);
  for (const [name, octets] of CONTENTS) await archive.addOctets(name, octets);
  expect(await archive.end()).toBe((await file.stat()).size);
  await file.close();
  return path;
}

async function readBack(path: string): Promise<readonly (readonly [string, unknown])[]> {
  const file = await open(path, 'r');
  const found: (readonly [string, unknown])[] = [];
  for await (const entry of readArchive(file)) {
    if (entry.kind === 'broken') found.push(['broken', entry.why]);
    else found.push([entry.name, await octetsOf(entry.content())]);
  }
  await file.close();
  return found;
}

describe('the archive', () => {
  it('is read as it was written', async () => {
    expect(await readBack(await written())).toEqual(CONTENTS);
  });

  it('is read by the tar of this machine, each file as it was', async () => {
    const path = await written();
    const into = scratch();
    const unpacked = await run(['tar', '-xvf', path, '-C', into]);
    expect(unpacked.stdout.trim().split('\n')).toEqual(CONTENTS.map(([name]) => name));
    for (const [name, octets] of CONTENTS) expect(readFileSync(join(into, name))).toEqual(octets);
  });

  it('says where it is cut off or damaged, wherever that is', async () => {
    const whole = readFileSync(await written());
    const path = join(scratch(), 'broken.tar');
    for (const length of [100, 600, 2_000, 1_000_000, whole.length - 1100]) {
      writeFileSync(path, whole.subarray(0, length));
      expect((await readBack(path)).at(-1)).toEqual(['broken', 'it is cut off']);
    }
    const changed = Buffer.from(whole);
    changed[130] = 0x37;
    writeFileSync(path, changed);
    expect(await readBack(path)).toEqual([['broken', 'a header in it is damaged']]);
  });

  it('keeps a file at its announced size though the source has less or more', async () => {
    const path = join(scratch(), 'backup.tar');
    const file = await open(path, 'wx');
    const archive = createArchiveWriter(file, 0);
    const source = async function* () {
      yield Buffer.from('abc');
      yield Buffer.from('def');
    };
    await archive.add('short', 10, source());
    await archive.add('long', 4, source());
    await archive.end();
    await file.close();
    expect(await readBack(path)).toEqual([
      ['short', Buffer.from('abcdef\0\0\0\0')],
      ['long', Buffer.from('abcd')],
    ]);
  });
});

describe('a header', () => {
  it('says sizes beyond 8 GiB', () => {
    for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 5 * 1024 ** 4])
      expect(parseHeader(writeHeader({ name: 'a', size }, 0))).toEqual({ kind: 'file', name: 'a', size });
  });
});
