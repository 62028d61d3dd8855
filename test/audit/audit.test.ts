// The audit over a real database: what is one row, what is many, and what a flood may cost.

import { describe, expect, it } from 'vitest';
import { auditStatement, createAudit } from '../../server/audit/audit.ts';
import type { AuditFact } from '../../server/audit/audit-entry.ts';
import { listAudit } from '../../server/audit/audit-list.ts';
import { sweepAudit } from '../../server/audit/audit-retention.ts';
import type { Database } from '../../server/storage/database.ts';
import { afterTest, freshDatabase } from '../storage/fresh-database.ts';
import { DAY, HOUR, MINUTE, makeWorld, NOW, SECOND } from './support.ts';

const ALL = { limit: 1_000_000 };
const failed = (address: string): AuditFact => ({
  action: 'login.failed',
  object: 'scanner',
  address,
  detail: 'wrong-password',
});

async function setUp() {
  const world = makeWorld();
  const { database } = await freshDatabase();
  const audit = createAudit({ ...world, database });
  afterTest(audit.close);
  return { ...world, database, audit };
}

/** Counts what is committed; everything else is the real database. */
function counted(database: Database) {
  const commits = { number: 0 };
  const commit: Database['commit'] = group => {
    commits.number++;
    return database.commit(group);
  };
  return { commits, database: { ...database, commit } };
}

describe('a change by the operator', () => {
  it('is in the audit exactly when it is committed', async () => {
    const { database } = await setUp();
    const fact = { action: 'account.added', object: 'scanner' } as const;
    const change = { sql: "INSERT INTO meta (name, value) VALUES ('x', 'y')", require: 1 };
    await database.commit([change, auditStatement(fact, 'operator:anna', NOW, 'ID1')]);
    expect(await database.commit([auditStatement(fact, 'operator:anna', NOW, 'ID2'), change])).toMatchObject({
      kind: 'constraint',
    });
    expect(await listAudit(database, ALL)).toEqual([
      {
        id: 'ID1',
        happenedAt: NOW,
        lastAt: NOW,
        actor: 'operator:anna',
        action: 'account.added',
        object: 'scanner',
        account: null,
        address: null,
        detail: null,
        count: 1,
      },
    ]);
  });
});

describe('what the server sees', () => {
  it('is written a few seconds later, without being asked', async () => {
    const { audit, database } = await setUp();
    audit.record({ action: 'ban.made', object: '192.0.2.7' }, 'postern');
    expect(await listAudit(database, ALL)).toEqual([]);
    await expect.poll(() => listAudit(database, ALL), { timeout: 8_000 }).toHaveLength(1);
  });

  it('is one row with a count when it is the same within ten minutes', async () => {
    const { audit, database, pass } = await setUp();
    for (let i = 0; i < 500; i++) audit.record(failed('192.0.2.7'), 'postern');
    await audit.flush();
    pass(9 * MINUTE);
    for (let i = 0; i < 500; i++) audit.record(failed('192.0.2.7'), 'postern');
    await audit.flush();
    expect(await listAudit(database, ALL)).toMatchObject([
      { happenedAt: NOW, lastAt: NOW + 9 * MINUTE, count: 1000 },
    ]);
    pass(MINUTE);
    audit.record(failed('192.0.2.7'), 'postern');
    await audit.flush();
    expect(await listAudit(database, ALL)).toMatchObject([{ count: 1 }, { count: 1000 }]);
  });

  it('is a row of its own where action, object, address, detail or actor differ', async () => {
    const { audit, database } = await setUp();
    audit.record(failed('192.0.2.7'), 'postern');
    audit.record(failed('192.0.2.8'), 'postern');
    audit.record({ ...failed('192.0.2.8'), object: 'nas' }, 'postern');
    audit.record({ ...failed('192.0.2.8'), detail: 'disabled' }, 'postern');
    audit.record({ action: 'login.new-address', object: 'nas', address: '192.0.2.8' }, 'account:nas');
    await audit.flush();
    expect(await listAudit(database, ALL)).toHaveLength(5);
  });

  it('is a row of its own for another account of the same name', async () => {
    const { audit, database } = await setUp();
    for (const id of ['A1', 'A1', 'A2'])
      audit.record({ ...failed('192.0.2.7'), account: { id, name: 'scanner' } }, 'postern');
    await audit.flush();
    expect((await listAudit(database, ALL)).map(({ count }) => count).sort()).toEqual([1, 2]);
  });

  it('is counted on disk within half a minute', async () => {
    const { audit, database } = await setUp();
    audit.record(failed('192.0.2.7'), 'postern');
    await audit.flush();
    audit.record(failed('192.0.2.7'), 'postern');
    await expect.poll(() => listAudit(database, ALL), { timeout: 33_000 }).toMatchObject([{ count: 2 }]);
  }, 40_000);

  it('of other actions than failed logins is one row only within seconds', async () => {
    const { audit, database, pass } = await setUp();
    const banned = { action: 'ban.made', object: '192.0.2.7' } as const;
    audit.record(banned, 'postern');
    audit.record(banned, 'postern');
    pass(5 * SECOND);
    audit.record(banned, 'postern');
    await audit.close();
    expect((await listAudit(database, ALL)).map(entry => entry.count)).toEqual([1, 2]);
  });
});

describe('a flood of different failures', () => {
  it('costs a bounded number of rows and commits, and counts every one', async () => {
    const { database: real, ...world } = await setUp();
    const { commits, database } = counted(real);
    const audit = createAudit({ ...world, database });
    for (let i = 0; i < 20_000; i++) audit.record(failed(`2001:db8::${i.toString(16)}`), 'postern');
    await audit.close();
    const entries = await listAudit(database, ALL);
    expect(commits.number).toBe(1);
    expect(entries).toHaveLength(201);
    expect(entries.reduce((sum, entry) => sum + entry.count, 0)).toBe(20_000);
    expect(entries.filter(entry => entry.object === '')).toMatchObject([
      { action: 'login.failed', actor: 'postern', address: null, count: 19_800 },
    ]);
  });

  it('makes room again when the ten minutes are over', async () => {
    const { audit, database, pass } = await setUp();
    for (let i = 0; i < 300; i++) audit.record(failed(`10.0.0.${i}`), 'postern');
    await audit.flush();
    pass(10 * MINUTE);
    audit.record(failed('10.1.1.1'), 'postern');
    await audit.flush();
    expect((await listAudit(database, { limit: 1 }))[0]).toMatchObject({ address: '10.1.1.1' });
  });
});

describe('while the database cannot be written', () => {
  it('facts wait, and the log says it once', async () => {
    const { database: real, ...world } = await setUp();
    let broken = true;
    const commit: Database['commit'] = group =>
      broken ? Promise.resolve({ kind: 'full', text: 'disk full' }) : real.commit(group);
    const audit = createAudit({ ...world, database: { commit } });
    audit.record(failed('192.0.2.7'), 'postern');
    await audit.flush();
    await audit.flush();
    audit.record(failed('192.0.2.7'), 'postern');
    broken = false;
    await audit.close();
    expect(await listAudit(real, ALL)).toMatchObject([{ count: 2 }]);
    expect(world.logged).toEqual([
      { event: 'storage.unavailable', fields: { text: 'The audit could not be written: full' } },
    ]);
  });

  it('recording never throws, not even after the end', async () => {
    const { audit, database } = await setUp();
    await audit.close();
    await database.close();
    audit.record(failed('192.0.2.7'), 'postern');
    await audit.flush();
  });
});

describe('the list', () => {
  it('has the newest first, and is chosen by account, action and time', async () => {
    const { database } = await setUp();
    const put = (fact: AuditFact, actor: 'postern' | 'operator:anna' | 'account:Scanner', at: number) =>
      database.commit([auditStatement(fact, actor, at, `ID${at}`)]);
    await put({ action: 'account.added', object: 'Scanner' }, 'operator:anna', NOW);
    await put({ action: 'login.failed', object: 'scanner' }, 'postern', NOW + HOUR);
    await put({ action: 'ban.lifted', object: 'scanner' }, 'operator:anna', NOW + 2 * HOUR);
    const nas = { id: 'A1', name: 'nas' };
    await put({ action: 'ban.made', object: '192.0.2.7', account: nas }, 'postern', NOW + 5 * HOUR);
    await put({ action: 'login.new-address', object: '' }, 'account:Scanner', NOW + 3 * HOUR);
    await put({ action: 'account.added', object: 'nas' }, 'operator:anna', NOW + 4 * HOUR);
    const hours = async (filter: Partial<Parameters<typeof listAudit>[1]>) =>
      (await listAudit(database, { ...ALL, ...filter })).map(entry => (entry.happenedAt - NOW) / HOUR);
    expect(await hours({})).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await hours({ limit: 2 })).toEqual([5, 4]);
    expect(await hours({ account: 'NAS' })).toEqual([5, 4]);
    expect(await hours({ account: 'SCANNER' })).toEqual([3, 1, 0]);
    expect(await hours({ account: 'nobody' })).toEqual([]);
    expect(await hours({ action: 'account.added' })).toEqual([4, 0]);
    expect(await hours({ since: NOW + 2 * HOUR, account: 'scanner' })).toEqual([3]);
  });
});

describe('housekeeping', () => {
  async function fill(database: Database, action: AuditFact['action'], from: number, count: number) {
    const group = Array.from({ length: count }, (_, i) =>
      auditStatement({ action, object: 'x' }, 'postern', from + i, `${action}${from + i}`),
    );
    await database.commit(group);
  }

  it('forgets what is older than the retention', async () => {
    const { database } = await setUp();
    await fill(database, 'login.failed', NOW - 400 * DAY, 1200);
    await fill(database, 'account.added', NOW - 10 * DAY, 3);
    expect(await sweepAudit(database, NOW, { retention: 365 * DAY })).toBe(1200);
    expect(await listAudit(database, ALL)).toHaveLength(3);
  });

  it('keeps to its bound, and gives up logins before changes', async () => {
    const { database } = await setUp();
    await fill(database, 'account.added', NOW - 10 * DAY, 5);
    await fill(database, 'login.failed', NOW - DAY, 700);
    expect(await sweepAudit(database, NOW, { retention: 365 * DAY, mostRows: 100 })).toBe(605);
    const left = await listAudit(database, ALL);
    expect(left.filter(entry => entry.action === 'account.added')).toHaveLength(5);
    expect(left.filter(entry => entry.action === 'login.failed')).toHaveLength(95);
    expect(left[0]?.happenedAt).toBe(NOW - DAY + 699);
  });
});
