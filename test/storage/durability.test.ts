// What was acknowledged is there after kill -9; what the disk refuses is refused; after a failed sync nothing is promised.

import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../server/ids.ts';
import { createBallast, keepBallast, overBallast } from '../../server/storage/ballast.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { missing } from '../support/needs.ts';
import { run, startProgram, waitFor } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { lacksSmallDisks, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { afterTest, insert, names, opened, program, scratch } from './fresh-database.ts';

const MIB = 1024 * 1024;

describe('kill -9', () => {
  it('loses no acknowledged row, whenever it comes', async () => {
    const folder = scratch();
    const path = join(folder, 'postern.db');
    migrate({ path });
    const acknowledged: string[] = [];
    for (let round = 0; round < 5; round++) {
      const writer = startProgram({
        command: program('commit-rows', path, `r${round}`),
        outputFolder: folder,
        name: `writer-${round}`,
      });
      const enough = 50 + round * 400;
      await waitFor('rows', () => writer.stdout().split('\n').length > enough || writer.hasExited());
      await writer.kill();
      acknowledged.push(...writer.stdout().split('\n').slice(0, -1));
    }
    const there = new Set(await names(await opened(path)));
    expect(acknowledged.length).toBeGreaterThan(1_000);
    expect(acknowledged.filter(name => !there.has(name))).toEqual([]);
  });
});

const cannotMount = lacksSmallDisks('a full disk under the database');

describe.skipIf(cannotMount)('a full disk', () => {
  it('refuses each group as full, keeps what was committed, and goes on when there is room', async () => {
    const folder = join(scratch(), 'small');
    const disk = smallDisk(folder, '2m');
    const path = join(folder, 'postern.db');
    migrate({ path });
    const database = await opened(path, () => {});
    const blob = 'x'.repeat(20_000);
    const kept: string[] = [];
    let refused = 0;
    for (let i = 0; refused < 3 && i < 500; i++) {
      // Three at once, so that the disk fills in the middle of a shared transaction.
      const batch = ['a', 'b', 'c'].map(letter => `${String(i).padStart(3, '0')}${letter}`);
      const results = await Promise.all(batch.map(name => database.commit([insert(name, blob)])));
      for (const [at, result] of results.entries()) {
        if (result.kind === 'committed') kept.push(batch[at] ?? '');
        else expect(result.kind).toBe('full');
      }
      if (results.some(result => result.kind === 'full')) refused++;
    }
    expect(refused).toBe(3);
    expect(kept.length).toBeGreaterThan(10);
    expect(await names(database)).toEqual(kept.sort());
    disk.resize('8m');
    expect(await database.commit([insert('room', blob)])).toMatchObject({ kind: 'committed' });
    expect(await names(database)).toEqual([...kept, 'room']);
  });

  it('gives up its ballast for what settles and deletes, and not for what brings more', async () => {
    const folder = join(scratch(), 'small');
    const disk = smallDisk(folder, '6m');
    const path = join(folder, 'postern.db');
    migrate({ path });
    const ballast = createBallast({ path: join(folder, 'ballast'), random: systemRandom });
    expect(await ballast.fill(2 * MIB)).toBe(true);
    const database = overBallast(await opened(path, () => {}), ballast);
    const grow = (name: string) => database.commit([insert(name, 'x'.repeat(20_000))], { yields: true });
    let kept = 0;
    while ((await grow(`n${kept}`)).kind === 'committed') kept++;
    expect(ballast.size()).toBe(2 * MIB);

    const small = await Promise.all(
      Array.from({ length: 200 }, (_, i) => database.commit([insert(`settled-${i}`)])),
    );
    expect(small.every(({ kind }) => kind === 'committed')).toBe(true);
    const bigger = { sql: 'UPDATE meta SET value = ? WHERE name = ?', params: ['y'.repeat(900_000), 'n0'] };
    expect(await database.commit([bigger])).toMatchObject({ kind: 'committed' });
    expect(ballast.size()).toBe(0);
    const deleted = await database.commit([{ sql: `DELETE FROM meta WHERE name LIKE 'n%'` }]);
    expect(deleted).toMatchObject({ kind: 'committed', effects: [{ changes: kept }] });

    expect(await ballast.fill(100 * MIB)).toBe(false);
    expect(ballast.size()).toBe(0);
    let isFilled = false;
    const room = async () => statfsSync(folder).bavail * 4096 - 4 * MIB;
    const stop = keepBallast({
      ballast,
      size: 2 * MIB,
      room,
      onFilled: () => (isFilled = true),
      lookEvery: 20,
    });
    disk.resize('32m');
    await waitFor('the ballast', () => isFilled);
    stop();
    expect(ballast.size()).toBe(2 * MIB);
    expect((await names(database)).filter(name => name.startsWith('settled'))).toHaveLength(200);
  });
});

const lacking = missing(['strace']);
if (lacking.length > 0) noteLine('skipped: a failing sync under the database: this machine lacks strace');

describe.skipIf(lacking.length > 0)('a failed sync', () => {
  it('is answered with io, told as fatal, and never tried again', async () => {
    const folder = scratch();
    const path = join(folder, 'postern.db');
    migrate({ path });
    const log = join(folder, 'strace.log');
    const result = await run(
      [
        ...['strace', '-f', '-o', log, '-e', 'trace=fdatasync,fsync'],
        ...['-e', 'inject=fdatasync,fsync:error=EIO:when=12'],
        ...program('commit-until-failure', path),
      ],
      { timeout: 60_000 },
    );
    const report = JSON.parse(result.stdout);
    expect(report.fatal).toEqual([expect.stringContaining('IOERR')]);
    expect(report.committed.length).toBeGreaterThan(0);
    expect(report.refused.length).toBeGreaterThan(1);
    expect(new Set(report.refusedKinds)).toEqual(new Set(['io']));
    const database = await opened(path);
    const there = new Set(await names(database));
    expect(report.committed.filter((name: string) => !there.has(name))).toEqual([]);
  });

  it('of a checkpoint is as fatal', async () => {
    const folder = scratch();
    const path = join(folder, 'postern.db');
    migrate({ path });
    const log = join(folder, 'strace.log');
    // Only a checkpoint syncs the database file itself; commits sync the log.
    const failing = ['-P', path, '-e', 'trace=fdatasync,fsync', '-e', 'inject=fdatasync,fsync:error=EIO'];
    const command = ['strace', '-f', '-o', log, ...failing, ...program('commit-and-rest', path)];
    const report = JSON.parse((await run(command, { timeout: 60_000 })).stdout);
    expect(report).toEqual({
      before: 'committed',
      fatal: [expect.stringMatching(/^checkpoint: .*IOERR_FSYNC/)],
      after: 'io',
    });
    expect(await names(await opened(path))).toEqual(['before']);
  });
});

function smallDisk(folder: string, size: string): SmallDisk {
  const disk = mountSmallDisk(folder, size);
  afterTest(disk.unmount);
  return disk;
}
