// The log is copied by a second thread while commits go on: it stays short under constant load, and a sync that fails in
// that thread is as fatal as any other.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nextStep } from '../../server/storage/checkpointer.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { missing } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { straceCommand } from '../support/strace.ts';
import { names, opened, program, scratch } from './fresh-database.ts';

describe('nextStep', () => {
  it.each([
    ['a short log is left alone', 1_999, 1_999, null, 'none'],
    ['a long one is for the second thread', 2_000, 2_000, null, 'second-thread'],
    ['one that is copied, and kept by a reader, is left alone', 9_000, 100, null, 'none'],
    ['what it left is little: the rest is copied here', 2_300, 300, 2_000, 'here'],
    ['it caught up, and may do so again', 2_900, 900, 2_000, 'second-thread'],
    ['it did not catch up: the next commit looks again', 4_000, 2_000, 2_000, 'none'],
    ['the log grows and grows: here, though somebody waits', 7_000, 5_000, 2_000, 'here'],
  ] as const)('%s', (_rule, all, pending, before, step) => {
    expect(nextStep({ all, pending }, before)).toBe(step);
  });
});

const lacking = missing(['strace']);
if (lacking.length > 0) noteLine('skipped: checkpoints seen from outside: this machine lacks strace');

function fresh(): string {
  const path = join(scratch(), 'postern.db');
  migrate({ path });
  return path;
}

async function commitMuch(path: string, mebibytes: number, strace: readonly string[] = []) {
  const ran = await run([...strace, ...program('commit-much', path, String(mebibytes))], {
    timeout: 100_000,
  });
  return JSON.parse(ran.stdout) as Readonly<{ committed: number; longestLog: number; fatal: string[] }>;
}

describe('the log', () => {
  it('stays short under constant load, and all of it is in the file after the end', async () => {
    const path = fresh();
    const { committed, longestLog, fatal } = await commitMuch(path, 192);
    expect({ committed, fatal }).toEqual({ committed: 192 * 16, fatal: [] });
    expect(longestLog).toBeLessThan(96 * 1024 * 1024);
    expect(existsSync(`${path}-wal`)).toBe(false);
    expect(statSync(path).size).toBeGreaterThan(192 * 1024 * 1024);
    expect(await names(await opened(path))).toHaveLength(192 * 16);
  });
});

describe.skipIf(lacking.length > 0)('the second thread', () => {
  it('syncs the log before it copies from it, and the file that it has written', async () => {
    const path = fresh();
    const trace = join(scratch(), 'trace');
    await commitMuch(path, 48, straceCommand(trace, ['fdatasync', 'fsync'], 0));
    const threadsOf = (file: string) =>
      readFileSync(trace, 'utf8')
        .split('\n')
        .filter(line => line.includes(`<${file}>`))
        .map(line => line.split(' ')[0] ?? '');
    const [logSyncs, fileSyncs] = [threadsOf(`${path}-wal`), threadsOf(path)];
    const count = (thread: string) => logSyncs.filter(one => one === thread).length;
    const committing = logSyncs.toSorted((a, b) => count(b) - count(a))[0];
    const second = fileSyncs.filter(thread => thread !== committing);
    expect(second.length).toBeGreaterThan(0);
    // It syncs the log too, before it copies what may not be on the disk yet.
    expect(logSyncs).toContain(second[0]);
  });

  it('ends the promise of all when its sync fails', async () => {
    const path = fresh();
    const failing = ['-P', path, '-e', 'trace=fdatasync,fsync', '-e', 'inject=fdatasync,fsync:error=EIO'];
    const strace = ['strace', '-f', '-o', join(scratch(), 'trace'), ...failing];
    const { committed, fatal } = await commitMuch(path, 192, strace);
    expect(fatal).toEqual([expect.stringMatching(/^checkpoint: .*(EIO|IOERR_FSYNC)/)]);
    expect(committed).toBeLessThan(192 * 16);
    expect((await names(await opened(path))).length).toBeGreaterThanOrEqual(committed);
  });
});
