// What Mailgun answers, and what each answer must come to. The texts are Mailgun's, from its documentation and from what its
// users report.

import { describe, expect, it } from 'vitest';
import { mailgun } from '../../../server/relay/apis/mailgun.ts';
import { parseForm } from '../../support/form-data.ts';
import { answer, expectFitForPeople, PLACE, shortVerdict } from './verdict.ts';

const notAllowed = (why: string) => ({ message: `Domain mg.example.com is not allowed to send: ${why}` });

const TABLE: readonly (readonly [status: number, body: unknown, verdict: string])[] = [
  [401, 'Forbidden', 'token? fault:credentials'],
  [401, { message: 'Invalid private key' }, 'token? fault:credentials'],
  [402, { message: 'Request failed' }, 'fault:quota'],
  [403, 'Forbidden', 'fault:credentials'],
  [403, notAllowed('Account disabled'), 'fault:credentials'],
  [403, notAllowed('Account Inactivity'), 'fault:credentials'],
  [403, notAllowed('domain disabled'), 'fault:credentials'],
  [403, notAllowed('Please activate your Mailgun account. Check your inbox.'), 'fault:credentials'],
  [
    403,
    notAllowed(
      'Sandbox subdomains are for test purposes only. Please add your own domain or add the address to authorized recipients in Account Settings.',
    ),
    'deferred:sender-identity apart',
  ],
  [
    400,
    notAllowed(
      'Free accounts are for test purposes only. Please upgrade or add the address to authorized recipients in Account Settings.',
    ),
    'deferred:sender-identity apart',
  ],
  [
    400,
    notAllowed(
      'The domain is unverified and requires DNS configuration. Log in to your control panel to view required DNS records.',
    ),
    'fault:credentials',
  ],
  [400, notAllowed('recipient limit exceeded'), 'fault:quota'],
  [
    400,
    notAllowed(
      'You are sending too fast. Your account is on probation and the account has been temporarily disabled.',
    ),
    'fault:throttled',
  ],
  [404, { message: 'Domain not found: mg.example.com' }, 'fault:unreachable'],
  [404, '<title>404 Not Found</title>', 'fault:unreachable'],
  [
    400,
    { message: "'to' parameter is not a valid address. please check documentation" },
    'failed:recipient-refused apart',
  ],
  [
    400,
    { message: 'to parameter is not a valid address. please check documentation' },
    'failed:recipient-refused apart',
  ],
  [
    400,
    { message: "'from' parameter is not a valid address. please check documentation" },
    'failed:message-refused',
  ],
  [400, { message: 'Too many recipients: the maximum is 1000' }, 'deferred:refused-for-now apart'],
  [400, { message: 'Message is too large' }, 'failed:not-supported-upstream'],
  [400, { message: 'Failed to parse message: invalid MIME' }, 'failed:message-refused'],
  [400, { message: 'Something that nobody has seen' }, 'deferred:refused-for-now'],
  [413, '<html><h1>413 Request Entity Too Large</h1></html>', 'failed:not-supported-upstream'],
  [429, { message: 'Too many requests' }, 'fault:throttled'],
  [500, { message: 'Internal server error' }, 'lost:connection-lost'],
  [502, '<html>Bad gateway</html>', 'lost:ambiguous'],
  [503, '', 'fault:unreachable'],
];

describe('Mailgun', () => {
  it.each(TABLE)('%i %j → %s', (status, body, verdict) => {
    const response = answer(status, body);
    expect(shortVerdict(mailgun.judge(response, PLACE))).toBe(verdict);
    expectFitForPeople(mailgun, response);
  });

  it('takes a message', () => {
    const response = answer(200, { id: '<2026.1@mg.example.com>', message: 'Queued. Thank you.' });
    expect(mailgun.judge(response, PLACE)).toEqual({
      kind: 'accepted',
      reply: 'HTTP 200 Queued. Thank you.: id <2026.1@mg.example.com>',
    });
  });

  it('says to whom a domain of the other region belongs', () => {
    const judged = mailgun.judge(answer(404, { message: 'Domain not found: mg.example.com' }), PLACE);
    expect(judged).toMatchObject({
      verdict: { fault: { text: expect.stringContaining('api.eu.mailgun.net') } },
    });
  });
});

describe('a request to Mailgun', () => {
  const TARGET = { host: 'localhost', user: 'mg.exämple.com', region: null, delegated: false };

  it('is a form with each recipient and the message, octet for octet', () => {
    const recipients = ['a@example.net', '"b, c"@example.net'];
    const request = mailgun.request({ reversePath: '', recipients, messageId: '01JDX' }, TARGET);
    const message = Buffer.from('Subject: x\r\n\r\n--postern\r\n\r\n.\r\n\xff', 'latin1');
    const body = Buffer.concat(
      request.body.map(part => (typeof part === 'string' ? Buffer.from(part) : message)),
    );
    const parts = parseForm(request.headers['Content-Type'] ?? '', body) ?? [];
    expect(request.path).toBe('/mg.ex%C3%A4mple.com/messages.mime');
    expect(parts.map(({ name, filename }) => [name, filename])).toEqual([
      ['to', null],
      ['to', null],
      ['message', 'message.eml'],
    ]);
    expect(parts.slice(0, 2).map(({ content }) => content.toString())).toEqual(recipients);
    expect(parts[2]?.content.equals(message)).toBe(true);
  });

  it('to check the key has no recipient', () => {
    const request = mailgun.check?.(TARGET);
    const body = Buffer.from(request?.body.join('') ?? '');
    expect(parseForm(request?.headers['Content-Type'] ?? '', body)?.map(({ name }) => name)).toEqual([
      'o:testmode',
    ]);
  });
});

describe('the check of Mailgun', () => {
  it.each([
    [answer(400, { message: 'to parameter is missing' }), true, /mg\.example\.com/],
    [answer(401, 'Forbidden'), false, /API key/],
    [answer(404, { message: 'Domain not found: mg.example.com' }), false, /does not know the domain/],
    [answer(403, notAllowed('Account disabled')), false, /Account disabled/],
  ])('%#', (response, ok, text) => {
    expect(mailgun.judgeCheck(response, PLACE)).toEqual({ ok, text: expect.stringMatching(text) });
  });
});
