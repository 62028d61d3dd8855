// The way of a message from 354 to the upstream, put together: intake, queue, spool, relay and the runner between them.

import { createUsage, type Usage } from './accounts/usage.ts';
import type { Ground } from './ground.ts';
import { fraction, makeId, pooled } from './ids.ts';
import type { Logins } from './logins.ts';
import { createContentReader } from './queue/content-reader.ts';
import { createDiskReserve, type DiskReserve } from './queue/disk-reserve.ts';
import { createQueue, type Queue } from './queue/queue.ts';
import { createQueueShares } from './queue/queue-share.ts';
import { sweepOrphans } from './queue/retention.ts';
import { createRunner, type Runner } from './queue/runner.ts';
import { createSpool } from './queue/spool.ts';
import { createRelay } from './relay/relay.ts';
import { createUpstreams } from './relay/upstreams.ts';
import { createIntake, type Intake } from './submission/intake.ts';
import { createMessagePlaces } from './submission/message-place.ts';

export type MailPath = Readonly<{
  intake: Intake;
  /** What accounts with limits have sent. */
  usage: Usage;
  /** For mail that Postern itself writes. */
  enqueue: Queue['enqueue'];
  runner: Runner;
  disk: DiskReserve;
  upstreams: number;
  fullAt: () => number | null;
}>;

/** Also recovers what the last process left: in flight, or half written. */
export async function createMailPath(
  { deps, store, identity, clockTrust, failure }: Ground,
  { standing }: Pick<Logins, 'standing'>,
): Promise<MailPath> {
  const { config, clock, random } = deps;
  const { log } = deps.logging;
  const { database, folder, sealer } = store;
  const chance = pooled(random);
  const newId = () => makeId(clock.now(), chance);
  const spool = createSpool(folder.spool);
  const queue = createQueue({ database, newId });
  const recipients = await queue.recover(clock.now());
  const orphans = await sweepOrphans(queue, spool);
  if (recipients + orphans > 0) log('queue.recovered', { recipients, orphans });
  const upstreams = await createUpstreams({ database, clock, newId, sealer });
  const runner = createRunner({
    queue,
    relay: createRelay({ upstreams, hostname: identity.hostname, clock, random, log }),
    content: createContentReader({ queue, spool }),
    policy: {
      retryMin: config.queue.retry_min,
      retryMax: config.queue.retry_max,
      expiry: config.queue.expiry,
    },
    clock,
    clockTrust,
    random: () => fraction(chance),
    log,
    clientsWait: () => intake.busy(),
  });
  database.onForeignChange(runner.kick); // `queue retry` from the command line
  const disk = createDiskReserve({ folder: folder.path, reserve: config.limits.disk_reserve, clock, log });
  const usage = await createUsage({ database, clock, clockTrusted: clockTrust.trusted });
  let fullAt: number | null = null;
  const enqueue: Queue['enqueue'] = async (...group) => {
    const enqueued = await queue.enqueue(...group);
    if (enqueued.kind === 'queued') runner.kick();
    if (enqueued.kind === 'queued') fullAt = null;
    else if (enqueued.kind === 'full') fullAt = clock.monotonic();
    return enqueued;
  };
  const intake = createIntake({
    ...identity,
    limits: { messageSize: config.limits.message_size, recipients: config.limits.recipients },
    maxReceived: config.queue.max_received,
    showClientAddress: config.received.client_address === 'show',
    spool,
    enqueue,
    takePlace: createMessagePlaces({
      hasRoom: disk.hasRoom,
      shares: createQueueShares({ database, disk }),
      usage,
    }),
    maySend: (principal, address) => standing(principal, address) !== null,
    clockTrusted: clockTrust.trusted,
    clock,
    newId,
    log,
    onFatal: failure.exit,
  });
  return { intake, usage, enqueue, runner, disk, upstreams: upstreams.list().length, fullAt: () => fullAt };
}
