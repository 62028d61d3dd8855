// What Microsoft Graph answers to sendMail, and what each answer must come to. The codes are Exchange's and Graph's, the texts
// as its users report them.

import { describe, expect, it } from 'vitest';
import { graph } from '../../../server/relay/apis/graph.ts';
import type { ApiTarget } from '../../../server/relay/apis/sending-api.ts';
import { answer, expectFitForPeople, PLACE, shortVerdict } from './verdict.ts';

const error = (code: string, message = 'Something was wrong.') => ({
  error: { code, message, innerError: { date: '2026-11-21T12:00:00', 'request-id': '1f0…' } },
});

const TABLE: readonly (readonly [status: number, body: unknown, verdict: string])[] = [
  [202, '', 'accepted'],
  [200, '', 'accepted'],
  [
    401,
    error('InvalidAuthenticationToken', 'Lifetime validation failed, the token is expired.'),
    'token? fault:credentials',
  ],
  [
    401,
    error('InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.'),
    'token? fault:credentials',
  ],
  [401, error('UnknownError', ''), 'token? fault:credentials'],
  [401, '', 'token? fault:credentials'],
  [
    401,
    error('OrganizationFromTenantGuidNotFound', "The tenant for tenant guid '…' does not exist."),
    'fault:unreachable',
  ],
  [
    403,
    error(
      'ErrorSendAsDenied',
      'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account., Cannot submit message.',
    ),
    'deferred:sender-identity',
  ],
  [
    403,
    error('ErrorAccessDenied', 'Access is denied. Check credentials and try again.'),
    'token? fault:credentials',
  ],
  [
    403,
    error(
      'ErrorAccessDenied',
      'Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.',
    ),
    'fault:credentials',
  ],
  [
    403,
    error('Authorization_RequestDenied', 'Insufficient privileges to complete the operation.'),
    'token? fault:credentials',
  ],
  [403, error('AccessDenied', 'Missing role permissions on the request.'), 'token? fault:credentials'],
  [
    400,
    error('BadRequest', '/me request is only valid with delegated authentication flow.'),
    'fault:unreachable',
  ],
  [
    404,
    error(
      'MailboxNotEnabledForRESTAPI',
      'The mailbox is either inactive, soft-deleted, or is hosted on-premise.',
    ),
    'fault:unreachable',
  ],
  [404, error('MailboxNotHostedInExchangeOnline'), 'fault:unreachable'],
  [404, error('ErrorItemNotFound', 'The specified object was not found in the store.'), 'fault:unreachable'],
  [404, error('Request_ResourceNotFound', "Resource 'x@example.com' does not exist."), 'fault:unreachable'],
  [404, error('ErrorInvalidUser', "The requested user 'x@example.com' is invalid."), 'fault:unreachable'],
  [413, error('RequestEntityTooLarge', 'The request body is too large.'), 'failed:not-supported-upstream'],
  [413, '<html><h1>413 Request Entity Too Large</h1></html>', 'failed:not-supported-upstream'],
  [
    400,
    error('ErrorMessageSizeExceeded', 'The message exceeds the maximum supported size.'),
    'failed:not-supported-upstream',
  ],
  [400, error('BadRequest', 'Maximum request length exceeded.'), 'failed:not-supported-upstream'],
  [
    400,
    error(
      'ErrorInvalidRecipients',
      "At least one recipient is not valid., A message can't be sent because it contains no recipients.",
    ),
    'failed:recipient-refused apart',
  ],
  [400, error('ErrorExceededMaxRecipientLimit'), 'fault:quota'],
  [429, error('ErrorExceededMessageLimit', 'The message limit has been exceeded.'), 'fault:quota'],
  [403, error('ErrorQuotaExceeded', 'The mailbox is over its quota.'), 'fault:quota'],
  [507, error('ErrorQuotaExceeded'), 'fault:quota'],
  [
    403,
    error('ErrorMessageSubmissionBlocked', 'Your account has been blocked from sending mail.'),
    'fault:quota',
  ],
  [
    403,
    error(
      'ErrorAccountSuspend',
      'Account suspended. Follow the instructions in your Inbox to verify your account.',
    ),
    'fault:credentials',
  ],
  [400, error('ErrorMessageBlocked'), 'failed:message-refused'],
  [400, error('ErrorMimeContentInvalid'), 'failed:message-refused'],
  [400, error('ErrorMimeContentConversionFailed'), 'failed:message-refused'],
  [
    400,
    error('ErrorMimeContentInvalidBase64String', 'Invalid base64 string for MIME content.'),
    'lost:connection-lost',
  ],
  [
    429,
    error('ApplicationThrottled', 'Application is over its MailboxConcurrency limit.'),
    'fault:throttled',
  ],
  [429, error('TooManyRequests', 'Too many requests'), 'fault:throttled'],
  [429, '', 'fault:throttled'],
  [503, error('ErrorServerBusy', 'The server is too busy.'), 'fault:throttled'],
  [503, error('ServiceUnavailable', 'Service unavailable'), 'fault:unreachable'],
  [503, '<html>Our services aren’t available right now</html>', 'fault:unreachable'],
  [
    500,
    error('ErrorMailboxStoreUnavailable', 'The mailbox database is temporarily unavailable.'),
    'fault:unreachable',
  ],
  [500, error('ErrorInternalServerTransientError'), 'fault:unreachable'],
  [500, error('ErrorInternalServerError'), 'lost:connection-lost'],
  [502, '', 'lost:ambiguous'],
  [504, error('UnknownError', ''), 'lost:ambiguous'],
  [400, error('ErrorInvalidRequest'), 'deferred:refused-for-now'],
  [400, 'not even JSON', 'deferred:refused-for-now'],
  [403, error('SomethingNew'), 'fault:credentials'],
  [201, '{}', 'lost:ambiguous'],
];

describe('an answer of Graph', () => {
  it.each(TABLE)('%i %j is %s', (status, body, verdict) => {
    expect(shortVerdict(graph.judge(answer(status, body), PLACE))).toBe(verdict);
    expectFitForPeople(graph, answer(status, body));
  });

  it('that took the message says where late bounces come, and names the request', () => {
    const place = { ...PLACE, user: 'scans@example.com' };
    expect(graph.judge(answer(202, '', { 'request-id': '1f0-22' }), place)).toEqual({
      kind: 'accepted',
      reply:
        'HTTP 202 Accepted: handed over; late bounces come to the mailbox scans@example.com (request 1f0-22)',
    });
  });

  it.each([
    [429, error('ApplicationThrottled'), '17', 17_000],
    [503, error('ServiceUnavailable'), 'Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
  ])('%i says how long to wait', (status, body, value, wait) => {
    const judged = graph.judge(answer(status, body, { 'retry-after': value }), PLACE);
    expect(judged).toMatchObject({ verdict: { fault: { wait } } });
  });

  it('names the mailbox that Microsoft has blocked, and what Microsoft says', () => {
    const body = error('ErrorMessageSubmissionBlocked', 'Go to https://aka.ms/verify.');
    expect(graph.judge(answer(403, body), PLACE)).toMatchObject({
      verdict: {
        fault: { text: expect.stringContaining('mg.example.com from sending (Go to https://aka.ms/verify)') },
      },
    });
  });
});

describe('a request to Graph', () => {
  const envelope = { reversePath: '', recipients: ['a@example.net'], messageId: 'M1' };
  const target: ApiTarget = {
    host: 'graph.microsoft.com',
    user: 'a/b@example.com',
    region: null,
    delegated: true,
  };

  it('is the message in base64, for whom a person consented or for a mailbox', () => {
    const request = {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: [{ message: 'base64' }],
    };
    expect(graph.request(envelope, target)).toEqual({ ...request, path: '/me/sendMail' });
    const path = '/users/a%2Fb%40example.com/sendMail';
    expect(graph.request(envelope, { ...target, delegated: false })).toEqual({ ...request, path });
  });

  it('has at most 4 MiB', () => {
    expect(Buffer.alloc(graph.largestMessage ?? 0).toString('base64')).toHaveLength(4 * 1024 * 1024);
  });
});

describe('the check', () => {
  it.each([
    [400, error('ErrorMimeContentInvalidBase64String'), true],
    [400, error('ErrorMimeContentInvalid'), true],
    [401, error('InvalidAuthenticationToken'), false],
    [403, error('ErrorAccessDenied'), false],
    [404, error('ErrorInvalidUser'), false],
    [400, error('BadRequest'), false],
    [202, '', false],
  ])('%i %j: %s', (status, body, ok) => {
    const told = graph.judgeCheck(answer(status, body), PLACE);
    expect(told.ok).toBe(ok);
    expect(told.text.length).toBeGreaterThan(20);
  });
});
