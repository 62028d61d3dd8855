// Providers that host mailboxes in a domain of one's own. Hosts, ports and user names: Thunderbird's ISPDB (2026-03) and the
// providers' own pages.

import { makePreset, type Preset } from './preset.ts';

const HOSTED = {
  kind: 'mailbox',
  scheme: 'smtps',
  port: 465,
  userName: { kind: 'address' },
  secret: 'the password of the mailbox',
  senderRule: 'The sender must be the mailbox or one of its aliases.',
} as const;

export const hosterPresets: readonly Preset[] = [
  makePreset({
    ...HOSTED,
    key: 'ionos',
    provider: 'IONOS',
    host: 'smtp.ionos.{region}',
    regions: ['de', 'com', 'co.uk', 'fr', 'es', 'it', 'mx'],
    hosts: /^smtp\.(ionos\.(de|com|co\.uk|fr|es|it|mx)|1und1\.de)$/,
    senderRule: 'The domain of the sender must belong to the contract.',
    hints: ['The region is that of the contract.'],
    documentation: 'https://www.ionos.de/hilfe/index.php?id=2490',
  }),
  makePreset({
    ...HOSTED,
    key: 'ovh',
    provider: 'OVHcloud',
    host: 'ssl0.ovh.net',
    hosts: /^(ssl0|(ex|pro)\d*\.mail)\.ovh\.net$/,
    senderRule: 'The sender must be the mailbox itself.',
    hints: [
      'This is for MX Plan; Exchange and E-mail Pro have a host of their own, such as ex4.mail.ovh.net: give it with --url smtp+starttls://USER@HOST:587.',
    ],
    documentation: 'https://help.ovhcloud.com/',
  }),
  makePreset({
    ...HOSTED,
    key: 'infomaniak',
    provider: 'Infomaniak',
    host: 'mail.infomaniak.com',
    hosts: /^mail\.infomaniak\.com$/,
    secret: 'the password of the address or a device password, not that of the Infomaniak account',
    documentation: 'https://www.infomaniak.com/en/support/faq/admin2/email-service',
  }),
  makePreset({
    ...HOSTED,
    key: 'migadu',
    provider: 'Migadu',
    host: 'smtp.migadu.com',
    hosts: /^smtp\.migadu\.com$/,
    senderRule: 'The sender must be the mailbox or one of its identities.',
    hints: ['Each plan has its own limit of messages a day, for all mailboxes together.'],
    documentation: 'https://www.migadu.com/guides/imap/',
  }),
  makePreset({
    ...HOSTED,
    key: 'strato',
    provider: 'Strato',
    host: 'smtp.strato.de',
    hosts: /^smtp\.strato\.de$/,
    documentation:
      'https://www.strato.de/faq/mail/externes-e-mail-programm-mit-strato-e-mail-adresse-nutzen/',
  }),
  makePreset({
    ...HOSTED,
    key: 'hetzner',
    provider: 'Hetzner',
    host: 'mail.your-server.de',
    hosts: /^mail\.your-server\.de$/,
    hints: ['This is for Webhosting and Managed Servers.'],
    documentation: 'https://docs.hetzner.com/konsoleh/',
  }),
  makePreset({
    ...HOSTED,
    key: 'one.com',
    provider: 'one.com',
    host: 'send.one.com',
    hosts: /^send\.one\.com$/,
    documentation: 'https://help.one.com/',
  }),
  makePreset({
    ...HOSTED,
    key: 'rackspace',
    provider: 'Rackspace Email',
    host: 'secure.emailsrvr.com',
    hosts: /^secure\.emailsrvr\.com$/,
    documentation: 'https://docs.rackspace.com/',
  }),
  makePreset({
    ...HOSTED,
    key: 'purelymail',
    provider: 'Purelymail',
    host: 'mailserver.purelymail.com',
    hosts: /^(mailserver|smtp)\.purelymail\.com$/,
    secret: 'the password of the mailbox, or with two-factor authentication an app password',
    documentation: 'https://purelymail.com/docs/',
  }),
  makePreset({
    ...HOSTED,
    key: 'runbox',
    provider: 'Runbox',
    host: 'smtp.runbox.com',
    hosts: /^(smtp|mail)\.runbox\.com$/,
    userName: { kind: 'other', what: 'the user name of the Runbox account' },
    documentation: 'https://help.runbox.com/',
  }),
];
