// One holder at a time, between real processes.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { takeFolderLock } from '../../server/storage/folder-lock.ts';
import { type Program, startProgram, waitFor } from '../support/process.ts';
import { afterTest, program, scratch } from './fresh-database.ts';

describe('takeFolderLock', () => {
  it('gives way to a running server and names its process', async () => {
    const { path, holder } = await heldBy('serve');
    for (const as of ['serve', 'command'] as const) {
      const lock = await takeFolderLock({ path, as });
      expect(lock).toEqual({ kind: 'taken', holder: { kind: 'serve', pid: holder.pid } });
    }
  });

  it('waits for a short command', async () => {
    const { path } = await heldBy('command', '500');
    const lock = await takeFolderLock({ path, as: 'serve' });
    expect(lock.kind).toBe('held');
    if (lock.kind === 'held') lock.release();
  });

  it('gives up on a command that does not end', async () => {
    const { path, holder } = await heldBy('command');
    const lock = await takeFolderLock({ path, as: 'serve', patience: 300 });
    expect(lock).toEqual({ kind: 'taken', holder: { kind: 'command', pid: holder.pid } });
  });

  it('is free at once after kill -9, whatever the dead holder has left behind', async () => {
    const { path, holder } = await heldBy('serve');
    await holder.kill();
    expect(existsSync(`${path}.holder`)).toBe(true);
    const lock = await takeFolderLock({ path, as: 'serve', patience: 0 });
    expect(lock.kind).toBe('held');
    if (lock.kind === 'held') lock.release();
    expect(existsSync(`${path}.holder`)).toBe(false);
  });

  it('survives garbage collection, and is taken only once within a process', async () => {
    const path = join(scratch(), 'postern.lock');
    const holder = startProgram({
      command: [process.execPath, '--expose-gc', ...program('hold-folder', path, 'serve').slice(1)],
      outputFolder: scratch(),
      name: 'holder',
    });
    await waitFor('the lock', () => holder.stdout().includes('held'));
    expect((await takeFolderLock({ path, as: 'serve' })).kind).toBe('taken');
    await holder.kill();
    const first = await takeFolderLock({ path, as: 'serve' });
    expect(first.kind).toBe('held');
    expect(await takeFolderLock({ path, as: 'serve' })).toEqual({
      kind: 'taken',
      holder: { kind: 'serve', pid: process.pid },
    });
    if (first.kind === 'held') first.release();
  });

  it('goes to exactly one of many that start together', async () => {
    const folder = scratch();
    const path = join(folder, 'postern.lock');
    const starters = Array.from({ length: 5 }, (_, i) =>
      startProgram({ command: program('hold-folder', path, 'serve'), outputFolder: folder, name: `s${i}` }),
    );
    await waitFor('all to decide', () => starters.every(starter => starter.stdout() !== ''));
    const said = starters.map(starter => starter.stdout().trim()).sort();
    for (const starter of starters) await starter.kill();
    expect(said).toEqual(['held', ...Array.from({ length: 4 }, () => 'taken by serve')]);
  });

  it('cannot name a holder whose note cannot be read', async () => {
    const { path } = await heldBy('command');
    writeFileSync(`${path}.holder`, 'garbage');
    expect(await takeFolderLock({ path, as: 'command', patience: 100 })).toEqual({
      kind: 'taken',
      holder: null,
    });
  });
});

async function heldBy(kind: 'serve' | 'command', time?: string): Promise<{ path: string; holder: Program }> {
  const folder = scratch();
  const path = join(folder, 'postern.lock');
  const args = time === undefined ? [path, kind] : [path, kind, time];
  const holder = startProgram({
    command: program('hold-folder', ...args),
    outputFolder: folder,
    name: 'holder',
  });
  afterTest(async () => {
    await holder.kill();
  });
  await waitFor('the lock', () => holder.stdout().includes('held'));
  return { path, holder };
}
