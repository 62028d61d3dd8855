// How the server tells its operator: audit, alerts, their channels and what watches, put together. `raise` and `record` are
// there before anything listens; the channels and the watch start when the mail path stands, because mail is one of them.

import { type Audit, auditStatement, createAudit } from './audit/audit.ts';
import type { RecordAudit } from './audit/audit-entry.ts';
import { sweepAudit } from './audit/audit-retention.ts';
import type { DurationMs } from './clock.ts';
import type { Ground } from './ground.ts';
import { makeId } from './ids.ts';
import type { RaiseAlert } from './notification/alert.ts';
import { type Alerts, createAlerts } from './notification/alerts.ts';
import { createChannelStore } from './notification/channel-store.ts';
import type { EmailDeps } from './notification/channels/email.ts';
import { openChannel } from './notification/channels/open-channel.ts';
import { createOutbox, type Outbox } from './notification/outbox.ts';
import { countWaitingAlerts } from './notification/waiting-mail.ts';
import { createWatch, type Watch, type Watched } from './notification/watch.ts';

export type Alerting = Readonly<{
  raise: RaiseAlert;
  record: RecordAudit;
  /** Starts to look and to send. Call it once. */
  watch: (parts: Watched & Readonly<{ enqueue: EmailDeps['enqueue'] }>) => void;
  /** Stops all of it and writes what waits, before the store closes. */
  close: () => Promise<void>;
}>;

const HOUSEKEEPING: DurationMs = 3_600_000;

/** Rejects where the database cannot be read. */
export async function createAlerting(ground: Ground): Promise<Alerting> {
  const { deps, store, clockTrust } = ground;
  const { clock, random } = deps;
  const { log } = deps.logging;
  const { database } = store;
  const newId = () => makeId(clock.now(), random);
  const audit = createAudit({ database, clock, newId, log });
  let enqueue: EmailDeps['enqueue'] = async () => ({ kind: 'busy', text: 'the queue is not open yet' });
  const outbox = await openOutbox(ground, (message, queuedAt) => enqueue(message, queuedAt));
  const clockTrusted = clockTrust.trusted;
  const alerts = await createAlerts({ database, clock, clockTrusted, log, send: outbox.send });
  let watch: Watch | null = null;
  let housekeeping: NodeJS.Timeout | undefined;

  return {
    raise: alerts.raise,
    record: audit.record,
    watch: parts => {
      enqueue = parts.enqueue;
      outbox.start();
      watch = openWatch(ground, alerts, parts);
      watch.start();
      housekeeping = setInterval(() => void sweep(ground, alerts), HOUSEKEEPING).unref();
    },
    close: async () => {
      watch?.stop();
      clearInterval(housekeeping);
      await closeAll(audit, alerts, outbox);
    },
  };
}

async function openOutbox(
  { deps, store, identity, clockTrust }: Ground,
  enqueue: EmailDeps['enqueue'],
): Promise<Outbox> {
  const { clock, random } = deps;
  const { database, sealer } = store;
  const newId = () => makeId(clock.now(), random);
  const audit = (fact: Parameters<RecordAudit>[0]) => auditStatement(fact, 'postern', clock.now(), newId());
  const channels = await createChannelStore({ database, clock, newId, random, sealer, audit });
  const waiting = () => countWaitingAlerts(database);
  return createOutbox({
    channels,
    open: (channel, settings) =>
      openChannel(channel, settings, {
        host: identity.hostname,
        clock,
        clockTrusted: clockTrust.trusted,
        believedTime: clockTrust.believed.now,
        newId,
        enqueue,
        waiting,
      }),
    clock,
    log: deps.logging.log,
  });
}

function openWatch({ deps, store, clockTrust }: Ground, { raise }: Alerts, watched: Watched): Watch {
  const { limits, queue } = deps.config;
  return createWatch({
    ...watched,
    raise,
    database: store.database,
    clock: deps.clock,
    clockTrusted: clockTrust.trusted,
    dataFolder: store.folder.path,
    mailAge: queue.alert_after,
    credentialAge: limits.credential_age,
  });
}

/** By a wrong clock everything would be old. */
async function sweep({ deps, store, clockTrust }: Ground, alerts: Alerts): Promise<void> {
  const retention = deps.config.log.audit_retention;
  const isTrusted = clockTrust.trusted();
  await sweepAudit(store.database, isTrusted ? deps.clock.now() : null, { retention });
  if (isTrusted) await alerts.sweep();
}

async function closeAll(audit: Audit, alerts: Alerts, outbox: Outbox): Promise<void> {
  await outbox.close();
  await Promise.all([alerts.close(), audit.close()]);
}
