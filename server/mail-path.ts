// The way of a message from 354 to the upstream, put together: intake, queue, spool, relay and the runner between them.

import { createUsage, type Usage } from './accounts/usage.ts';
import { type Authorizations, createAuthorizations } from './authorizations.ts';
import type { Ground } from './ground.ts';
import { fraction, makeId, pooled } from './ids.ts';
import type { Logins } from './logins.ts';
import type { RaiseAlert } from './notification/alert.ts';
import type { Reporter } from './notification/reporter.ts';
import { storageAlert } from './notification/storage-alert.ts';
import { createDiskReserve, type DiskReserve } from './queue/disk-reserve.ts';
import type { Queue } from './queue/queue.ts';
import { createQueueShares } from './queue/queue-share.ts';
import { createSpool } from './queue/spool.ts';
import { createQueuePath, type QueuePath } from './queue-path.ts';
import { createCredentials } from './relay/credentials.ts';
import { createConsents } from './relay/oauth/consents.ts';
import { createRecipientRules } from './relay/recipient-rules.ts';
import { createRelay } from './relay/relay.ts';
import { createRoutes } from './relay/routes.ts';
import { createUpstreams } from './relay/upstreams.ts';
import { createReporting } from './reporting.ts';
import { staysForBackup } from './storage/backup-mark.ts';
import { keepBallast } from './storage/ballast.ts';
import { createIntake, type Intake } from './submission/intake.ts';
import { createMessagePlaces } from './submission/message-place.ts';
import { type Limits, limitsWith } from './submission/policy.ts';

export type MailPath = Readonly<{
  intake: Intake;
  /** What is taken of everybody now. */
  limits: () => Limits;
  /** What accounts with limits have sent. */
  usage: Usage;
  /** For mail that Postern itself writes. */
  enqueue: Queue['enqueue'];
  runner: QueuePath['runner'];
  reporter: Reporter;
  deleteFinished: QueuePath['deleteFinished'];
  disk: DiskReserve;
  authorizations: Pick<Authorizations, 'ending' | 'start' | 'stop'>;
  upstreams: number;
  fullAt: () => number | null;
}>;

/** Also recovers what the last process left: in flight, or half written. */
export async function createMailPath(
  ground: Ground,
  {
    standing,
    listAccounts,
    raise,
  }: Pick<Logins, 'standing' | 'listAccounts'> & Readonly<{ raise: RaiseAlert }>,
): Promise<MailPath> {
  const { deps, store, identity, clockTrust, failure } = ground;
  const { config, clock, random } = deps;
  const { log } = deps.logging;
  const { database, folder, sealer, ballast } = store;
  const chance = pooled(random);
  const newId = () => makeId(clock.now(), chance);
  const spool = createSpool(folder.spool, { mustStay: id => staysForBackup(folder, id) });
  const consents = createConsents({ database, clock, newId, sealer, as: 'serve' });
  await consents.releaseFormer();
  const upstreams = await createUpstreams({ database, clock, newId, sealer, held: consents.held });
  const authorizations = createAuthorizations(ground, { upstreams, consents, raise });
  const routes = await createRoutes(database);
  const recipientRules = await createRecipientRules({ database, hostname: identity.hostname });
  const relay = createRelay({
    upstreams,
    credentialsOf: createCredentials({ upstreams, tokens: authorizations.tokens }),
    routes,
    recipients: recipientRules,
    hostname: identity.hostname,
    clock,
    random,
    log,
    raise,
    paces: store.observations.paces,
  });
  const { queue, content, runner, deleteFinished } = await createQueuePath(ground, {
    relay,
    upstreams,
    spool,
    listAccounts,
    raise,
    newId,
    chance: () => fraction(chance),
    clientsWait: () => intake.busy(),
    onReportDue: () => reporter.kick(),
  });
  const wanted = config.storage.ballast;
  const disk = createDiskReserve({
    folder: folder.path,
    reserve: config.limits.disk_reserve,
    ballast: { ...ballast, wanted },
    clock,
    log,
  });
  ballast.onFreed(() => log('disk.full'));
  keepBallast({ ballast, size: wanted, room: disk.room, onFilled: () => log('disk.relieved') });
  const usage = await createUsage({ database, clock, clockTrusted: clockTrust.trusted });
  let fullAt: number | null = null;
  const enqueue: Queue['enqueue'] = async (...group) => {
    const enqueued = await queue.enqueue(...group);
    if (enqueued.kind === 'queued') runner.kick();
    if (enqueued.kind === 'queued') fullAt = null;
    else if (enqueued.kind === 'full') fullAt = clock.monotonic();
    return enqueued;
  };
  const reporting = { queue, content, spool, relay, upstreams, enqueue, raise, newId };
  const reporter = await createReporting(ground, reporting);
  database.onForeignChange(reporter.kick); // `queue bounce` from the command line
  const { message_size: messageSize, recipients: recipientsPerMessage } = config.limits;
  const limits = () => limitsWith({ messageSize, recipients: recipientsPerMessage }, relay.largestMessage());
  const intake = createIntake({
    ...identity,
    limits,
    maxReceived: config.queue.max_received,
    showClientAddress: config.received.client_address === 'show',
    spool,
    enqueue,
    takePlace: createMessagePlaces({
      hasRoom: disk.hasRoom,
      shares: createQueueShares({ database, disk, clock }),
      usage,
    }),
    maySend: (principal, address) => standing(principal, address) !== null,
    clockTrusted: clockTrust.trusted,
    clock,
    newId,
    log,
    onStorageFailing: text => raise(storageAlert({ folder: folder.path, text })),
    onFatal: failure.exit,
  });
  return {
    intake,
    limits,
    usage,
    enqueue,
    runner,
    reporter,
    deleteFinished,
    disk,
    authorizations,
    upstreams: upstreams.list().length,
    fullAt: () => fullAt,
  };
}
