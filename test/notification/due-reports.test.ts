// What is read of the database for reports: in pages, whatever waits, and never a whole table.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeId, systemRandom } from '../../server/ids.ts';
import { readDuePage } from '../../server/notification/due-reports.ts';
import { markLateMail } from '../../server/notification/late-mail.ts';
import { readSentReports } from '../../server/notification/report-statements.ts';
import type { Row, SqlValue } from '../../server/storage/database.ts';
import { DAY, HOUR, NOW } from '../audit/support.ts';
import { newMessage } from '../queue/support.ts';
import { openReporterBench, type ReporterBench } from './reporter-bench.ts';

type Query = Readonly<{ sql: string; params: readonly SqlValue[]; rows: readonly Row[] }>;

let bench: ReporterBench;
let queries: Query[];

beforeEach(async () => {
  bench = await openReporterBench();
  queries = [];
});

afterEach(() => bench.close());

/** The database, with what is asked of it written down. */
const watched = () => ({
  ...bench.database,
  read: async (sql: string, params: readonly SqlValue[] = []) => {
    const rows = await bench.database.read(sql, params);
    queries.push({ sql, params, rows });
    return rows;
  },
});

async function planOf({ sql, params }: Query): Promise<readonly string[]> {
  const plan = await bench.database.read(`EXPLAIN QUERY PLAN ${sql}`, params);
  return plan.map(row => String(row['detail']));
}

/** The steps with which SQLite goes through a whole table or index. */
async function scans(): Promise<readonly string[]> {
  const steps = (await Promise.all(queries.map(planOf))).flat();
  return steps.filter(step => /^SCAN (recipient|message)\b/.test(step));
}

/** Messages of `recipients` each, with ids that sort in their order. */
async function send(count: number, recipients: number): Promise<void> {
  const octets = newMessage('x');
  const forwardPaths = Array.from({ length: recipients }, (_, i) => `a${i}@example.net`);
  for (let i = 0; i < count; i++) {
    const id = `M${String(i).padStart(4, '0')}`;
    await bench.queue.enqueue({ ...octets, id, accountId: 'AC', forwardPaths }, bench.world.clock.now());
  }
  await bench.sql(`UPDATE recipient SET way = 'default'`);
}

describe('what is due', () => {
  const readAll = async () => {
    const pages: string[][] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page = await readDuePage(watched(), after);
      pages.push(page.due.map(({ messageId, report }) => `${messageId} ${report}`));
      after = page.next;
    }
    return pages;
  };

  it('is read in pages, each message in one of them', async () => {
    await send(200, 3);
    await bench.sql(`UPDATE recipient SET state = 'failed', report = 'failure'`);
    const pages = await readAll();
    expect(pages.length).toBeGreaterThan(1);
    const all = pages.flat();
    expect(all).toHaveLength(200);
    expect(new Set(all).size).toBe(200);
    expect(Math.max(...queries.map(({ rows }) => rows.length))).toBeLessThanOrEqual(250);
    expect(await scans()).toEqual([]);
  });

  it('ends also with a message that fills more than a page', async () => {
    await send(2, 600);
    await bench.sql(`UPDATE recipient SET state = 'failed', report = 'failure'`);
    expect((await readAll()).flat()).toEqual(['M0000 failure', 'M0001 failure']);
  });

  it('of one person is never kept as a whole, and hides nobody', async () => {
    await send(900, 1);
    await bench.sql(`UPDATE recipient SET state = 'failed', report = 'failure'`);
    await bench.send('Z', { reversePath: 'other@example.org' });
    await bench.end('Z', {});
    await bench.reporter.look();
    const reports = await bench.reports();
    expect(reports.map(({ to, about }) => [to, about])).toEqual(
      expect.arrayContaining([
        ['scanner@example.org', null],
        ['other@example.org', 'Z'],
      ]),
    );
    expect(reports).toHaveLength(2);
    const [left] = await bench.rows('SELECT COUNT(*) AS n FROM recipient WHERE report IS NOT NULL');
    expect(left).toEqual({ n: 700 });
  });

  it('of more people than are kept at once is said to each of them', async () => {
    await send(2_300, 1);
    await bench.sql(`UPDATE message SET reverse_path = id || '@example.org'`);
    await bench.sql(`UPDATE recipient SET state = 'failed', report = 'failure'`);
    await bench.reporter.look();
    const [told] = await bench.rows(`SELECT COUNT(DISTINCT forward_path) AS n FROM recipient
      JOIN message ON message.id = message_id WHERE kind = 'dsn'`);
    expect(told).toEqual({ n: 2_300 });
  }, 60_000);
});

describe('mail that is late', () => {
  const mark = (now = NOW + 5 * HOUR) =>
    markLateMail({ database: watched(), isLate: way => way === 'default', delayAfter: 4 * HOUR }, now);

  it('is found in pages, each row once, whether it is late or not', async () => {
    await send(200, 3);
    expect(await mark(NOW)).toBe(0);
    expect(await mark()).toBe(600);
    expect(await mark()).toBe(0);
    const pages = queries.filter(({ sql }) => sql.includes('next_attempt_at, message_id, ordinal'));
    expect(pages.map(({ rows }) => rows.length)).toEqual([250, 250, 100, 250, 250, 100, 250, 250, 100]);
    expect(await scans()).toEqual([]);
    // A page begins where the one before ended, and not at the beginning of what waits.
    for (const page of pages) {
      expect((await planOf(page))[0]).toContain(
        'recipient_waiting (way=? AND account_id=? AND (next_attempt_at,message_id)>(?,?))',
      );
    }
    const marked = await bench.rows(
      `SELECT COUNT(*) AS n FROM recipient WHERE report = 'delay' AND delay_reported_at = ?`,
      NOW + 5 * HOUR,
    );
    expect(marked).toEqual([{ n: 600 }]);
  });

  it('is marked where only one recipient of its message is late', async () => {
    await send(1, 4);
    await bench.sql(`UPDATE recipient SET notify = 'never' WHERE ordinal = 1`);
    await bench.sql(`UPDATE recipient SET state = 'relayed' WHERE ordinal = 2`);
    await bench.sql(`UPDATE recipient SET way = '=OTHER' WHERE ordinal = 3`);
    expect(await mark()).toBe(1);
    expect(await bench.rows('SELECT ordinal FROM recipient WHERE report IS NOT NULL')).toEqual([
      { ordinal: 0 },
    ]);
  });

  it('is left alone when the process ends', async () => {
    await send(300, 1);
    const deps = { database: watched(), isLate: () => true, delayAfter: 4 * HOUR };
    expect(await markLateMail({ ...deps, stopped: () => queries.length > 1 }, NOW + 5 * HOUR)).toBe(250);
  });
});

describe('reports that were sent', () => {
  it('lately are read without those of before', async () => {
    for (const [at, to] of [
      [NOW - 3 * DAY, 'old@example.org'],
      [NOW - 30 * 60_000, 'new@example.org'],
    ] as const) {
      const id = makeId(at - 1_500, systemRandom);
      await bench.queue.enqueue({ ...newMessage(id, [to]), kind: 'dsn' }, at);
    }
    const sent = await readSentReports(watched(), NOW - HOUR);
    expect(sent).toEqual([{ to: 'new@example.org', at: NOW - 30 * 60_000 }]);
    expect(await scans()).toEqual([]);
  });
});
