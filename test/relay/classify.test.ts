// What providers answer, and what each answer must come to. The texts are theirs, from their documentation and from
// what their users report.

import { describe, expect, it } from 'vitest';
import { classifyLost, classifyReply } from '../../server/relay/classify.ts';
import { parseRemoteReply } from '../../server/relay/remote-reply.ts';

type Stage = 'mail' | 'rcpt' | 'data' | 'body';

/** `failed:…` and `deferred:…` with the reason; `fault:…` with its kind. */
const SAID = { upstream: 'provider', reversePath: 'scanner@example.com' };

function verdict(stage: Stage, raw: string, reversePath = SAID.reversePath): string {
  const { outcome, fault } = classifyReply(stage, parseRemoteReply(raw), { ...SAID, reversePath });
  if (fault !== null) {
    expect(outcome).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    return `fault:${fault.kind}`;
  }
  return outcome.kind === 'relayed' ? 'relayed' : `${outcome.kind}:${outcome.reason}`;
}

const TABLE: readonly (readonly [stage: Stage, reply: string, verdict: string])[] = [
  // The message or the recipient, for good.
  ['rcpt', '550 5.1.1 <x@example.net>: Recipient address rejected: User unknown', 'failed:recipient-refused'],
  ['rcpt', '550 No such user here', 'failed:recipient-refused'],
  ['rcpt', '554 5.7.1 Recipient blocked by policy', 'failed:recipient-refused'],
  ['rcpt', '556 5.1.10 Recipient domain does not accept mail', 'failed:recipient-refused'],
  ['rcpt', '552 5.2.2 Mailbox full', 'failed:recipient-refused'],
  ['rcpt', '501 5.1.3 Bad recipient address syntax', 'failed:recipient-refused'],
  ['body', '554 5.7.1 Message contains a virus', 'failed:message-refused'],
  [
    'body',
    '550 5.7.26 This mail has been blocked because the sender is unauthenticated',
    'failed:message-refused',
  ],
  ['body', "554 Transaction failed: Duplicate header 'MIME-Version'", 'failed:message-refused'],
  [
    'body',
    '552-5.7.0 This message was blocked because its content presents a potential\n552 5.7.0 security issue.',
    'failed:message-refused',
  ],
  ['body', '554 5.7.9 Message not accepted for policy reasons', 'failed:message-refused'],
  ['mail', '552 5.3.4 Message size exceeds fixed limit', 'failed:not-supported-upstream'],
  ['body', '552 Message is too long.', 'failed:not-supported-upstream'],
  ['mail', '501 Invalid MAIL FROM address provided', 'failed:message-refused'],

  // For now, or not understood.
  ['mail', '451 4.3.0 Temporary system problem', 'deferred:refused-for-now'],
  ['rcpt', '450 4.2.1 The user is receiving mail too quickly', 'deferred:refused-for-now'],
  ['rcpt', '450 4.7.1 Greylisted', 'deferred:refused-for-now'],
  ['rcpt', '452 4.5.3 Too many recipients', 'deferred:refused-for-now'],
  ['rcpt', '552 Too many recipients', 'deferred:refused-for-now'],
  [
    'body',
    '451 4.3.0 Multiple destination domains per transaction is unsupported',
    'deferred:refused-for-now',
  ],
  ['data', '503 5.5.1 Bad sequence of commands', 'deferred:refused-for-now'],
  ['mail', '555 5.5.4 Unsupported parameter', 'deferred:refused-for-now'],
  ['mail', '500 what?', 'deferred:refused-for-now'],
  ['body', '354 send more', 'deferred:refused-for-now'],
  ['body', 'HTTP/1.1 400 Bad Request', 'deferred:refused-for-now'],
  ['rcpt', '', 'deferred:refused-for-now'],
  ['body', '421 4.3.2 Service shutting down', 'deferred:connection-lost'],
  [
    'body',
    '421 4.7.26 This mail has been rate-limited because it is unauthenticated',
    'deferred:connection-lost',
  ],

  // Our sender identity.
  [
    'body',
    '550 5.7.60 SMTP; Client does not have permissions to send as this sender',
    'deferred:sender-identity',
  ],
  [
    'body',
    '554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com',
    'deferred:sender-identity',
  ],
  [
    'rcpt',
    '550-5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you have\n550 5.7.1 registered … mail relay denied',
    'deferred:sender-identity',
  ],
  [
    'body',
    '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: a@example.com',
    'deferred:sender-identity',
  ],
  [
    'body',
    '554 Access denied: User `arn:aws:iam::1:user/x` is not authorized to perform `ses:SendRawEmail` on resource',
    'deferred:sender-identity',
  ],
  ['body', '550 The from address does not match a verified Sender Identity.', 'deferred:sender-identity'],
  ['mail', '550 5.7.0 From address is not one of your addresses', 'deferred:sender-identity'],
  ['mail', '553 From address not verified', 'deferred:sender-identity'],
  ['mail', '553 Relaying disallowed as a@example.com', 'deferred:sender-identity'],
  ['body', '551 5.7.1 Not authorised to send from this header address', 'deferred:sender-identity'],
  [
    'rcpt',
    '553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b',
    'deferred:sender-identity',
  ],
  ['rcpt', '550 5.7.1 Unconfigured Sending Domain <example.com>', 'deferred:sender-identity'],
  ['body', '550 From header sender domain not verified', 'deferred:sender-identity'],
  ['rcpt', '554 5.7.1 <x@example.net>: Relay access denied', 'deferred:sender-identity'],
  ['mail', '550 5.1.8 Access denied, bad outbound sender', 'deferred:sender-identity'],

  // The upstream as a whole.
  ['mail', '530 5.7.57 Client not authenticated to send mail', 'fault:credentials'],
  ['mail', '530 Authentication required', 'fault:credentials'],
  ['mail', '535 5.7.8 Authentication credentials invalid', 'fault:credentials'],
  ['mail', '550 5.7.30 Basic authentication is not supported for Client Submission', 'fault:credentials'],
  ['mail', '525 5.7.1 Unauthorized IP address', 'fault:unreachable'],
  ['rcpt', '550 Relay access denied - please authenticate', 'fault:credentials'],
  ['mail', '550 Unauthenticated senders not allowed', 'fault:credentials'],
  ['body', '550 5.4.5 Daily user sending limit exceeded', 'fault:quota'],
  ['mail', '550 5.7.1 Daily SMTP relay limit exceeded for customer', 'fault:quota'],
  ['body', '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException', 'fault:quota'],
  ['mail', '454 Throttling failure: Daily message quota exceeded', 'fault:quota'],
  ['mail', '550 5.4.6 Unusual sending activity detected', 'fault:quota'],
  ['mail', '451 Authentication failed: Maximum credits exceeded', 'fault:quota'],
  ['mail', '454 Throttling failure: Maximum sending rate exceeded', 'fault:throttled'],
  ['mail', '421 4.7.0 Try again later, closing connection.', 'fault:throttled'],
  [
    'rcpt',
    '421-4.7.28 Gmail has detected an unusual rate of mail\n421 4.7.28 originating from your account',
    'fault:throttled',
  ],
  ['body', '421 4.7.28 unusual rate of unsolicited mail', 'fault:throttled'],
  ['mail', '432 4.3.2 Concurrent connections limit exceeded', 'fault:throttled'],
  ['body', '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'fault:throttled'],
  ['mail', '450 4.2.1 Peak SMTP relay limit exceeded for customer', 'fault:throttled'],
  ['rcpt', '452 Too many recipients received this hour (throttled)', 'fault:throttled'],
  ['body', '421 4.7.0 [TSS04] Messages temporarily deferred', 'fault:throttled'],
  ['mail', '450 4.2.1 The account sends too quickly', 'fault:throttled'],
  ['mail', '452 4.3.1 Insufficient system storage', 'fault:throttled'],
  ['body', '452 4.3.1 Insufficient system storage', 'fault:throttled'],
  ['mail', '454 4.7.0 Temporary authentication failure', 'fault:throttled'],
  ['mail', '451 4.7.500 Server busy. Please try again later', 'fault:throttled'],
  ['data', '421 4.3.2 Too many concurrent SMTP connections', 'fault:throttled'],
  ['body', '421 4.4.5 Server busy, try again later.', 'fault:throttled'],
  ['rcpt', '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen', 'fault:unreachable'],
];

describe('a reply', () => {
  it.each(TABLE)('to %s: %s → %s', (stage, reply, expected) => {
    expect(verdict(stage, reply)).toBe(expected);
  });

  it('never fails anything with a code that is not 5xx', () => {
    for (const stage of ['mail', 'rcpt', 'data', 'body'] as const) {
      for (let code = 0; code < 500; code++) {
        expect(verdict(stage, `${String(code).padStart(3, '0')} text`), `${stage} ${code}`).not.toMatch(
          /^failed/,
        );
      }
    }
  });

  it('keeps the words of the upstream beside ours', () => {
    const { outcome } = classifyReply('rcpt', parseRemoteReply('550-5.1.1 No\n550 5.1.1 such user'), SAID);
    expect(outcome).toMatchObject({ reply: '550 5.1.1 No such user' });
  });

  it.each([
    '501 Invalid MAIL FROM address provided',
    '550 5.1.7 bad sender',
    '553 no',
    '554 5.7.1 rejected',
    '555 5.5.2 Syntax error',
  ])('that refuses the null sender is about what we send as: %s', reply => {
    expect(verdict('mail', reply, '')).toBe('deferred:sender-identity');
    expect(verdict('rcpt', '550 5.1.1 no such user', '')).toBe('failed:recipient-refused');
  });

  it.each([
    ['530 5.7.0 Authentication required', 'fault:credentials'],
    ['552 5.3.4 too large', 'failed:not-supported-upstream'],
    ['550 5.4.5 Daily user sending limit exceeded', 'fault:quota'],
    ['451 4.3.0 Temporary system problem', 'deferred:refused-for-now'],
  ])('that speaks of something else says so of the null sender too: %s', (reply, expected) => {
    expect(verdict('mail', reply, '')).toBe(expected);
  });

  it('is put into words that are true when nothing is tried any more', () => {
    for (const [stage, raw] of TABLE) {
      const { outcome } = classifyReply(stage, parseRemoteReply(raw), SAID);
      const text = outcome.kind === 'relayed' ? '' : outcome.text;
      expect(text, raw).not.toMatch(/\b(will|waits?|meanwhile)\b/i);
    }
    for (const isRead of [true, false])
      expect(classifyLost('body', 'reset', isRead, 'provider')).toMatchObject({
        text: expect.not.stringMatching(/\bwill\b/),
      });
  });
});

describe('a broken connection', () => {
  it('before the end of the body is the message alone', () => {
    expect(classifyLost('mail', 'reset', false, 'provider')).toMatchObject({
      reason: 'connection-lost',
      stage: 'mail',
    });
  });

  it('after it is ambiguous', () => {
    expect(classifyLost('body', 'reset', true, 'provider')).toMatchObject({
      reason: 'ambiguous',
      stage: 'body',
    });
  });
});
