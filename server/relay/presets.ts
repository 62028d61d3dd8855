// What known providers take, by the name of their host: the values that a new upstream gets where the operator gives none.
// Only limits that the provider states or that are seen reliably, and of several (by plan, by age of the account) the most
// generous: whoever has less is told so by the provider's replies, and the pace follows them (throttling.ts). Pure.

import type { PacingLimits, SenderIdentity } from './upstream.ts';

export type Preset = Readonly<{
  /** As people call it. */
  provider: string;
  connections: number | null;
  pacing: Partial<PacingLimits>;
  /** Octets. */
  messageSize: number | null;
  displayName: SenderIdentity['displayName'];
  /** What to know before the first message; null: nothing. */
  note: string | null;
}>;

type Row = Readonly<{ hosts: RegExp } & Partial<Omit<Preset, 'provider'>> & Pick<Preset, 'provider'>>;

const APP_PASSWORD = 'It takes an app password, not the password of the account.';

const ROWS: readonly Row[] = [
  {
    provider: 'Microsoft 365',
    hosts: /^smtp(-legacy)?\.office365\.com$/,
    // More get 432 4.3.2, and more than 30 a minute are delayed.
    connections: 3,
    pacing: { messagesPerMinute: 30 },
    displayName: 'without-at',
    note: 'It lets a mailbox send only as itself, or as whom it was given "Send As" for; sent messages fill its Sent Items.',
  },
  {
    provider: 'Outlook.com',
    hosts: /^smtp-mail\.outlook\.com$/,
    connections: 3,
    displayName: 'without-at',
    note: 'It refuses passwords and app passwords; only OAuth2 is accepted there.',
  },
  {
    provider: 'Google Workspace relay',
    hosts: /^smtp-relay\.gmail\.com$/,
    pacing: { messagesPerDay: 10_000 },
  },
  {
    provider: 'Gmail',
    hosts: /^smtp\.(gmail|googlemail)\.com$/,
    // Of Workspace; consumers have 500 and hear of it in a 550 5.4.5.
    pacing: { messagesPerDay: 2_000 },
    note: `${APP_PASSWORD} A sender that is no verified alias is replaced by the account's address.`,
  },
  {
    provider: 'Amazon SES',
    hosts: /^email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/,
    messageSize: 40 * 1024 * 1024,
    note: 'Senders must be verified there; in the sandbox recipients too, and only one message a second and 200 a day are taken.',
  },
  {
    provider: 'SparkPost',
    hosts: /^smtp(\.eu)?\.sparkpostmail\.com$/,
    pacing: { messagesPerConnection: 100 },
    note: 'The user name is SMTP_Injection, the password an API key.',
  },
  {
    provider: 'SendGrid',
    hosts: /^smtp(\.eu)?\.sendgrid\.net$/,
    note: 'The user name is apikey, the password an API key.',
  },
  {
    provider: 'Postmark',
    hosts: /^smtp\.postmarkapp\.com$/,
    note: 'It takes messages apart and builds them anew, so signatures are lost; senders must be confirmed there.',
  },
  {
    provider: 'Brevo',
    hosts: /^smtp-relay\.(brevo|sendinblue)\.com$/,
    note: 'The password is an SMTP key, not an API key.',
  },
  {
    provider: 'Resend',
    hosts: /^smtp\.resend\.com$/,
    note: 'The user name is resend, the password an API key.',
  },
  { provider: 'iCloud', hosts: /^smtp\.mail\.me\.com$/, note: APP_PASSWORD },
  { provider: 'Yahoo', hosts: /^smtp\.mail\.yahoo\.com$/, note: APP_PASSWORD },
  { provider: 'AOL', hosts: /^smtp\.aol\.com$/, note: APP_PASSWORD },
  { provider: 'Fastmail', hosts: /^smtp\.fastmail\.com$/, note: APP_PASSWORD },
  {
    provider: 'Proton',
    hosts: /^smtp\.protonmail\.ch$/,
    note: 'The password is an SMTP token, which sends as its one address only.',
  },
  {
    provider: 'GMX',
    hosts: /^mail\.gmx\.(net|com)$/,
    note: 'Access by other programs must be switched on in its settings first; much automatic mail locks the account.',
  },
  {
    provider: 'WEB.DE',
    hosts: /^smtp\.web\.de$/,
    note: 'The user name is what stands before the @; access by other programs must be switched on in its settings first.',
  },
  {
    provider: 'Zoho',
    hosts: /^smtp(pro)?\.zoho(cloud)?\.[a-z.]+$/,
    note: 'What it takes for unusual sending it blocks for hours or days.',
  },
];

/** Null: the host is of no provider that we know. */
export function presetFor(host: string): Preset | null {
  const name = host.toLowerCase().replace(/\.$/, '');
  const row = ROWS.find(({ hosts }) => hosts.test(name));
  if (row === undefined) return null;
  const { provider, connections = null, pacing = {}, messageSize = null, note = null } = row;
  return { provider, connections, pacing, messageSize, displayName: row.displayName ?? 'keep', note };
}
