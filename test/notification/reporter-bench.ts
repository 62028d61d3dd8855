// A reporter over a real queue, database and spool; messages in the state in which the relay or an operator left them.

import type { Alert } from '../../server/notification/alert.ts';
import { createOriginalReader } from '../../server/notification/original-reader.ts';
import { createReporter, type Reporter, type ReporterDeps } from '../../server/notification/reporter.ts';
import type { Capacity } from '../../server/queue/delivery.ts';
import type { NewMessage } from '../../server/queue/message.ts';
import type { Row } from '../../server/storage/database.ts';
import { makeWorld, NOW, type World } from '../audit/support.ts';
import { newMessage, openQueueBench, type QueueBench } from '../queue/support.ts';
import { SCAN } from './report-samples.ts';

export const MAIN: Capacity = { upstreamId: 'UP', upstream: 'main', free: 1, open: true, paused: false };

export type ReporterBench = QueueBench &
  Readonly<{
    world: World;
    reporter: Reporter;
    alerts: readonly Alert[];
    discarded: readonly string[];
    relay: ReporterDeps['relay'];
    /** The one upstream as it is now, or all there are. */
    setUpstream: (upstream: Capacity) => void;
    setUpstreams: (upstreams: readonly Capacity[]) => void;
    setClockTrusted: (trusted: boolean) => void;
    /** A new reporter, as after a restart. */
    restart: (changes?: Partial<ReporterDeps>) => Promise<Reporter>;
    sql: (sql: string, ...params: readonly (string | number | null)[]) => Promise<void>;
    rows: (sql: string, ...params: readonly (string | number | null)[]) => Promise<readonly Row[]>;
    /** Messages of kind dsn, oldest first: to whom, about what, and what they say. */
    reports: () => Promise<readonly Report[]>;
    /** A message from account `scanner`, queued now. */
    send: (id: string, changes?: Partial<NewMessage>) => Promise<void>;
    /** What a settlement writes, for one recipient or all. */
    end: (id: string, how: Partial<End>, ordinal?: number) => Promise<void>;
  }>;

export type Report = Readonly<{
  id: string;
  to: string;
  about: string | null;
  kind: string | null;
  text: string;
}>;

type End = Readonly<{
  state: string;
  report: string | null;
  outcome: string | null;
  reply: string | null;
  text: string | null;
  upstream: string | null;
}>;

const FAILED: End = {
  state: 'failed',
  report: 'failure',
  outcome: 'failed',
  reply: '550 5.1.1 No such mailbox',
  text: 'main refused this recipient for good.',
  upstream: 'main',
};

export async function openReporterBench(changes: Partial<ReporterDeps> = {}): Promise<ReporterBench> {
  const bench = await openQueueBench();
  const { database, queue, spool } = bench;
  const world = makeWorld();
  const alerts: Alert[] = [];
  const discarded: string[] = [];
  let upstreams: readonly Capacity[] = [MAIN];
  let clockTrusted = true;
  const sql: ReporterBench['sql'] = async (text, ...params) => {
    const result = await database.commit([{ sql: text, params }]);
    if (result.kind !== 'committed') throw new Error(`${text}: ${result.kind}`);
  };
  const rows: ReporterBench['rows'] = (text, ...params) => database.read(text, params);

  const deps: ReporterDeps = {
    database,
    enqueue: queue.enqueue,
    readOriginal: createOriginalReader({ body: queue.body, open: spool.open }),
    discard: async id => void discarded.push(id),
    host: 'nas.lan',
    clock: world.clock,
    clockTrusted: () => clockTrusted,
    newId: world.newId,
    log: world.log,
    expiry: 4 * 86_400_000,
    keepContent: false,
    perHour: 10,
    raise: alert => void alerts.push(alert),
    relay: {
      capacity: () => upstreams,
      routing: {
        routes: () => new Map([['default', ['UP']]]),
        routeOf: () => 'default',
        onChange: () => undefined,
      },
    },
    delayAfter: 4 * 3_600_000,
    retryMax: 3_600_000,
    isRewritten: () => false,
    ...changes,
  };

  await sql(
    `INSERT INTO account (id, name, canonical_name, enabled, created_at, credential_version)
      VALUES ('AC', 'scanner', 'scanner', 1, ?, 1)`,
    NOW,
  );
  await sql(
    `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at, revision)
      VALUES ('UP', 'main', 'main', 'smtps', 'smtp.main.example', 465, 1, 1, ?, 1)`,
    NOW,
  );

  return {
    ...bench,
    ...{ world, alerts, discarded, sql, rows },
    reporter: await createReporter(deps),
    relay: deps.relay,
    setUpstream: now => {
      upstreams = [now];
    },
    setUpstreams: now => {
      upstreams = now;
    },
    setClockTrusted: trusted => {
      clockTrusted = trusted;
    },
    restart: more => createReporter({ ...deps, ...more }),

    reports: async () => {
      const found = await rows(
        `SELECT message.id, forward_path, about_id, report_kind, octets FROM message
          JOIN recipient ON recipient.message_id = message.id JOIN body ON body.message_id = message.id
          WHERE kind = 'dsn' ORDER BY message.id`,
      );
      return found.map(row => ({
        id: String(row['id']),
        to: String(row['forward_path']),
        about: row['about_id'] === null ? null : String(row['about_id']),
        kind: row['report_kind'] === null ? null : String(row['report_kind']),
        text: row['octets'] instanceof Uint8Array ? Buffer.from(row['octets']).toString('utf8') : '',
      }));
    },

    send: async (id, more = {}) => {
      const message = newMessage(id, more.forwardPaths, SCAN.replace('Scan of the contract', id));
      const queued = await queue.enqueue({ ...message, accountId: 'AC', ...more }, world.clock.now());
      if (queued.kind !== 'queued') throw new Error(`not queued: ${queued.kind}`);
      await sql(`UPDATE recipient SET way = 'default' WHERE message_id = ?`, id);
    },

    end: async (id, how, ordinal) => {
      const { state, report, outcome, reply, text, upstream: name } = { ...FAILED, ...how };
      const which = ordinal === undefined ? '' : ` AND ordinal = ${ordinal}`;
      await sql(
        `UPDATE recipient SET state = ?, report = ?, last_reply = ?, upstream_id = 'UP', attempts = attempts + 1,
          next_attempt_at = CASE WHEN ? = 'deferred' THEN next_attempt_at ELSE NULL END WHERE message_id = ?${which}`,
        ...[state, report, reply ?? text, state, id],
      );
      await sql(
        `INSERT INTO attempt (message_id, ordinal, number, started_at, duration, upstream, outcome, reply, text)
          SELECT message_id, ordinal, attempts, ?, 1000, ?, ?, ?, ? FROM recipient WHERE message_id = ?${which}`,
        ...[world.clock.now() - 1_000, name, outcome, reply, text, id],
      );
    },
  };
}
