import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSentLately } from '../../server/accounts/sent-lately.ts';
import { type Bench, openBench } from './support.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

it('counts what was sent in the last minute, hour and day, and what waits', async () => {
  const now = bench.clock.now();
  const sent = [
    ['A1', now, 1],
    ['A1', now - MINUTE, 2],
    ['A1', now - HOUR + 1, 4],
    ['A1', now - HOUR, 8],
    ['A1', now - 24 * HOUR + 1, 16],
    ['A1', now - 24 * HOUR, 32],
    ['A2', now, 64],
  ] as const;
  const queued = [
    ['M1', 'A1', 1000, 'body'],
    ['M2', 'A1', 200, 'spool'],
    ['M3', 'A1', 30, 'gone'],
    ['M4', 'A2', 4, 'body'],
  ] as const;
  await bench.database.commit([
    ...sent.map(params => ({
      sql: 'INSERT INTO sending (account_id, sent_at, recipients) VALUES (?, ?, ?)',
      params,
    })),
    ...queued.map(params => ({
      sql: `INSERT INTO message (id, account_id, size, content, kind, reverse_path, body_type, smtputf8, content_hash, queued_at)
        VALUES (?, ?, ?, ?, 'mail', '', '7bit', 0, '', 0)`,
      params,
    })),
  ]);
  expect(await readSentLately(bench.database, 'A1', now)).toEqual({
    minute: 1,
    hour: 3,
    day: 5,
    recipients: 31,
    waiting: 1200,
  });
  expect(await readSentLately(bench.database, 'A3', now)).toEqual({
    minute: 0,
    hour: 0,
    day: 0,
    recipients: 0,
    waiting: 0,
  });
});
