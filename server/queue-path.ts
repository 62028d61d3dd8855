// The queue with all that works on it, put together: the runner between it and the relay, and the passes that route, hold
// and remove what is in it.

import { join } from 'node:path';
import { createAccountNames } from './accounts/account-names.ts';
import { BUILD_DATE } from './build.ts';
import type { DurationMs } from './clock.ts';
import type { Ground } from './ground.ts';
import type { NewId } from './ids.ts';
import type { Logins } from './logins.ts';
import type { RaiseAlert } from './notification/alert.ts';
import { type ContentReader, createContentReader } from './queue/content-reader.ts';
import type { Relay } from './queue/delivery.ts';
import { createOutages } from './queue/outages.ts';
import { createQueue, type Place, type Queue } from './queue/queue.ts';
import { deleteFinished, removeOrphans, sweepOrphans } from './queue/retention.ts';
import { createRoutingPass } from './queue/routing-pass.ts';
import { createRunner, type Runner } from './queue/runner.ts';
import type { RetryPolicy } from './queue/schedule.ts';
import type { Spool } from './queue/spool.ts';
import { createUpkeep } from './queue/upkeep.ts';
import type { Upstreams } from './relay/upstreams.ts';

export type QueuePath = Readonly<{
  queue: Queue;
  content: ContentReader;
  runner: Pick<Runner, 'start' | 'kick' | 'stop'>;
  /** Deletes what was finished long enough ago. */
  deleteFinished: () => Promise<number>;
}>;

type Parts = Readonly<{
  relay: Relay;
  upstreams: Pick<Upstreams, 'list' | 'onChange'>;
  spool: Spool;
  listAccounts: Logins['listAccounts'];
  raise: RaiseAlert;
  newId: NewId;
  /** In [0, 1), for jitter. */
  chance: () => number;
  /** Whether clients are being served. */
  clientsWait: () => boolean;
  /** Something is to be said to a person. */
  onReportDue: () => void;
}>;

/** Also recovers what the last process left: in flight, or half written. */
export async function createQueuePath(ground: Ground, parts: Parts): Promise<QueuePath> {
  const { deps, store, clockTrust } = ground;
  const { clock, config, logging } = deps;
  const { database } = store;
  const { relay, spool, raise, newId } = parts;
  const { log } = logging;
  const accounts = await createAccountNames(database);
  const grace: DurationMs = config.queue.outage_grace;
  const ways = (): readonly string[] => queue.line.ways();
  const outages = await createOutages({ database, relay, ways, grace, clock, raise, log });
  // An account that was added a moment ago is known to logins before its name was read here.
  const accountOf = (id: string) =>
    accounts.byId(id) ?? parts.listAccounts().find(one => one.id === id) ?? null;
  const place: Place = ({ accountId, reversePath, size }, forwardPath) => {
    const account = accountId === null ? null : (accountOf(accountId)?.canonicalName ?? null);
    const way = relay.routing.routeOf({ account, reversePath, forwardPath, size });
    return { way, outageMark: outages.totalOf(way) };
  };
  const keepContent = config.queue.keep_content;
  const outageTotal = outages.totalOf;
  const queue = reporting(
    createQueue({ database, newId, place, outageTotal, keepContent }),
    parts.onReportDue,
  );
  const recipients = await queue.recover(clock.now(), config.queue.ambiguous_wait);
  const orphans = await sweepOrphans(queue, spool, clock.now());
  if (recipients + orphans > 0) log('queue.recovered', { recipients, orphans });
  if (orphans > 0) log('queue.orphans_kept', { orphans, folder: join(store.folder.spool, 'orphaned') });
  const content = createContentReader({ queue, spool });
  const policy: RetryPolicy = {
    retryMin: config.queue.retry_min,
    retryMax: config.queue.retry_max,
    expiry: config.queue.expiry,
    ambiguousWait: config.queue.ambiguous_wait,
  };
  const runner = createRunner({
    database,
    queue,
    relay,
    content,
    policy,
    clock,
    clockTrust,
    random: parts.chance,
    accountName: id => accountOf(id)?.name ?? null,
    raise,
    log,
    clientsWait: parts.clientsWait,
  });
  const routing = createRoutingPass({
    database,
    queue,
    relay,
    place,
    outageTotal,
    revisionOf: id => parts.upstreams.list().find(one => one.id === id)?.revision ?? 0,
    ambiguousFor: config.queue.ambiguous_for,
    policy,
    random: parts.chance,
    buildDate: BUILD_DATE,
    clock,
    clockTrust,
    log,
  });
  const upkeep = createUpkeep({ routing, outages, onRouted: runner.kick });
  database.onForeignChange(() => {
    runner.look(); // `queue retry` from the command line
    upkeep.look();
  });
  relay.routing.onChange(upkeep.rerouteAll);
  onSettings(parts.upstreams, upkeep.rerouteAll);
  return {
    queue,
    content,
    runner: {
      start: () => {
        upkeep.start();
        runner.start();
      },
      kick: runner.kick,
      stop: async stopGrace => {
        await Promise.all([upkeep.stop(), runner.stop(stopGrace)]);
      },
    },
    deleteFinished: async () => {
      await removeOrphans(spool, clock.now());
      return deleteFinished(database, spool, { now: clock.now(), retention: config.queue.retention });
    },
  };
}

/** Calls back when a settlement leaves something to be said. */
function reporting(queue: Queue, onReportDue: () => void): Queue {
  return {
    ...queue,
    settle: async (claim, settlements, now) => {
      const settled = await queue.settle(claim, settlements, now);
      if (settlements.some(one => one.settlement.report !== null)) onReportDue();
      return settled;
    },
  };
}

/** Calls back when the operator has changed an upstream; not for what is learned about it. */
function onSettings({ list, onChange }: Pick<Upstreams, 'list' | 'onChange'>, listener: () => void): void {
  const picture = () => JSON.stringify(list().map(({ id, revision }) => [id, revision]));
  let known = picture();
  onChange(() => {
    const now = picture();
    if (now === known) return;
    known = now;
    listener();
  });
}
