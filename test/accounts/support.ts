// A real database in a folder of its own, a clock that stands still until it is moved, and a cheap password cost.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Accounts, createAccounts } from '../../server/accounts/accounts.ts';
import {
  createPasswordHasher,
  type PasswordCost,
  type PasswordHasher,
} from '../../server/accounts/password.ts';
import type { Clock } from '../../server/clock.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import type { Database } from '../../server/storage/database.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';

/** The least that argon2 takes: these tests are about what is compared, not about what it costs. */
export const CHEAP: PasswordCost = { memoryCost: 1024, timeCost: 2, parallelism: 1 };

export type MovableClock = Clock & Readonly<{ move: (milliseconds: number) => void }>;

export function createMovableClock(): MovableClock {
  let now = 1_800_000_000_000;
  return {
    now: () => now,
    monotonic: () => now,
    move: milliseconds => {
      now += milliseconds;
    },
  };
}

export type Bench = Readonly<{
  database: Database;
  clock: MovableClock;
  hasher: PasswordHasher;
  accounts: Accounts;
  /** Another process's database and accounts on the same file. */
  elsewhere: () => Promise<Readonly<{ database: Database; accounts: Accounts }>>;
  close: () => Promise<void>;
}>;

export async function openBench(cost: PasswordCost = CHEAP): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-accounts-'));
  const path = join(folder, 'postern.db');
  migrate({ path });
  const clock = createMovableClock();
  const hasher = createPasswordHasher({ random: systemRandom, cost });
  const opened: Database[] = [];
  const open = async () => {
    const database = await openDatabase({ path, onFatal: fail });
    opened.push(database);
    const newId = () => makeId(clock.now(), systemRandom);
    const accounts = await createAccounts({
      database,
      clock,
      newId,
      random: systemRandom,
      hasher,
      onStale: fail,
    });
    return { database, accounts };
  };
  return {
    ...(await open()),
    clock,
    hasher,
    elsewhere: open,
    close: async () => {
      await Promise.all(opened.map(database => database.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function fail(text: string): never {
  throw new Error(text);
}
