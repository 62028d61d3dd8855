// What Microsoft 365 and Outlook.com say when they refuse, and what it means. Pure.

import { AUTHORIZE, type KnownRefusal, SET_PASSWORD } from './smtp-refusal-row.ts';

export const microsoftRefusals: readonly KnownRefusal[] = [
  {
    provider: 'Microsoft 365',
    enhanced: /^5\.7\.30$/,
    means: `Microsoft takes passwords for SMTP no longer in this tenant (Basic authentication is switched off). Use OAuth2: add a client id to the upstream (config/oauth.md), then ${AUTHORIZE}.`,
  },
  {
    provider: 'Microsoft 365',
    text: /SmtpClientAuthentication is disabled for the Tenant/i,
    means:
      'SMTP AUTH is switched off for the whole Microsoft 365 tenant; a right password or token does not help. An administrator switches it on: Exchange admin center, Settings, Mail flow, clear "Turn off SMTP AUTH protocol for your organization"; or use the preset graph, which needs no SMTP.',
  },
  {
    provider: 'Microsoft 365',
    text: /SmtpClientAuthentication is disabled for the Mailbox/i,
    means:
      'SMTP AUTH is switched off for this mailbox. An administrator switches it on: Microsoft 365 admin center, the user, Mail, Manage email apps, tick "Authenticated SMTP"; or Set-CASMailbox MAILBOX -SmtpClientAuthenticationDisabled $false. It takes up to an hour to count.',
  },
  {
    provider: 'Outlook.com',
    text: /basic authentication is disabled/i,
    means: `Microsoft takes neither passwords nor app passwords for this mailbox any more. Use OAuth2: add a client id to the upstream (config/oauth.md), then ${AUTHORIZE}.`,
  },
  {
    provider: 'Microsoft 365',
    text: /security defaults policy/i,
    means:
      'The security defaults of the Microsoft 365 tenant block password logins. Use OAuth2 (config/oauth.md), or let an administrator replace the security defaults by conditional access that allows this mailbox.',
  },
  {
    provider: 'Microsoft 365',
    text: /did not meet the criteria to be authenticated/i,
    means:
      'A conditional access policy of the Microsoft 365 tenant blocks this login (place, device, or "legacy authentication"). An administrator finds the policy in the sign-in log of Entra ID and must except this mailbox; or use OAuth2 (config/oauth.md).',
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^5\.7\.139$/,
    text: /credentials were incorrect/i,
    means: `Microsoft 365 says that user name or password is wrong. The user name is the whole address of the mailbox (its UPN); with multi-factor login an app password is needed. Set it with ${SET_PASSWORD}.`,
  },
  {
    provider: 'Microsoft 365',
    stages: ['auth'],
    enhanced: /^5\.7\.3$/,
    means: `Microsoft 365 does not accept this login. With a password: user name and password are wrong, or SMTP AUTH is off for the mailbox. With OAuth2: the token is of another mailbox, lacks SMTP.Send, or, for an application, the service principal has no right to the mailbox (config/oauth.md).`,
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^5\.7\.57$/,
    means:
      'Microsoft 365 wants a login before mail. The upstream has no user name: add one, or use the connector address of the tenant (TENANT.mail.protection.outlook.com, port 25) with this address allowed.',
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^5\.7\.60$|^5\.2\.252$/,
    means: `The mailbox that logs in may not send as this sender. An administrator grants "Send As" on that address (Exchange admin center, the mailbox, Delegation).`,
  },
  {
    provider: 'Microsoft 365',
    text: /SendAsDenied/i,
    means: `The mailbox that logs in may not send as this sender. An administrator grants "Send As" on that address (Exchange admin center, the mailbox, Delegation).`,
  },
  {
    provider: 'Microsoft 365',
    text: /TenantAttribution|Relay Access Denied/,
    enhanced: /^5\.7\.64$/,
    means:
      'Microsoft 365 does not know this Internet address: no connector of the tenant allows it. An administrator adds the address to the inbound connector; or send with a login over smtp.office365.com.',
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^4\.4\.62$/,
    means:
      'The mail went to a Microsoft 365 region that is not the tenant’s. Use the host that the admin center names for the domain (its MX record).',
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^4\.7\.66$/,
    means:
      'Microsoft refuses old TLS. Postern speaks TLS 1.2 and newer, so something between here and there breaks TLS open: a firewall or an antivirus program that looks into mail.',
  },
  {
    provider: 'Microsoft 365',
    text: /SubmissionQuotaExceeded|exceeded the limit .*recipients/i,
    means:
      'The mailbox has sent to as many recipients as Microsoft 365 allows in a day (10 000). It goes on by itself within 24 hours; for bulk mail use another service.',
  },
  {
    provider: 'Microsoft 365',
    text: /STOREDRV.*QuotaExceeded|mailbox full; STOREDRV/i,
    means:
      'The sending mailbox is full: Microsoft 365 keeps every sent message in its Sent Items. Empty that folder, or give it a retention rule.',
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^5\.1\.8$/,
    text: /bad outbound sender/i,
    means:
      'Microsoft has blocked this mailbox for sending, since it looked like spam. An administrator releases it: Microsoft Defender portal, Email & collaboration, Review, Restricted entities; change its password first.',
  },
  {
    provider: 'Microsoft 365',
    enhanced: /^5\.7\.236$/,
    means:
      'Senders of an onmicrosoft.com address may write to 100 external recipients a day only. Send as an address of a domain of your own.',
  },
];
