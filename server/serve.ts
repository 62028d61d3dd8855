// The server: builds its parts, joins them, starts them in the one safe order, and stops them in the other.
// A refused start is one line and exit 1; a failed sync or a bug is one event and exit 1, and a restart recovers.
// It holds no logic of its own: what happens to a message is in the parts (server/README.md draws it).

import { createHttp } from '../admin/api/http.ts';
import { BUILD_DATE, VERSION } from './build.ts';
import type { Clock, DurationMs } from './clock.ts';
import type { Config } from './config/schema.ts';
import { createFailure, type Failure } from './failure.ts';
import { type Identity, readIdentity } from './identity.ts';
import { fraction, makeId, pooled, type RandomBytes } from './ids.ts';
import type { Logging } from './log.ts';
import { createLogins, type Logins } from './logins.ts';
import { type ClockTrust, createClockTrust } from './queue/clock-trust.ts';
import { createContentReader } from './queue/content-reader.ts';
import { createDiskReserve, type DiskReserve } from './queue/disk-reserve.ts';
import { createQueue } from './queue/queue.ts';
import { deleteRetired, sweepOrphans } from './queue/retention.ts';
import { createRunner, type Runner } from './queue/runner.ts';
import { createSpool } from './queue/spool.ts';
import { refusedStart } from './refused-start.ts';
import { createRelay } from './relay/relay.ts';
import { createUpstreams } from './relay/upstreams.ts';
import { passwordMechanisms } from './sasl/mechanisms.ts';
import { openStore, type Store } from './storage/open-store.ts';
import { createAdmission } from './submission/admission.ts';
import { createAuthenticator } from './submission/authenticator.ts';
import { createIntake, type Intake } from './submission/intake.ts';
import { type BindFailure, createSubmission, type Listener, type Submission } from './submission/server.ts';
import { type Certificates, createCertificates } from './tls/certificates.ts';
import { localAddresses } from './tls/local-addresses.ts';
import { listenerTls } from './tls/secure-context.ts';
import { welcome } from './welcome.ts';

export type ServeDeps = Readonly<{
  config: Config;
  /** Said with the welcome, one line each. */
  cautions: readonly string[];
  clock: Clock;
  random: RandomBytes;
  logging: Logging;
  /** For people: the welcome, on stderr. */
  say: (text: string) => void;
  /** How to call the command line here, for the welcome. */
  command: string;
}>;

/** What every part is built from. */
type Ground = Readonly<{
  deps: ServeDeps;
  store: Store;
  identity: Identity;
  clockTrust: ClockTrust;
  failure: Failure;
}>;

/** The way of a message from 354 to the upstream. */
type MailPath = Readonly<{ intake: Intake; runner: Runner; disk: DiskReserve; upstreams: number }>;

/** Time for messages under way when Postern is asked to stop; Docker kills after ten seconds. */
const GRACE: DurationMs = 8_000;
const HEARTBEAT: DurationMs = 60_000;
const HOUSEKEEPING: DurationMs = 3_600_000;

/** Runs until a signal ends it. Resolves with the exit status; throws a refused start. */
export async function serve(deps: ServeDeps): Promise<number> {
  const { logging } = deps;
  const ground = await layGround(deps);
  try {
    const stop = await start(ground);
    logging.log('server.stopping', { signal: await ground.failure.firstSignal() });
    await stop();
  } finally {
    await ground.store.close();
  }
  logging.log('server.stopped');
  logging.flush();
  return 0;
}

/** Starts everything over the ground; returns how to stop it. Whatever was opened before a refused start is closed. */
async function start(ground: Ground): Promise<() => Promise<void>> {
  const { deps, store, failure } = ground;
  const certificates = await openCertificates(ground);
  const logins = await createLogins({ ...deps, store, log: deps.logging.log });
  const mail = await createMailPath(ground);
  const submission = createGate(ground, certificates, logins, mail.intake);
  failure.beforeExit(() => submission.stop(0));
  try {
    const bound = await listen(submission);
    const http = await createHttp(httpOptions(ground, certificates, mail.disk));
    const timers = startClockwork(ground, mail.runner);
    announce(ground, certificates, logins, mail, bound);
    return async () => {
      for (const timer of timers) clearInterval(timer);
      certificates.close();
      await Promise.all([submission.stop(GRACE), mail.runner.stop(GRACE), http.close()]);
    };
  } catch (error) {
    certificates.close();
    await Promise.all([submission.stop(0), mail.runner.stop(0)]);
    throw error;
  }
}

async function layGround(deps: ServeDeps): Promise<Ground> {
  const { config, clock, random, logging } = deps;
  const failure = createFailure(logging, clock);
  const store = await openStore({
    path: config.storage.path,
    as: 'serve',
    allowUnsafeFilesystem: config.storage.allow_unsafe_filesystem,
    random,
    onFatal: failure.exit,
  });
  const { migrated, observations } = store;
  if (migrated !== null && migrated.from > 0 && migrated.from < migrated.to) {
    logging.log('storage.migrated', { from: migrated.from, to: migrated.to, copy: migrated.copy });
  }
  const clockTrust = createClockTrust({
    clock,
    buildDate: BUILD_DATE,
    lastHeartbeat: observations.lastHeartbeat(),
    recordHeartbeat: observations.heartbeat,
    log: logging.log,
  });
  const identity = await readIdentity(store.database, config.hostname, () => makeId(clock.now(), random));
  return { deps, store, identity, clockTrust, failure };
}

function openCertificates({ deps, store, identity, clockTrust }: Ground): Promise<Certificates> {
  const { certificate, key, names } = deps.config.tls;
  return createCertificates({
    folder: store.folder.tls,
    hostname: identity.hostname,
    names,
    addresses: localAddresses,
    clock: deps.clock,
    clockTrusted: clockTrust.trusted,
    log: deps.logging.log,
    ...(certificate !== undefined && key !== undefined ? { own: { certificate, key } } : {}),
  });
}

async function createMailPath({ deps, store, identity, clockTrust, failure }: Ground): Promise<MailPath> {
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
    relay: createRelay({ upstreams, hostname: identity.hostname, clock, log }),
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
  const intake = createIntake({
    ...identity,
    messageSize: config.limits.message_size,
    maxReceived: config.queue.max_received,
    showClientAddress: config.received.client_address === 'show',
    spool,
    enqueue: async (message, queuedAt) => {
      const enqueued = await queue.enqueue(message, queuedAt);
      if (enqueued.kind === 'queued') runner.kick();
      return enqueued;
    },
    hasRoom: disk.hasRoom,
    clockTrusted: clockTrust.trusted,
    clock,
    newId,
    log,
    onFatal: failure.exit,
  });
  return { intake, runner, disk, upstreams: upstreams.list().length };
}

function createGate(ground: Ground, certificates: Certificates, logins: Logins, intake: Intake): Submission {
  const { config, clock, logging } = ground.deps;
  const { limits } = config;
  const { hostname } = ground.identity;
  const submission = createSubmission({
    listeners: config.listeners,
    material: listenerTls(certificates.current()),
    connections: limits.connections,
    settings: {
      hostname,
      limits: { messageSize: limits.message_size, recipients: limits.recipients },
      mechanisms: passwordMechanisms,
      failedLogins: limits.failed_logins,
      isInForce: logins.isInForce,
    },
    context: {
      deadlines: {
        idle: limits.idle_timeout,
        login: limits.login_timeout,
        command: limits.command_timeout,
        dataRate: limits.data_rate,
      },
      admission: createAdmission({
        hostname,
        connections: limits.connections,
        connectionsPerAddress: limits.connections_per_address,
      }),
      intake,
      authenticatorFor: createAuthenticator({ ...logins, log: logging.log }),
      clock,
      log: logging.log,
      logsCommands: config.log.level === 'debug',
    },
  });
  certificates.onChange(material => submission.useCertificates(listenerTls(material)));
  return submission;
}

async function listen(submission: Submission): Promise<readonly Listener[]> {
  const listening = await submission.listen();
  if (listening.kind === 'failed') throw refusedStart(bindText(listening.failure));
  return listening.bound;
}

function httpOptions({ deps, store }: Ground, certificates: Certificates, disk: DiskReserve) {
  return {
    admin: deps.config.admin.listen,
    public: deps.config.public.listen,
    caCertificate: certificates.caCertificate,
    /** Can mail be accepted durably? Asks for room and for an answer of the database; no sync. */
    ready: async (): Promise<Readonly<{ ok: boolean; text: string }>> => {
      if (!(await disk.hasRoom(0)))
        return { ok: false, text: 'The disk is below its reserve: new mail is refused.' };
      await store.database.read('SELECT 1 AS one');
      return { ok: true, text: 'Ready to take mail.' };
    },
  };
}

function startClockwork({ deps, store, clockTrust }: Ground, runner: Runner): readonly NodeJS.Timeout[] {
  const retention = deps.config.queue.retention;
  runner.start();
  clockTrust.beat();
  return [
    setInterval(clockTrust.beat, HEARTBEAT),
    setInterval(() => void deleteRetired(store.database, deps.clock.now(), retention), HOUSEKEEPING),
  ];
}

function announce(
  { deps, store, identity }: Ground,
  certificates: Certificates,
  logins: Logins,
  mail: MailPath,
  bound: readonly Listener[],
): void {
  const listeners = bound.map(({ address, port, tls }) => `[${address}]:${port} ${tls}`);
  deps.logging.log('server.started', { version: VERSION, listeners });
  deps.say(
    welcome({
      version: VERSION,
      hostname: identity.hostname,
      listeners: bound,
      addresses: localAddresses(),
      caPath: certificates.describe().ca?.path ?? null,
      dataFolder: store.folder.path,
      accounts: logins.accounts,
      upstreams: mail.upstreams,
      command: deps.command,
      warnings: [...identity.warnings, ...deps.cautions, ...store.warnings],
    }),
  );
}

function bindText({ listener, code, text }: BindFailure): string {
  const where = `Cannot listen on port ${listener.port} (address ${listener.address})`;
  switch (code) {
    case 'EACCES':
      return `${where}: only root may use ports below 1024 here. Allow it with "sysctl net.ipv4.ip_unprivileged_port_start=465", run Postern as the systemd service, or choose other ports under "listeners" in the configuration.`;
    case 'EADDRINUSE':
      return `${where}: another program already uses it. Find it with "ss -ltnp sport = :${listener.port}" and stop it, or choose another port under "listeners" in the configuration.`;
    case 'EADDRNOTAVAIL':
      return `${where}: this machine does not have that address. Correct "address" under "listeners" in the configuration, or leave it out to listen everywhere.`;
    default:
      return `${where}: ${text}. Correct "listeners" in the configuration.`;
  }
}
