import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccountView } from '../../server/accounts/account-view.ts';
import type { Row } from '../../server/storage/database.ts';
import { type Bench, openBench } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
  await bench.accounts.add({ name: 'scanner' });
});
afterEach(() => bench.close());

describe('the view of accounts', () => {
  it('keeps the last one when a read fails, reports it, and reads again at the next question', async () => {
    const reports: string[] = [];
    let broken = false;
    const read = (sql: string) =>
      broken ? Promise.reject<readonly Row[]>(new Error('disk I/O error')) : bench.database.read(sql);
    const view = await createAccountView({
      database: { ...bench.database, read },
      onStale: text => reports.push(text),
    });
    broken = true;
    await bench.accounts.disable('scanner');
    await view.reload();
    expect(reports).toEqual(['disk I/O error']);
    broken = false;
    expect(view.byCanonicalName('scanner')?.account.enabled).toBe(true);
    await expect
      .poll(() => view.byCanonicalName('scanner')?.account.enabled, { timeout: 10_000 })
      .toBe(false);
    expect(reports).toHaveLength(1);
  });

  it('is not covered by an older read that ends later', async () => {
    const held = Promise.withResolvers<void>();
    let reads = 0;
    const read = async (sql: string) => {
      reads += 1;
      const rows = await bench.database.read(sql);
      if (reads === 2) await held.promise;
      return rows;
    };
    const view = await createAccountView({ database: { ...bench.database, read }, onStale: () => undefined });
    const older = view.reload();
    await expect.poll(() => reads).toBe(2);
    await bench.accounts.disable('scanner');
    const newer = view.reload();
    await newer;
    held.resolve();
    await older;
    expect(view.byCanonicalName('scanner')?.account.enabled).toBe(false);
  });

  it('reads again only where another process has changed something, or the last reading failed', async () => {
    let reads = 0;
    let broken = false;
    const read = (sql: string) => {
      reads += 1;
      return broken ? Promise.reject<readonly Row[]>(new Error('disk I/O error')) : bench.database.read(sql);
    };
    const view = await createAccountView({ database: { ...bench.database, read }, onStale: () => undefined });
    for (let login = 0; login < 3; login++) await view.refresh();
    expect(reads).toBe(1);
    const { accounts } = await bench.elsewhere();
    await accounts.disable('scanner');
    await view.refresh();
    expect(view.byCanonicalName('scanner')?.account.enabled).toBe(false);
    broken = true;
    await view.reload();
    broken = false;
    const before = reads;
    await view.refresh();
    expect(reads).toBe(before + 1);
  });

  it('does not start without a database that can be read', async () => {
    const database = { ...bench.database, read: () => Promise.reject<readonly Row[]>(new Error('broken')) };
    await expect(createAccountView({ database, onStale: () => undefined })).rejects.toThrow('broken');
  });
});
