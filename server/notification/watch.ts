// Looks every minute for what nobody tells us: a disk that fills, a clock that is wrong, mail that waits; and every hour for
// a certificate that ends and passwords that are old. The decisions are pure and stand beside it. What lasts is raised when
// it begins and then once in the time after which its kind is said again.

import type { Clock, DurationMs } from '../clock.ts';
import type { Database } from '../storage/database.ts';
import type { CertificateDescription } from '../tls/certificate-source.ts';
import { type Alert, type AlertKind, alertKinds, type RaiseAlert } from './alert.ts';
import { readOldMail, readUpstreamTrouble } from './waiting-mail.ts';
import { type EndingAuthorization, endingAlerts } from './watch-authorizations.ts';
import { certificateAlert } from './watch-certificate.ts';
import { type AgingAccount, oldPasswordsAlert } from './watch-passwords.ts';
import { oldMailAlert } from './watch-queue.ts';

export type Watch = Readonly<{
  start: () => void;
  /** Looks at everything that is due now. Never rejects. */
  look: () => Promise<void>;
  stop: () => void;
}>;

/** What is watched. */
export type Watched = Readonly<{
  /** Octets above the reserve. */
  disk: Readonly<{ room: () => Promise<number> }>;
  certificates: Readonly<{ describe: () => CertificateDescription }>;
  accounts: () => readonly AgingAccount[];
  /** Those whose ends are known. */
  authorizations: () => Promise<readonly EndingAuthorization[]>;
}>;

type Deps = Watched &
  Readonly<{
    raise: RaiseAlert;
    database: Database;
    clock: Clock;
    clockTrusted: () => boolean;
    dataFolder: string;
    /** `queue.alert_after`. */
    mailAge: DurationMs;
    /** `limits.credential_age`; 0 is never. */
    credentialAge: DurationMs;
  }>;

const EVERY: DurationMs = 60_000;
const SLOWLY: DurationMs = 3_600_000;

export function createWatch(deps: Deps): Watch {
  const { clock, database, raise } = deps;
  const raised = new Map<AlertKind, Readonly<{ subject: string; at: DurationMs }>>();
  const ending = new Set<string>();
  let slowlyAt = Number.NEGATIVE_INFINITY;
  let looking = false;
  let timer: NodeJS.Timeout | undefined;

  /** Null: it is well, or cannot be told. */
  const tell = (kind: AlertKind, alert: Alert | null): void => {
    if (alert === null) {
      raised.delete(kind);
      return;
    }
    const before = raised.get(kind);
    const isNew = before === undefined || before.subject !== alert.subject;
    if (!isNew && clock.monotonic() - before.at < alertKinds[kind].repeatAfter) return;
    raised.set(kind, { subject: alert.subject, at: clock.monotonic() });
    raise(alert);
  };

  const lookAtDisk = async (): Promise<void> =>
    tell('disk-low', (await deps.disk.room()) >= 0 ? null : diskAlert(deps.dataFolder));

  const lookAtClock = (): void =>
    tell('clock-untrusted', deps.clockTrusted() ? null : clockAlert(clock.now()));

  const lookAtMail = async (): Promise<void> => {
    if (!deps.clockTrusted()) return;
    const old = await readOldMail(database, clock.now() - deps.mailAge);
    const trouble = old === null ? null : await readUpstreamTrouble(database);
    tell('queue-old', oldMailAlert(old, { trouble, after: deps.mailAge }));
  };

  /** Often: a certificate that was put in place a moment ago may end soon too. */
  const lookAtCertificate = (): void => {
    if (!deps.clockTrusted()) return;
    tell('certificate-ending', certificateAlert(deps.certificates.describe(), clock.now()));
  };

  const lookSlowly = (): void => {
    if (!deps.clockTrusted() || clock.monotonic() - slowlyAt < SLOWLY) return;
    slowlyAt = clock.monotonic();
    const now = clock.now();
    tell('credential-old', oldPasswordsAlert(deps.accounts(), { age: deps.credentialAge, now }));
  };

  /** Each of its subjects is one stage, and is raised once. */
  const lookAtAuthorizations = async (): Promise<void> => {
    if (!deps.clockTrusted()) return;
    for (const alert of endingAlerts(await deps.authorizations(), clock.now())) {
      if (ending.has(alert.subject)) continue;
      ending.add(alert.subject);
      raise(alert);
    }
  };

  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    lookAtClock();
    lookAtCertificate();
    lookSlowly();
    // A database or disk that cannot be asked is reported where mail needs it.
    await Promise.allSettled([lookAtDisk(), lookAtMail(), lookAtAuthorizations()]);
    looking = false;
  };

  return {
    start: () => {
      timer = setInterval(() => void look(), EVERY).unref();
      void look();
    },
    look,
    stop: () => clearInterval(timer),
  };
}

function diskAlert(folder: string): Alert {
  return {
    kind: 'disk-low',
    subject: folder,
    text: `The disk of ${folder} is below its reserve (limits.disk_reserve): new mail gets 452 until there is room. Free some space.`,
  };
}

function clockAlert(now: number): Alert {
  return {
    kind: 'clock-untrusted',
    subject: '',
    text: `The clock of this machine shows ${shownDay(now)}, which cannot be: nothing expires and no Date is added until it is right. Set it, or let a time server do so.`,
  };
}

function shownDay(now: number): string {
  const date = new Date(now);
  return Number.isNaN(date.getTime()) ? 'no date at all' : date.toISOString().slice(0, 10);
}
