// Microsoft: Microsoft 365 (world-wide and 21Vianet), Outlook.com, Graph.
// Limits: learn.microsoft.com, Exchange Online limits; the end of passwords: techcommunity 4489835 of 2026-01-27.

import { makePreset, type Preset } from './preset.ts';

const SEND_AS =
  'A mailbox sends only as itself, or as whom it was given "Send As" for; the envelope and the header count.';
const SENT_ITEMS =
  'Sent messages are kept in the Sent Items of the mailbox: when it is full, nothing is sent any more.';
const DISPLAY_NAMES = 'It refuses senders whose display name contains an @, so such names are changed.';

const exchangeOnline = {
  kind: 'mailbox',
  scheme: 'smtp+starttls',
  port: 587,
  startTlsOnly: true,
  userName: { kind: 'address' },
  oauth: 'microsoft',
  // More get 432 4.3.2, and more than 30 a minute are delayed.
  connections: 3,
  pacing: { messagesPerMinute: 30 },
  displayName: 'without-at',
  senderRule: SEND_AS,
  hints: [
    'SMTP AUTH must be switched on for the mailbox or the whole tenant, also with OAuth2.',
    SENT_ITEMS,
    DISPLAY_NAMES,
  ],
} as const;

export const microsoftPresets: readonly Preset[] = [
  makePreset({
    ...exchangeOnline,
    key: 'microsoft365',
    provider: 'Microsoft 365',
    host: 'smtp.office365.com',
    hosts: /^smtp(-legacy)?\.office365\.com$/,
    secret:
      'the password of a licensed mailbox, until Microsoft switches passwords off for SMTP (at the end of December 2026, unless an administrator switches them on again)',
    documentation:
      'https://learn.microsoft.com/exchange/mail-flow-best-practices/how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365',
  }),
  makePreset({
    ...exchangeOnline,
    key: 'microsoft365-china',
    provider: 'Microsoft 365 operated by 21Vianet',
    host: 'smtp.partner.outlook.cn',
    hosts: /^smtp\.partner\.outlook\.cn$/,
    secret: 'the password of a licensed mailbox, while passwords are switched on for SMTP',
    documentation:
      'https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth',
  }),
  makePreset({
    key: 'outlook.com',
    provider: 'Outlook.com',
    kind: 'mailbox',
    scheme: 'smtp+starttls',
    host: 'smtp-mail.outlook.com',
    port: 587,
    startTlsOnly: true,
    hosts: /^smtp-mail\.outlook\.com$/,
    userName: { kind: 'address' },
    secret: null,
    oauth: 'microsoft',
    connections: 3,
    displayName: 'without-at',
    senderRule: 'The sender must be the address of the account or one of its aliases.',
    hints: ['This is for hotmail.com, live.com and msn.com too. A new account may send few messages a day.'],
    documentation:
      'https://support.microsoft.com/office/pop-imap-and-smtp-settings-for-outlook-com-d088b986-291d-42b8-9564-9c414e2aa040',
  }),
  makePreset({
    key: 'graph',
    provider: 'Microsoft Graph',
    kind: 'api',
    scheme: 'graph+https',
    host: 'graph.microsoft.com',
    port: 443,
    hosts: /^(dod-)?graph\.microsoft\.(com|us)$|^microsoftgraph\.chinacloudapi\.cn$/,
    userName: { kind: 'address' },
    secret: null,
    oauth: 'microsoft',
    // As base64 in a request of 4 MiB at most.
    messageSize: 3 * 1024 * 1024,
    displayName: 'without-at',
    senderRule: SEND_AS,
    hints: [
      'It works where SMTP is blocked or SMTP AUTH is switched off, but takes messages of about 3 MB at most (a request may have 4 MB): route larger scans to an upstream that speaks SMTP.',
      SENT_ITEMS,
      DISPLAY_NAMES,
    ],
    documentation: 'https://learn.microsoft.com/graph/api/user-sendmail',
  }),
];
