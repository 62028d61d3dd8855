// What the Gmail API answers to messages.send, and what each answer must come to. Reasons and texts are Google's, from its
// guide "Resolve errors" and from what its users report.

import { describe, expect, it } from 'vitest';
import { gmail } from '../../../server/relay/apis/gmail.ts';
import { answer, expectFitForPeople, PLACE, shortVerdict } from './verdict.ts';

const error = (code: number, reason: string, message = 'Something was wrong.', more: object = {}) => ({
  error: { code, message, errors: [{ message, domain: 'global', reason }], ...more },
});

const info = (reason: string) => ({
  details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }],
});

const MAIL_SENDING = 'User-rate limit exceeded.  Retry after 2026-11-21T14:00:00.000Z (Mail sending)';

const TABLE: readonly (readonly [status: number, body: unknown, verdict: string])[] = [
  [200, { id: '18c0', threadId: '18c0', labelIds: ['SENT'] }, 'accepted'],
  [200, {}, 'lost:ambiguous'],
  [401, error(401, 'authError', 'Invalid Credentials'), 'token? fault:credentials'],
  [401, '', 'token? fault:credentials'],
  [
    403,
    error(
      403,
      'insufficientPermissions',
      'Insufficient Permission: Request had insufficient authentication scopes.',
    ),
    'token? fault:credentials',
  ],
  [
    403,
    error(
      403,
      'forbidden',
      'Request had insufficient authentication scopes.',
      info('ACCESS_TOKEN_SCOPE_INSUFFICIENT'),
    ),
    'token? fault:credentials',
  ],
  [
    403,
    error(403, 'accessNotConfigured', 'Gmail API has not been used in project 42 before or it is disabled.'),
    'fault:credentials',
  ],
  [
    403,
    error(403, 'forbidden', 'Gmail API has not been used in project 42.', info('SERVICE_DISABLED')),
    'fault:credentials',
  ],
  [
    403,
    error(403, 'domainPolicy', 'The domain administrators have disabled Gmail apps.'),
    'fault:credentials',
  ],
  [403, error(403, 'forbidden', 'Delegation denied for someone@example.com'), 'fault:credentials'],
  [403, error(403, 'dailyLimitExceeded', 'Daily Limit Exceeded'), 'fault:quota'],
  [403, error(403, 'quotaExceeded', 'The user has exceeded the quota.'), 'fault:quota'],
  [403, error(403, 'rateLimitExceeded', 'Rate Limit Exceeded'), 'fault:throttled'],
  [403, error(403, 'userRateLimitExceeded', 'User Rate Limit Exceeded'), 'fault:throttled'],
  [429, error(429, 'rateLimitExceeded', 'Too many concurrent requests for user'), 'fault:throttled'],
  [429, error(429, 'userRateLimitExceeded', MAIL_SENDING), 'fault:quota'],
  [
    429,
    {
      error: {
        code: 429,
        message: 'Resource has been exhausted (e.g. check quota).',
        status: 'RESOURCE_EXHAUSTED',
      },
    },
    'fault:throttled',
  ],
  [429, '', 'fault:throttled'],
  [400, error(400, 'invalidArgument', 'Recipient address required'), 'failed:recipient-refused apart'],
  [400, error(400, 'invalidArgument', 'Invalid To header'), 'failed:recipient-refused apart'],
  [400, error(400, 'invalidArgument', 'Invalid Cc header'), 'failed:recipient-refused apart'],
  [400, error(400, 'invalidArgument', 'Invalid From header'), 'deferred:sender-identity'],
  [400, error(400, 'invalidArgument', 'Invalid attachment'), 'failed:message-refused'],
  [400, error(400, 'badRequest', 'Something new'), 'deferred:refused-for-now'],
  [400, error(400, 'failedPrecondition', 'Mail service not enabled'), 'fault:credentials'],
  [400, error(400, 'failedPrecondition', 'Precondition check failed.'), 'fault:credentials'],
  [
    400,
    { error: { code: 400, message: 'Precondition check failed.', status: 'FAILED_PRECONDITION' } },
    'fault:credentials',
  ],
  [
    400,
    error(400, 'invalidArgument', 'The message exceeds the maximum size'),
    'failed:not-supported-upstream',
  ],
  [413, error(413, 'uploadTooLarge', 'Request Entity Too Large'), 'failed:not-supported-upstream'],
  [413, '<title>Error 413 (Request Entity Too Large)!!1</title>', 'failed:not-supported-upstream'],
  [404, error(404, 'notFound', 'Requested entity was not found.'), 'fault:unreachable'],
  [500, error(500, 'backendError', 'Backend Error'), 'lost:connection-lost'],
  [502, '<title>Error 502 (Server Error)!!1</title>', 'lost:ambiguous'],
  [503, error(503, 'backendError', 'The service is currently unavailable.'), 'fault:unreachable'],
  [504, '', 'lost:ambiguous'],
];

describe('an answer of the Gmail API', () => {
  it.each(TABLE)('%i %j is %s', (status, body, verdict) => {
    expect(shortVerdict(gmail.judge(answer(status, body), PLACE))).toBe(verdict);
    expectFitForPeople(gmail, answer(status, body));
  });

  it('that took the message says where late bounces come', () => {
    const place = { ...PLACE, user: 'someone@gmail.com' };
    expect(gmail.judge(answer(200, { id: '18c0' }), place)).toEqual({
      kind: 'accepted',
      reply: 'HTTP 200 OK: handed over (id 18c0); late bounces come to the mailbox someone@gmail.com',
    });
  });

  it('says in its text how long to wait, unless a header says it', () => {
    const body = error(429, 'rateLimitExceeded', MAIL_SENDING);
    const wait = (headers: Readonly<Record<string, string>>) =>
      gmail.judge(answer(429, body, headers), PLACE);
    expect(wait({})).toMatchObject({ verdict: { fault: { wait: 2 * 3_600_000 } } });
    expect(wait({ 'retry-after': '30' })).toMatchObject({ verdict: { fault: { wait: 30_000 } } });
  });
});

it('a request to the Gmail API is the message as it is', () => {
  const envelope = { reversePath: 'b@example.com', recipients: ['a@example.net'], messageId: 'M1' };
  const target = { host: 'gmail.googleapis.com', user: 'someone@gmail.com', region: null, delegated: false };
  expect(gmail.request(envelope, target)).toEqual({
    method: 'POST',
    path: '/upload/gmail/v1/users/me/messages/send?uploadType=media',
    headers: { 'Content-Type': 'message/rfc822' },
    body: [{ message: 'as-it-is' }],
  });
});

describe('the check', () => {
  it.each([
    [400, error(400, 'invalidArgument', 'Recipient address required'), true],
    [401, error(401, 'authError', 'Invalid Credentials'), false],
    [403, error(403, 'insufficientPermissions', 'Insufficient Permission'), false],
    [400, error(400, 'failedPrecondition', 'Mail service not enabled'), false],
    [200, { id: '18c0' }, false],
  ])('%i %j: %s', (status, body, ok) => {
    const told = gmail.judgeCheck(answer(status, body), PLACE);
    expect(told.ok).toBe(ok);
    expect(told.text.length).toBeGreaterThan(20);
  });
});
