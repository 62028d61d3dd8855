// What Postern tells the operator of its own accord: one row for each kind. A part raises an alert and goes on; what is
// said twice is said once, and how it reaches a person, is alerts.ts's business. Never a secret, and never the name of an
// account that does not exist.

import type { DurationMs } from '../clock.ts';

const HOUR: DurationMs = 3_600_000;

export type Severity = 'info' | 'warning' | 'critical';

type AlertSpec = Readonly<{
  means: string;
  severity: Severity;
  /** Who brings it about: whoever can reach the listeners may try to drown the alerts that the server has of itself. */
  cause: 'clients' | 'server';
  /** All that a third party may read: no names, no addresses. */
  minimal: string;
  /** The same kind about the same subject is said again after this time at the earliest; until then it is counted. */
  repeatAfter: DurationMs;
}>;

export const alertKinds = {
  'repeated-failures': {
    means: 'Logins of one account fail again and again: usually a device with an old password.',
    severity: 'warning',
    cause: 'clients',
    minimal: 'Logins of an account fail again and again.',
    repeatAfter: 24 * HOUR,
  },
  'new-address': {
    means: 'An account logged in from an address that it never used before.',
    severity: 'info',
    cause: 'clients',
    minimal: 'An account logged in from a new address.',
    repeatAfter: 24 * HOUR,
  },
  'unknown-accounts': {
    means: 'One address tries names that are no accounts: a typing error on a device, or somebody guessing.',
    severity: 'warning',
    cause: 'clients',
    minimal: 'Somebody tries account names that do not exist.',
    repeatAfter: 24 * HOUR,
  },
  banned: {
    means: 'An address was banned after many failed logins; `postern ban list` shows and lifts it.',
    severity: 'warning',
    cause: 'clients',
    minimal: 'An address was banned after many failed logins.',
    repeatAfter: HOUR,
  },
  'password-exposed': {
    means:
      'A password was sent without encryption. If it was the right one, whoever listens there has it: switch TLS on in the device, and give the account a new password.',
    severity: 'critical',
    cause: 'clients',
    minimal: 'A password was sent without encryption: if it was the right one, change it.',
    repeatAfter: 24 * HOUR,
  },
  'credential-old': {
    means: 'A password is older than `limits.credential_age`.',
    severity: 'info',
    cause: 'server',
    minimal: 'A password is old: change it.',
    repeatAfter: 7 * 24 * HOUR,
  },
  'disk-low': {
    means: 'The disk is below its reserve: new mail is refused.',
    severity: 'critical',
    cause: 'server',
    minimal: 'The disk is nearly full: new mail is refused.',
    repeatAfter: 6 * HOUR,
  },
  'storage-failing': {
    means:
      'The data folder cannot be written: new mail is refused for now. The text says why and what to do.',
    severity: 'critical',
    cause: 'server',
    minimal: 'The data folder cannot be written: new mail is refused.',
    repeatAfter: 6 * HOUR,
  },
  'certificate-ending': {
    means: 'The certificate ends soon, or has ended.',
    severity: 'warning',
    cause: 'server',
    minimal: 'The certificate ends soon.',
    // Its subject names the stage before the end (watch-certificates.ts): each is said once.
    repeatAfter: 20 * 24 * HOUR,
  },
  'queue-old': {
    means: 'Mail has waited longer than `queue.alert_after`.',
    severity: 'warning',
    cause: 'server',
    minimal: 'Mail waits for a long time.',
    repeatAfter: 6 * HOUR,
  },
  'upstream-fault': {
    // Its subject names the kind of fault too: another one of the same upstream is said at once, and each of them once.
    means: 'An upstream cannot be used: its mail waits and does not age. The text says why and what to do.',
    severity: 'critical',
    cause: 'server',
    minimal: 'Mail cannot be relayed: an upstream cannot be used.',
    repeatAfter: 24 * HOUR,
  },
  'authorization-ending': {
    // Its subject names the stage before the end (watch-authorizations.ts): each is said once.
    means:
      'The consent or the client secret with which Postern sends by an upstream ends soon: 14, 3 and 1 days ahead, where the end is known.',
    severity: 'warning',
    cause: 'server',
    minimal: 'The authorization to send by an upstream ends soon.',
    repeatAfter: 30 * 24 * HOUR,
  },
  'sender-refused': {
    means: 'An upstream does not let Postern send as a sender; the mail waits. The text says how to mend it.',
    severity: 'warning',
    cause: 'server',
    minimal: 'A sender is not allowed at an upstream.',
    repeatAfter: 24 * HOUR,
  },
  'mail-held': {
    means: 'Mail is held and waits for you: an outage lasted too long, or its content is damaged.',
    severity: 'critical',
    cause: 'server',
    minimal: 'Mail is held.',
    repeatAfter: 24 * HOUR,
  },
  'mail-failed': {
    means:
      'Mail could not be delivered and nobody was told: its sender has no address that a report could go to, or the report could not be delivered either.',
    severity: 'warning',
    cause: 'server',
    minimal: 'Mail could not be delivered.',
    repeatAfter: HOUR,
  },
  'signed-not-rewritten': {
    means:
      'A signed message kept its header From, which the upstream may refuse: a change would break the signature.',
    severity: 'info',
    cause: 'server',
    minimal: 'The sender of a signed message was not rewritten.',
    repeatAfter: 24 * HOUR,
  },
  'clock-untrusted': {
    means: 'The clock of this machine is wrong: nothing expires and no Date is added until it is right.',
    severity: 'warning',
    cause: 'server',
    minimal: 'The clock is wrong.',
    repeatAfter: 24 * HOUR,
  },
  'network-refused': {
    means: 'A client from outside `limits.networks` was sent away.',
    severity: 'warning',
    cause: 'clients',
    minimal: 'A client from a network that is not served was sent away.',
    repeatAfter: 24 * HOUR,
  },
  'more-alerts': {
    means: 'More alerts were raised than are sent in an hour; `postern alert list` shows them.',
    severity: 'warning',
    cause: 'server',
    minimal: 'There were more alerts than are sent in an hour.',
    repeatAfter: 0,
  },
  test: {
    means: '`postern alert test` was called.',
    severity: 'info',
    cause: 'server',
    minimal: 'This is a test.',
    repeatAfter: 0,
  },
} as const satisfies Readonly<Record<string, AlertSpec>>;

export type AlertKind = keyof typeof alertKinds;

export type Alert = Readonly<{
  kind: AlertKind;
  /** What it is about; with `kind` it tells whether this is said already. An account's name, an address, a file, or ''. */
  subject: string;
  /** One or two sentences for the operator: what happened, why, what to do. */
  text: string;
  account?: string;
  address?: string;
}>;

/** Never throws, never waits. */
export type RaiseAlert = (alert: Alert) => void;
