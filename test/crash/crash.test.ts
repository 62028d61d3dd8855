// Durability by force: kill -9 in the middle of everything, and nothing that got its 250 is lost.
// More rounds by hand: `npm run test:crash -- --rounds 200`.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { addAccount, install } from '../support/postern.ts';
import { noteLine } from '../support/report.ts';
import { between, seededRandom } from './random.ts';
import { runRounds } from './rounds.ts';

const ROUNDS = 20;
const skip = mustSkip('crash', suiteNeeds.crash);

describe.skipIf(skip)('kill -9', () => {
  it(`loses no acknowledged message in ${ROUNDS} rounds`, { timeout: 300_000 }, async () => {
    const seed = Date.now() % 1_000_000;
    const result = await runRounds({ rounds: ROUNDS, seed, say: () => {} });
    noteLine(
      `crash: seed ${seed}, ${ROUNDS} rounds, ${result.acknowledged} acknowledged, ` +
        `${result.lost.length} lost, ${result.duplicates} duplicates`,
    );
    expect(result.lost, `seed ${seed}`).toEqual([]);
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
      for (let round = 0; round < 8; round++) {
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
});
