// A real database in a folder of its own, a clock that stands still until it is moved, and a cheap password cost.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Accounts, createAccounts } from '../../server/accounts/accounts.ts';
import { createDeriveSecrets, type DeriveSecrets } from '../../server/accounts/derived-secrets.ts';
import {
  createPasswordHasher,
  type PasswordCost,
  type PasswordHasher,
} from '../../server/accounts/password.ts';
import { createSemaphore } from '../../server/accounts/semaphore.ts';
import type { AuditFact } from '../../server/audit/audit-entry.ts';
import type { Clock } from '../../server/clock.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import type { Database, Statement } from '../../server/storage/database.ts';
import { type LastingKey, openLastingKey } from '../../server/storage/lasting-key.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';
import { openSealer } from '../../server/storage/open-sealer.ts';
import type { Sealer } from '../../server/storage/sealing.ts';

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

/** What one process has. */
export type Place = Readonly<{
  database: Database;
  sealer: Sealer;
  lastingKey: LastingKey;
  deriveSecrets: DeriveSecrets;
  accounts: Accounts;
}>;

export type Bench = Place &
  Readonly<{
    folder: string;
    clock: MovableClock;
    hasher: PasswordHasher;
    /** Another process on the same files. */
    elsewhere: () => Promise<Place>;
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
    const random = systemRandom;
    const key = join(folder, 'sealing.key');
    const { kind, ...found } = await openSealer({
      path: key,
      database,
      random,
      mayCreate: true,
      onWarning: fail,
    });
    if (!('sealer' in found)) return fail(kind);
    const { sealer } = found;
    const lastingKey = await openLastingKey({ database, sealer, random });
    const semaphore = createSemaphore({ places: 1, line: 128 });
    const deriveSecrets = createDeriveSecrets({ lastingKey, random, semaphore });
    const accounts = await createAccounts({
      database,
      sealer,
      lastingKey,
      deriveSecrets,
      clock,
      newId,
      random,
      hasher,
      audit: fact => auditRow(newId(), clock.now(), fact),
      onStale: fail,
    });
    return { database, sealer, lastingKey, deriveSecrets, accounts };
  };
  return {
    ...(await open()),
    folder,
    clock,
    hasher,
    elsewhere: open,
    close: async () => {
      await Promise.all(opened.map(database => database.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function auditRow(id: string, now: number, { action, object, detail = null }: AuditFact): Statement {
  return {
    sql: `INSERT INTO audit (id, happened_at, actor, action, object, detail, count, last_at) VALUES (?, ?, 'postern', ?, ?, ?, 1, ?)`,
    params: [id, now, action, object, detail, now],
  };
}

function fail(text: string): never {
  throw new Error(text);
}
