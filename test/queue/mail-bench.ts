// The queue, its runner and its passes over a real database, and a real relay to remote servers that follow a script.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../server/clock.ts';
import type { EventName } from '../../server/events.ts';
import { systemRandom } from '../../server/ids.ts';
import type { Alert } from '../../server/notification/alert.ts';
import { createContentReader } from '../../server/queue/content-reader.ts';
import type { NewMessage } from '../../server/queue/message.ts';
import type { Place } from '../../server/queue/queue.ts';
import { createRoutingPass } from '../../server/queue/routing-pass.ts';
import { createRunner } from '../../server/queue/runner.ts';
import type { RetryPolicy } from '../../server/queue/schedule.ts';
import { createUpkeep, type Upkeep } from '../../server/queue/upkeep.ts';
import { createRelay } from '../../server/relay/relay.ts';
import type { Route } from '../../server/relay/route.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import { afterTest, PATIENT } from '../relay/bench.ts';
import { MINUTE, newMessage, openQueueBench, type QueueBench } from './support.ts';

export type MailBench = QueueBench &
  Readonly<{
    upkeep: Upkeep;
    /** How often all has been routed anew. */
    passes: () => number;
    alerts: Alert[];
    logged: { event: EventName; fields: Readonly<Record<string, unknown>> }[];
    /** Enqueues as the server does, now. */
    send: (message: NewMessage) => Promise<void>;
    /** Starts runner and passes. */
    start: () => void;
    /** The operator changes the upstreams. */
    change: (upstreams: readonly Upstream[]) => void;
    recipients: () => Promise<readonly Readonly<Record<string, unknown>>[]>;
    /** The upstreams that were tried, in order, with the outcome. */
    attempts: () => Promise<readonly string[]>;
  }>;

type Options = Readonly<{
  upstreams: readonly Upstream[];
  routes?: readonly Route[];
  clock?: Clock;
  policy?: Partial<RetryPolicy>;
  random?: () => number;
}>;

const POLICY: RetryPolicy = {
  retryMin: MINUTE,
  retryMax: 60 * MINUTE,
  expiry: 96 * 60 * MINUTE,
  ambiguousWait: 10 * MINUTE,
};

export const anyRoute = (id: string, upstreams: readonly string[], changes: Partial<Route> = {}): Route => ({
  id,
  name: id,
  upstreams,
  accounts: null,
  senders: null,
  recipients: null,
  sizeOver: null,
  sizeUpTo: null,
  ...changes,
});

export async function openMailBench(options: Options): Promise<MailBench> {
  const { clock = systemClock, routes = [] } = options;
  const alerts: Alert[] = [];
  const logged: MailBench['logged'] = [];
  const listeners: (() => void)[] = [];
  let upstreams = options.upstreams;
  const relay = createRelay({
    upstreams: {
      list: () => upstreams,
      onChange: listener => void listeners.push(listener),
      recordFault: async () => undefined,
      recordAnnouncedSize: async () => undefined,
    },
    credentialsOf: ({ user }) =>
      user === null ? { kind: 'none' } : { kind: 'password', password: 'secret' },
    routes: { list: () => [...routes], onChange: () => undefined },
    recipients: { list: () => [], mappedRecipient: () => null, onChange: () => undefined },
    raise: alert => void alerts.push(alert),
    paces: { get: () => null, keep: () => undefined },
    clock,
    log: (event, fields) => void logged.push({ event, fields: fields ?? {} }),
    hostname: 'postern.example',
    random: systemRandom,
    timeouts: PATIENT,
  });
  const place: Place = ({ accountId, reversePath, size }, forwardPath) => ({
    way: relay.routing.routeOf({ account: accountId?.toLowerCase() ?? null, reversePath, size, forwardPath }),
    outageMark: 0,
  });
  const bench = await openQueueBench({ place });
  const { database, queue, spool } = bench;
  const clockTrust = { trusted: () => true, believed: clock, beat: () => undefined };
  const log: (event: EventName, fields?: object) => void = (event, fields) =>
    void logged.push({ event, fields: { ...fields } });
  const policy = { ...POLICY, ...options.policy };
  const { random = () => 0.5 } = options;
  const runner = createRunner({
    database,
    queue,
    relay,
    content: createContentReader({ queue, spool }),
    policy,
    clock,
    clockTrust,
    random,
    accountName: id => id,
    raise: alert => void alerts.push(alert),
    log,
    clientsWait: () => false,
  });
  const routing = createRoutingPass({
    database,
    queue,
    relay,
    place,
    outageTotal: () => 0,
    revisionOf: id => upstreams.find(one => one.id === id)?.revision ?? 0,
    ambiguousFor: 24 * 60 * MINUTE,
    policy,
    random,
    buildDate: 0,
    clock,
    clockTrust,
    log,
  });
  let passes = 0;
  const runAnew: typeof routing.runAnew = async stopped => {
    const routed = await routing.runAnew(stopped);
    passes++;
    return routed;
  };
  const outages = { start: () => undefined, stop: async () => undefined };
  const upkeep = createUpkeep({ routing: { ...routing, runAnew }, outages, onRouted: runner.kick });
  afterTest(async () => {
    await Promise.all([upkeep.stop(), runner.stop(1_000)]);
    await bench.close();
  });
  return {
    ...bench,
    upkeep,
    passes: () => passes,
    alerts,
    logged,
    send: async message => {
      const enqueued = await queue.enqueue(message, clock.now());
      if (enqueued.kind !== 'queued') throw new Error(enqueued.kind);
      runner.kick();
    },
    start: () => {
      upkeep.start();
      runner.start();
    },
    change: changed => {
      upstreams = changed;
      for (const listener of listeners) listener();
      upkeep.rerouteAll();
    },
    recipients: () =>
      database.read(
        'SELECT message_id, forward_path, state, way, attempts, deferrals, next_attempt_at FROM recipient ORDER BY message_id, ordinal',
      ),
    attempts: async () => {
      const rows = await database.read(
        'SELECT upstream, outcome FROM attempt ORDER BY message_id, ordinal, number',
      );
      return rows.map(row => `${row['upstream']} ${row['outcome']}`);
    },
  };
}

/** A message of an account, its id in the order of `number`. */
export function mailOf(accountId: string, number: number, changes: Partial<NewMessage> = {}): NewMessage {
  const id = `${accountId}${String(number).padStart(6, '0')}`;
  return { ...newMessage(id), accountId, ...changes };
}

/** Waits until it comes to pass, within twenty seconds. */
export async function eventually(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error('it did not come to pass');
}
