// What the other providers say when they refuse, and what it means. Pure.

import { type KnownRefusal, SET_PASSWORD } from './smtp-refusal-row.ts';

export const otherRefusals: readonly KnownRefusal[] = [
  {
    provider: 'Amazon SES',
    text: /Email address is not verified|failed the check in region/i,
    means:
      'Amazon SES does not know this sender: verify its address or domain in the SES console of the same region. While the account is in the sandbox, recipients must be verified too: ask there for production access.',
  },
  {
    provider: 'Amazon SES',
    text: /not authorized to perform .?ses:Send/i,
    means:
      'The IAM user may not send as this sender: its policy must allow ses:SendRawEmail for that identity.',
  },
  {
    provider: 'Amazon SES',
    stages: ['auth'],
    // In capitals these are Amazon's alone: GMX, Resend and RFC 4954 have the same words in small letters.
    text: /^Authentication Credentials Invalid/,
    means:
      'Amazon SES does not accept this login. The password is not the IAM secret key but is made from it for one region: `postern upstream set {upstream} --iam-secret-stdin` does that. Temporary keys do not work.',
  },
  {
    provider: 'Amazon SES',
    text: /Throttling failure: Daily message quota|Daily message quota exceeded/i,
    means:
      'The daily quota of Amazon SES is used up (200 in the sandbox). It goes on by itself within 24 hours; the SES console raises it.',
  },
  {
    provider: 'SendGrid',
    text: /from address does not match a verified Sender Identity|not authorized to send from that email/i,
    means:
      'SendGrid does not know this sender. Verify it there: Settings, Sender Authentication (a domain, or a single sender).',
  },
  {
    provider: 'SendGrid',
    text: /maximum credits exceeded/i,
    means:
      'The credits of the SendGrid plan are used up. They renew with the next period, or with a larger plan.',
  },
  {
    provider: 'Brevo',
    text: /unauthori[sz]ed ip/i,
    means:
      'Brevo takes mail only from Internet addresses that are allowed. Add this one there: Security, Authorized IPs; or switch the restriction off.',
  },
  {
    provider: 'Zoho',
    text: /Relaying disallowed as/i,
    means: `Zoho lets the login send only as its own address and aliases. Add the sender as an alias there.`,
  },
  {
    provider: 'Zoho',
    text: /unusual sending activity/i,
    means:
      'Zoho has stopped this account for unusual sending, for hours or days. Log in at Zoho to lift it; fewer messages a minute keep it from happening again.',
  },
  {
    provider: 'Zoho',
    enhanced: /^5\.1\.8$/,
    text: /sender address blocked/i,
    means: 'Zoho has blocked this sender. Ask its support to lift it.',
  },
  {
    provider: 'iCloud',
    text: /not one of your addresses/i,
    means: `iCloud lets the login send only as its own addresses and aliases. Give the account that sender, or add the address there as an alias.`,
  },
  {
    provider: 'Fastmail',
    text: /not authori[sz]ed to send from this (header )?address/i,
    means: `Fastmail lets the login send only as addresses of the account. Add the sender there (Settings, My email addresses).`,
  },
  {
    provider: 'SparkPost',
    text: /Unconfigured Sending Domain/i,
    means:
      'SparkPost does not know the domain of this sender: add and verify it there (Configuration, Domains).',
  },
  {
    provider: 'SMTP2GO',
    text: /sender domain not verified/i,
    means: 'SMTP2GO does not know the domain of this sender: verify it there (Sending, Verified Senders).',
  },
  {
    provider: 'Yahoo',
    stages: ['auth'],
    text: /application-specific password|#?AUTH005|too many bad auth/i,
    login: 'password',
    means: `Yahoo takes app passwords only. Make one there (Account security, Generate app password) and set it with ${SET_PASSWORD}.`,
  },
];
