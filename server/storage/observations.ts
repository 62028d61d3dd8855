// What Postern has seen and may forget: when each account was last used and from where, which mechanisms failed where,
// how fast upstreams were sent to, and the last time of the wall clock. Kept in a file of its own that is not synced at each commit, and written every few
// seconds at most, so that a login costs an SD card nothing. A damaged file is begun anew. Nothing about mail may ever
// depend on it.

import { rmSync } from 'node:fs';
import type { EpochMs } from '../clock.ts';
import type { Database, Row, Statement } from './database.ts';
import {
  createLoginAddresses,
  LOGIN_ADDRESS_TABLE,
  type LoginAddresses,
  SELECT_LOGIN_ADDRESSES,
} from './login-addresses.ts';
import { createPaces, PACE_TABLE, type Paces, SELECT_PACES } from './paces.ts';
import { type Connection, isDamage, openConnection, textOf } from './sqlite.ts';
import {
  createWithheldMechanisms,
  SELECT_WITHHELD,
  WITHHELD_TABLE,
  type WithheldMechanisms,
} from './withheld-mechanisms.ts';

export type Observations = Readonly<{
  recordLogin: (accountId: string, at: EpochMs) => void;
  /** Last use by account id, what is not yet written included. Empty where the file cannot be read. */
  lastUsed: () => Promise<ReadonlyMap<string, EpochMs>>;
  /** What changes there is written with the rest. */
  loginAddresses: Omit<LoginAddresses, 'takeChanges'>;
  withheldMechanisms: Omit<WithheldMechanisms, 'takeChanges' | 'adopt'>;
  paces: Omit<Paces, 'takeChanges'>;
  /** Notes that the wall clock showed `now` and was believed. */
  heartbeat: (now: EpochMs) => void;
  /** The last heartbeat, also of an earlier run; null where there is none. */
  lastHeartbeat: () => EpochMs | null;
  /** Writes what waits. */
  flush: () => Promise<void>;
  /** Flushes and stops; the database is closed by its owner. */
  close: () => Promise<void>;
}>;

const FLUSH_MS = 5_000;

type Prepared = Readonly<{
  /** The path to open: the file, or `:memory:` where it cannot be used. */
  path: string;
  /** What went wrong and what was done about it, or null. */
  warning: string | null;
}>;

/** Makes the file and its tables. Only the holder of the data folder may throw a damaged file away. */
export function prepareObservations(path: string, mayBeginAnew: boolean): Prepared {
  try {
    makeTables(path);
    return { path, warning: null };
  } catch (error) {
    if (!isDamage(error) || !mayBeginAnew) {
      const warning = `${path} cannot be used (${textOf(error)}): what logins have shown is not kept. Mail is not affected.`;
      return { path: ':memory:', warning };
    }
  }
  for (const ending of ['', '-wal', '-shm']) rmSync(`${path}${ending}`, { force: true });
  makeTables(path);
  return {
    path,
    warning: `${path} was damaged and was begun anew: what logins have shown is lost. Mail is not affected.`,
  };
}

/** Observations over an opened file. Failures to read or write it are nobody's concern. */
export async function createObservations(database: Database): Promise<Observations> {
  const logins = new Map<string, EpochMs>();
  const rowsOf = (sql: string): Promise<readonly Row[]> => database.read(sql).catch(() => []);
  const addresses = createLoginAddresses(await rowsOf(SELECT_LOGIN_ADDRESSES));
  const withheld = createWithheldMechanisms(await rowsOf(SELECT_WITHHELD));
  const paces = createPaces(await rowsOf(SELECT_PACES));
  let beat = await readHeartbeat(database);
  let unwrittenBeat = false;
  let timer: NodeJS.Timeout | null = null;

  const flush = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const group: Statement[] = [
      ...[...logins].map(([accountId, at]) => saveLogin(accountId, at)),
      ...addresses.takeChanges(),
      ...withheld.takeChanges(),
      ...paces.takeChanges(),
    ];
    if (unwrittenBeat && beat !== null) group.push(saveHeartbeat(beat));
    if (group.length === 0) return;
    const written = [...logins];
    unwrittenBeat = false;
    // Entries stay readable in memory until they are in the file.
    await database.commit(group).catch(() => null);
    for (const [accountId, at] of written) if (logins.get(accountId) === at) logins.delete(accountId);
  };
  const flushSoon = (): void => {
    timer ??= setTimeout(() => void flush(), FLUSH_MS).unref();
  };
  // `postern ban lift` releases mechanisms.
  database.onForeignChange(() => {
    database.read(SELECT_WITHHELD).then(withheld.adopt, () => undefined);
  });
  const { hasLoggedIn, accountsAt, isKnown } = addresses;
  return {
    recordLogin: (accountId, at) => {
      logins.set(accountId, at);
      flushSoon();
    },
    lastUsed: async () => {
      const rows = await database.read('SELECT account_id, last_used_at FROM login').catch(() => []);
      const used = new Map(rows.map(row => [String(row['account_id']), Number(row['last_used_at'])]));
      for (const [accountId, at] of logins) used.set(accountId, at);
      return used;
    },
    loginAddresses: {
      record: (accountId, address, at) => {
        flushSoon();
        return addresses.record(accountId, address, at);
      },
      hasLoggedIn,
      accountsAt,
      isKnown,
    },
    withheldMechanisms: {
      withhold: one => {
        withheld.withhold(one);
        flushSoon();
      },
      at: withheld.at,
      all: withheld.all,
      release: one => {
        withheld.release(one);
        flushSoon();
      },
    },
    paces: {
      get: paces.get,
      keep: (upstreamId, write) => {
        paces.keep(upstreamId, write);
        flushSoon();
      },
    },
    heartbeat: now => {
      beat = now;
      unwrittenBeat = true;
      flushSoon();
    },
    lastHeartbeat: () => beat,
    flush,
    close: flush,
  };
}

function makeTables(path: string): void {
  let connection: Connection | null = null;
  try {
    connection = openConnection(path, 'relaxed');
    connection.exec(`CREATE TABLE IF NOT EXISTS login (account_id TEXT NOT NULL PRIMARY KEY, last_used_at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS heartbeat (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
      ${LOGIN_ADDRESS_TABLE}; ${WITHHELD_TABLE}; ${PACE_TABLE};
      SELECT 1 FROM login; SELECT 1 FROM heartbeat; SELECT place FROM login_address; SELECT 1 FROM withheld_mechanism;
      SELECT 1 FROM pace`);
  } finally {
    connection?.close();
  }
}

async function readHeartbeat(database: Database): Promise<EpochMs | null> {
  const [row] = await database.read('SELECT at FROM heartbeat').catch(() => []);
  return row === undefined ? null : Number(row['at']);
}

function saveLogin(accountId: string, at: EpochMs): Statement {
  return {
    sql: `INSERT INTO login (account_id, last_used_at) VALUES (?, ?)
      ON CONFLICT (account_id) DO UPDATE SET last_used_at = excluded.last_used_at`,
    params: [accountId, at],
  };
}

function saveHeartbeat(at: EpochMs): Statement {
  return {
    sql: 'INSERT INTO heartbeat (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at',
    params: [at],
  };
}
