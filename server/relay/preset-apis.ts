// Sending APIs that take an API key or an access key; those with OAuth2 stand with Google and Microsoft. How they are spoken
// to is in relay/apis/.

import { makePreset, type Preset } from './preset.ts';
import { SES_HINTS, SES_REGIONS } from './preset-services.ts';

const API = { kind: 'api', port: 443 } as const;
const VERIFIED_DOMAIN = 'The domain of the sender must be verified there.';

const MAILGUN = {
  ...API,
  scheme: 'mailgun+https',
  userName: { kind: 'other', what: 'the sending domain, such as mg.example.com' },
  secret: 'a sending key of the domain, or an API key',
  messageSize: 25 * 1024 * 1024,
  senderRule: 'The domain of the sender should be the sending domain.',
  hints: ['A sandbox domain sends to authorised recipients only.'],
  documentation: 'https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/',
} as const;

const SPARKPOST = {
  ...API,
  scheme: 'sparkpost+https',
  userName: { kind: 'none' },
  secret: 'an API key that may write transmissions',
  messageSize: 20 * 1024 * 1024,
  senderRule: VERIFIED_DOMAIN,
  documentation: 'https://developers.sparkpost.com/api/transmissions/',
} as const;

export const apiPresets: readonly Preset[] = [
  makePreset({
    ...API,
    key: 'ses-api',
    provider: 'Amazon SES (API)',
    scheme: 'ses+https',
    host: 'email.{region}.amazonaws.com',
    regions: SES_REGIONS,
    hosts: /^email(-fips)?\.[a-z]{2}(-[a-z]+)+-\d\.(amazonaws\.com(\.cn)?|api\.aws)$/,
    userName: {
      kind: 'other',
      what: 'the id of an access key that may ses:SendEmail and ses:SendRawEmail (AKIA…)',
    },
    secret: 'the secret access key of an access key',
    messageSize: 40 * 1024 * 1024,
    senderRule: 'The sender, or its domain, must be verified in that region.',
    hints: SES_HINTS,
    documentation: 'https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html',
  }),
  makePreset({
    ...MAILGUN,
    key: 'mailgun-api',
    provider: 'Mailgun (API)',
    host: 'api.mailgun.net',
    hosts: /^api\.mailgun\.net$/,
    hints: ['For domains in the EU use mailgun-api-eu.', ...MAILGUN.hints],
  }),
  makePreset({
    ...MAILGUN,
    key: 'mailgun-api-eu',
    provider: 'Mailgun (API, EU)',
    host: 'api.eu.mailgun.net',
    hosts: /^api\.eu\.mailgun\.net$/,
  }),
  makePreset({
    ...API,
    key: 'smtp2go-api',
    provider: 'SMTP2GO (API)',
    scheme: 'smtp2go+https',
    host: 'api.smtp2go.com',
    hosts: /^((us|eu|au)-)?api\.smtp2go\.com$/,
    userName: { kind: 'none' },
    secret: 'an API key that may use /email/mime',
    messageSize: 50 * 1024 * 1024,
    senderRule: 'The sender, or its domain, must be verified there.',
    documentation: 'https://developers.smtp2go.com/reference/send-mime-email',
  }),
  makePreset({
    ...SPARKPOST,
    key: 'sparkpost-api',
    provider: 'SparkPost (API)',
    host: 'api.sparkpost.com',
    hosts: /^api\.sparkpost\.com$/,
  }),
  makePreset({
    ...SPARKPOST,
    key: 'sparkpost-api-eu',
    provider: 'SparkPost (API, EU)',
    host: 'api.eu.sparkpost.com',
    hosts: /^api\.eu\.sparkpost\.com$/,
  }),
];
