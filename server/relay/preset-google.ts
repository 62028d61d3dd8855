// Google: Gmail, Workspace, Workspace's relay and the Gmail API.
// Limits and replies: support.google.com/a/answer/3726730, /6140680 and /2956491; OAuth2 over SMTP:
// developers.google.com/workspace/gmail/imap/xoauth2-protocol.

import { makePreset, type Preset } from './preset.ts';

const REPLACED = "A sender that is no verified alias of the account is replaced by the account's address.";

export const googlePresets: readonly Preset[] = [
  makePreset({
    key: 'gmail',
    provider: 'Gmail',
    kind: 'mailbox',
    scheme: 'smtps',
    host: 'smtp.gmail.com',
    port: 465,
    hosts: /^smtp\.(gmail|googlemail)\.com$/,
    userName: { kind: 'address' },
    secret: 'an app password (https://myaccount.google.com/apppasswords), which needs 2-Step Verification',
    oauth: 'google',
    // Of Workspace; consumers have 500 and hear of it in a 550 5.4.5.
    pacing: { messagesPerDay: 2_000 },
    senderRule: REPLACED,
    hints: ['A free account may send about 500 messages a day, one of Workspace 2000.'],
    documentation: 'https://support.google.com/mail/answer/7126229',
  }),
  makePreset({
    key: 'google-workspace',
    provider: 'Google Workspace',
    kind: 'mailbox',
    scheme: 'smtps',
    host: 'smtp.gmail.com',
    port: 465,
    hosts: /^smtp\.gmail\.com$/,
    userName: { kind: 'address' },
    secret:
      'an app password (https://myaccount.google.com/apppasswords), where the administrator allows them',
    oauth: 'google',
    pacing: { messagesPerDay: 2_000 },
    senderRule: REPLACED,
    hints: [
      'With OAuth2, a service account with domain-wide delegation needs no consent of a person, so nobody need renew it.',
    ],
    documentation: 'https://support.google.com/a/answer/176600',
  }),
  makePreset({
    key: 'google-workspace-relay',
    provider: 'Google Workspace relay',
    kind: 'service',
    scheme: 'smtp+starttls',
    host: 'smtp-relay.gmail.com',
    port: 587,
    hosts: /^smtp-relay\.gmail\.com$/,
    userName: { kind: 'address', optional: true },
    secret: 'an app password of a user, or none where the administrator allowed the address of this network',
    oauth: 'google',
    pacing: { messagesPerDay: 10_000 },
    senderRule:
      'The envelope sender must be of a domain of the customer, else it answers 550 5.7.1 "mail relay denied".',
    hints: ['The administrator must switch the SMTP relay service on first.'],
    documentation: 'https://support.google.com/a/answer/2956491',
  }),
  makePreset({
    key: 'gmail-api',
    provider: 'Gmail API',
    kind: 'api',
    scheme: 'gmail+https',
    host: 'gmail.googleapis.com',
    port: 443,
    hosts: /^gmail\.googleapis\.com$/,
    userName: { kind: 'address' },
    secret: null,
    oauth: 'google',
    pacing: { messagesPerDay: 2_000 },
    messageSize: 35 * 1024 * 1024,
    senderRule: REPLACED,
    hints: [
      'It works where SMTP is blocked, and asks the person for the right to send only, where Gmail over SMTP asks for the whole mailbox.',
    ],
    documentation: 'https://developers.google.com/workspace/gmail/api/guides/sending',
  }),
];
