// What providers say when they refuse, word for word, and that Postern knows the way out of each.

import { describe, expect, it } from 'vitest';
import type { Stage } from '../../server/queue/outcome.ts';
import { classifyReply } from '../../server/relay/classify.ts';
import { knownRefusal, knownRefusals } from '../../server/relay/known-refusals.ts';
import { parseRemoteReply } from '../../server/relay/remote-reply.ts';
import { classifySetup } from '../../server/relay/setup-fault.ts';
import type { LoginKind } from '../../server/relay/smtp-refusal-row.ts';

/** `way out`: what the explanation must name. */
type Refusal = readonly [stage: Stage, reply: string, wayOut: RegExp];

const TABLE: readonly Refusal[] = [
  ['auth', '550 5.7.30 Basic authentication is not supported for Client Submission.', /OAuth2.*authorize/],
  [
    'auth',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled',
    /whole Microsoft 365 tenant.*Exchange admin center/,
  ],
  [
    'auth',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled',
    /Set-CASMailbox/,
  ],
  ['auth', '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.', /OAuth2/],
  [
    'auth',
    "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.",
    /security defaults/,
  ],
  [
    'auth',
    '535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.',
    /conditional access/,
  ],
  ['auth', '535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.', /UPN/],
  ['auth', '535 5.7.3 Authentication unsuccessful [AM0PR02CA0001.eurprd02.prod.outlook.com]', /SMTP\.Send/],
  ['mail', '530 5.7.57 Client not authenticated to send mail. Error: 535', /no user name/],
  ['body', '550 5.7.60 SMTP; Client does not have permissions to send as this sender', /Send As/],
  [
    'body',
    '554 5.2.252 SendAsDenied; scanner@example.com not allowed to send as root@example.com; STOREDRV.Submission.Exception:SendAsDeniedException',
    /Send As/,
  ],
  ['rcpt', '550 5.7.64 TenantAttribution; Relay Access Denied', /connector/],
  ['mail', '451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35', /region/],
  ['mail', '421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade', /firewall/],
  [
    'body',
    '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message',
    /within 24 hours/,
  ],
  ['body', '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException', /Sent Items/],
  ['body', '550 5.1.8 Access denied, bad outbound sender AS(42004)', /Restricted entities/],
  ['body', '550 5.7.236 Tenant has exceeded the limit for onmicrosoft.com', /domain of your own/],
  [
    'auth',
    '534-5.7.9 Application-specific password required. For more information, go to\n534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor x - gsmtp',
    /apppasswords/,
  ],
  [
    'auth',
    '534-5.7.14 <https://accounts.google.com/signin/continue?sarp=1> Please log in via your\n534 5.7.14 web browser and then try again.',
    /browser/,
  ],
  [
    'auth',
    '535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp',
    /app passwords/,
  ],
  ['auth', '454 4.7.0 Too many login attempts, please try again later. x - gsmtp', /by itself/],
  ['body', '550 5.4.5 Daily user sending limit exceeded. x - gsmtp', /24 hours/],
  ['mail', '550 5.7.1 Invalid credentials for relay [192.0.2.1]. mail relay denied', /Admin console/],
  ['body', '550 5.4.5 Daily SMTP relay limit exceeded for user.', /24 hours/],
  ['ehlo', '421 4.7.0 Try again later, closing connection. (EHLO) x - gsmtp', /--ehlo-name/],
  [
    'body',
    '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: root@example.com',
    /SES console.*sandbox/,
  ],
  [
    'body',
    "554 Access denied: User `arn:aws:iam::1:user/x' is not authorized to perform `ses:SendRawEmail' on resource",
    /policy/,
  ],
  ['auth', '535 Authentication Credentials Invalid', /--iam-secret-stdin/],
  ['mail', '454 Throttling failure: Daily message quota exceeded', /24 hours/],
  [
    'body',
    '550 The from address does not match a verified Sender Identity. Mail cannot be sent',
    /Sender Auth/,
  ],
  ['auth', '451 Authentication failed: Maximum credits exceeded', /plan/],
  ['auth', '525 5.7.1 Unauthorized IP address 192.0.2.1', /Authorized IPs/],
  ['body', '553 Relaying disallowed as scanner@example.com', /alias/],
  ['body', '550 5.4.6 Unusual sending activity detected. Please try after sometime.', /Log in at Zoho/],
  ['body', '554 5.1.8 Email Outgoing Blocked. Sender Address Blocked', /support/],
  ['mail', '550 5.7.0 From address is not one of your addresses', /iCloud/],
  ['body', '551 5.7.1 Not authorised to send from this header address', /Fastmail/],
  ['body', '550 5.7.1 Unconfigured Sending Domain <example.com>', /SparkPost/],
  ['auth', '535 5.7.0 (#AUTH005) Too many bad auth attempts.', /Account security/],
  ['mail', '550 From header sender domain not verified (example.com)', /SMTP2GO/],
];

/** Where we log in with access tokens. */
const OF_TOKENS: readonly Refusal[] = [
  [
    'auth',
    '535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp',
    /access token.*authorize/,
  ],
];

const ALL = [
  ...TABLE.map(row => [...row, 'password'] as const),
  ...OF_TOKENS.map(row => [...row, 'token'] as const),
];

const PLACE = {
  upstream: 'office relay',
  host: 'smtp.example.net',
  port: 587,
  scheme: 'smtp+starttls',
  byToken: false,
} as const;

/** The text that the operator gets, by the same ways as in the product. */
function told(stage: Stage, raw: string, login: LoginKind): string {
  const reply = parseRemoteReply(raw);
  switch (stage) {
    case 'mail':
    case 'rcpt':
    case 'data':
    case 'body': {
      const { outcome } = classifyReply(stage, reply, {
        upstream: PLACE.upstream,
        reversePath: 'a@example.com',
      });
      return outcome.kind === 'relayed' ? '' : outcome.text;
    }
    case 'content':
      return '';
    default: {
      const trouble = { stage, reply, errorCode: null, message: '', certificateNames: [] };
      return classifySetup(trouble, { ...PLACE, byToken: login === 'token' }).text;
    }
  }
}

describe('a known refusal', () => {
  it.each(ALL)('to %s is explained: %s', (stage, raw, wayOut, login) => {
    const text = told(stage, raw, login);
    expect(text).toMatch(wayOut);
    expect(text).toBe(knownRefusal(stage, parseRemoteReply(raw), PLACE.upstream, login));
    expect(text).not.toContain('{upstream}');
  });

  it('is in the table, each of them', () => {
    const means = ALL.map(([stage, raw, , login]) =>
      knownRefusal(stage, parseRemoteReply(raw), '{upstream}', login),
    );
    const untried = knownRefusals.filter(known => !means.includes(known.means));
    expect(untried.map(({ provider, means }) => `${provider}: ${means}`)).toEqual([]);
  });

  it('is not seen in others', () => {
    for (const raw of ['550 5.1.1 User unknown', '250 2.0.0 ok', '451 4.3.0 try later', 'nonsense']) {
      expect(knownRefusal('rcpt', parseRemoteReply(raw), 'x')).toBeNull();
    }
    // Amazon's words but for the capitals: of GMX and Resend, and of RFC 4954.
    for (const raw of [
      '535 Authentication credentials invalid',
      '535 5.7.8 Authentication credentials invalid',
    ]) {
      expect(knownRefusal('auth', parseRemoteReply(raw), 'x')).toBeNull();
    }
  });
});
