// Durability by force: kill -9 in the middle of everything, backups and migrations too, and nothing that got its 250 is lost.
// A thousand rounds by hand: `npm run test:crash`.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { migrate, migrations } from '../../server/storage/migrate.ts';
import { openConnection } from '../../server/storage/sqlite.ts';
import { fill } from '../backup/support.ts';
import { startRemote } from '../relay/remote.ts';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { addAccount, addUpstream, install, isReady } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { between, seededRandom } from './random.ts';
import { runRounds } from './rounds.ts';
import { drained } from './scene.ts';

const ROUNDS = 10;
const skip = mustSkip('crash', suiteNeeds.crash);

describe.skipIf(skip)('kill -9', () => {
  it(`loses no acknowledged message in ${ROUNDS} rounds`, { timeout: 300_000 }, async () => {
    const seed = Date.now() % 1_000_000;
    const result = await runRounds({ rounds: ROUNDS, seed, say: () => {} });
    noteLine(
      `crash: seed ${seed}, ${ROUNDS} rounds, ${result.acknowledged} acknowledged, ` +
        `${result.lost.length} lost, ${result.duplicates} duplicates of at most ${result.ceiling}, ${result.backups} backups`,
    );
    expect(result.lost, `seed ${seed}`).toEqual([]);
    expect(result.tooMany, `seed ${seed}`).toEqual([]);
    expect(result.acknowledged).toBeGreaterThan(ROUNDS);
    expect(result.stats).toMatchObject({ failed: 0, expired: 0 });
  });

  // The first start makes folders, key, database with its first migration, CA and certificates.
  it('during the very first start and its migration leaves a folder that starts', {
    timeout: 120_000,
  }, async () => {
    const random = seededRandom(4711);
    const at = await install();
    try {
      for (let round = 0; round < 5; round++) {
        const server = await at.serve({ waitUntilReady: false });
        await sleep(between(random, 80, 900));
        await server.kill9();
      }
      const server = await at.serve();
      const account = await addAccount(at, 'after the crash');
      expect(account.password).toMatch(/^[A-Za-z0-9]{16}$/);
      expect((await server.stop()).code).toBe(0);
    } finally {
      await at.remove();
    }
  });

  it('during an upgrade with mail waiting leaves the old schema or the new one, and all of the mail', {
    timeout: 120_000,
  }, async () => {
    const remote = await startRemote({ tls: 'none' });
    const at = await install({
      queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s', delay_after: '0s' },
    });
    const path = join(at.data, 'postern.db');
    const random = seededRandom(4712);
    try {
      for (const name of ['', 'spool', 'tls'])
        mkdirSync(join(at.data, name), { recursive: true, mode: 0o700 });
      migrate({ path, migrations: migrations.slice(0, -1) });
      fill(path, join(at.data, 'spool'));
      crowd(path);
      for (let round = 0; round < 5; round++) {
        const server = await at.serve({ waitUntilReady: false });
        // The copy is made right before the migration; there is none once that is done.
        const copy = `${path}.before-${migrations.length}.new`;
        await waitFor('the upgrade', async () => existsSync(copy) || (await isReady(at.ports.admin)));
        await sleep(between(random, 0, 300));
        await server.kill9();
      }
      const server = await at.serve();
      await addUpstream(at, 'provider', { url: `smtp+notls://127.0.0.1:${remote.port}` });
      expect(await drained(at)).toMatchObject({ relayed: CROWD + 1 + WAITING.length, held: 1, failed: 1 });
      for (const id of WAITING)
        expect(
          remote.bodies.filter(body => body.includes(`Subject: ${id}\r\n`)),
          id,
        ).toHaveLength(1);
      expect(await server.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await at.remove();
      await remote.close();
    }
  });
});

/** What waits of the mail that `fill` writes. */
const WAITING = ['M1', 'M2', 'M3', 'M4'];
/** So many rows that the upgrade takes some time. */
const CROWD = 30_000;

function crowd(path: string): void {
  const connection = openConnection(path, 'durable');
  const row =
    connection.prepare(`INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts, deferrals, age,
    settled_at) VALUES ('M7', ?, 'somebody@destination.test', 'relayed', 1, 0, 0, ?)`);
  connection.exec('BEGIN');
  for (let i = 1; i <= CROWD; i++) row.run(i, Date.now());
  connection.exec('COMMIT');
  connection.close();
}
