// The server: builds its parts, starts them in the one safe order, and stops them in the other.
// A refused start is one line and exit 1; a failed sync or a bug is one event and exit 1, and a restart recovers.
// It holds no logic of its own: what happens to a message is in the parts (server/README.md draws it).

import { createHttp } from '../admin/api/http.ts';
import { createAlerting } from './alerting.ts';
import { VERSION } from './build.ts';
import type { DurationMs } from './clock.ts';
import { createGate } from './gate.ts';
import { type Ground, layGround, openCertificates, type ServeDeps } from './ground.ts';
import { createLogins, type Logins } from './logins.ts';
import { createMailPath, type MailPath } from './mail-path.ts';
import { sweepingInterval } from './queue/retention.ts';
import { refusedStart } from './refused-start.ts';
import type { BindFailure, Listener } from './submission/bind.ts';
import type { Submission } from './submission/server.ts';
import type { Certificates } from './tls/certificates.ts';
import { localAddresses } from './tls/local-addresses.ts';
import { uncoveredName } from './tls/subject-names.ts';
import { welcome } from './welcome.ts';

/** Time for messages under way when Postern is asked to stop; Docker kills after ten seconds. */
const GRACE: DurationMs = 8_000;
/** Then for access tokens that are being refreshed: one that was replaced must come to the disk. */
const REFRESH_GRACE: DurationMs = 1_000;
/** How long a full disk counts as full when no message has come since. */
const FULL_FOR: DurationMs = 60_000;
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
  const alerting = await createAlerting(ground);
  const certificates = await openCertificates(ground);
  // A wrong clock must not revive an account or a password that has ended, nor end them all.
  const clock = ground.clockTrust.believed;
  const logins = await createLogins({ ...deps, ...alerting, clock, store, log: deps.logging.log });
  const mail = await createMailPath(ground, { ...logins, raise: alerting.raise });
  const submission = createGate(ground, certificates, logins, mail);
  failure.beforeExit(() => submission.stop(0));
  try {
    const bound = await listen(submission);
    const http = await createHttp(httpOptions(ground, certificates, mail));
    const timers = startClockwork(ground, mail, logins);
    const { enqueue, disk, authorizations } = mail;
    const accounts = logins.listAccounts;
    alerting.watch({ enqueue, disk, certificates, accounts, authorizations: authorizations.ending });
    announce(ground, certificates, logins, mail, bound);
    return async () => {
      for (const timer of timers) clearInterval(timer);
      certificates.close();
      await Promise.all([submission.stop(GRACE), mail.runner.stop(GRACE), http.close()]);
      // After the runner: a delivery that was cut off may have had a refresh under way.
      await Promise.all([mail.reporter.stop(), mail.authorizations.stop(REFRESH_GRACE)]);
      await logins.guard.close();
      await alerting.close();
    };
  } catch (error) {
    certificates.close();
    await Promise.all([submission.stop(0), mail.runner.stop(0), mail.reporter.stop()]);
    await alerting.close();
    throw error;
  }
}

async function listen(submission: Submission): Promise<readonly Listener[]> {
  const listening = await submission.listen();
  if (listening.kind === 'failed') throw refusedStart(bindText(listening.failure));
  return listening.bound;
}

function httpOptions({ deps, store }: Ground, certificates: Certificates, { disk, fullAt }: MailPath) {
  return {
    admin: deps.config.admin.listen,
    public: deps.config.public.listen,
    caCertificate: certificates.caCertificate,
    /** Can mail be accepted durably? Asks for room and for an answer of the database; no sync. */
    ready: async (): Promise<Readonly<{ ok: boolean; text: string }>> => {
      if (!(await disk.hasRoom(0)))
        return { ok: false, text: 'The disk is below its reserve: new mail is refused.' };
      const full = fullAt();
      if (full !== null && deps.clock.monotonic() - full < FULL_FOR) {
        return { ok: false, text: 'The disk is full: the last message could not be stored.' };
      }
      await store.database.read('SELECT 1 AS one');
      return { ok: true, text: 'Ready to take mail.' };
    },
  };
}

function startClockwork(
  { deps, clockTrust }: Ground,
  { runner, reporter, authorizations, usage, deleteFinished }: MailPath,
  logins: Logins,
): readonly NodeJS.Timeout[] {
  runner.start();
  reporter.start();
  authorizations.start();
  clockTrust.beat();
  const sweeping = sweepingInterval(deps.config.queue.retention);
  return [
    setInterval(clockTrust.beat, HEARTBEAT),
    // Nor must it delete what is not old.
    setInterval(() => clockTrust.trusted() && void deleteFinished().catch(() => undefined), sweeping),
    setInterval(() => void usage.sweep(), HOUSEKEEPING),
    // By a wrong clock every changeover would be over.
    setInterval(() => clockTrust.trusted() && void logins.forgetEndedPasswords(), HOUSEKEEPING),
  ];
}

function announce(
  { deps, store, identity }: Ground,
  certificates: Certificates,
  logins: Logins,
  mail: MailPath,
  bound: readonly Listener[],
): void {
  const certificate = certificates.describe();
  const uncovered = certificate.kind === 'own' ? uncoveredName(certificate.names, identity.hostname) : null;
  const listeners = bound.map(({ address, port, tls }) => `[${address}]:${port} ${tls}`);
  deps.logging.log('server.started', { version: VERSION, listeners });
  deps.say(
    welcome({
      version: VERSION,
      hostname: identity.hostname,
      listeners: bound,
      addresses: localAddresses(),
      caPath: certificate.ca?.path ?? null,
      dataFolder: store.folder.path,
      accounts: logins.accounts,
      upstreams: mail.upstreams,
      command: deps.command,
      warnings: [
        ...identity.warnings,
        ...(uncovered === null ? [] : [uncovered]),
        ...deps.cautions,
        ...store.warnings,
      ],
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
