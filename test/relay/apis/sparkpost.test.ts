// What SparkPost answers, and what each answer must come to. Codes and texts are SparkPost's, from its table of extended
// error codes, its API reference, and what its users report.

import { describe, expect, it } from 'vitest';
import { sparkpost } from '../../../server/relay/apis/sparkpost.ts';
import { answer, expectFitForPeople, PLACE, shortVerdict } from './verdict.ts';

const no = (code: string, message: string, description?: string) => ({
  errors: [{ message, description, code }],
});

const TABLE: readonly (readonly [status: number, body: unknown, verdict: string])[] = [
  [401, { errors: [{ message: 'Unauthorized.' }] }, 'token? fault:credentials'],
  [401, no('1303', 'Invalid customer id, unauthorized tenant.'), 'token? fault:credentials'],
  [403, { errors: [{ message: 'Forbidden.' }] }, 'fault:credentials'],
  [403, no('1100', 'permission denied'), 'fault:credentials'],
  [403, no('1601', 'No license'), 'fault:credentials'],
  [403, { errors: [{ message: 'Account is suspended' }] }, 'fault:credentials'],
  [
    400,
    no('7001', 'Invalid domain', 'Unconfigured Sending Domain <example.com>'),
    'deferred:sender-identity',
  ],
  [
    400,
    no('7001', 'Invalid domain', 'Unconfigured or unverified sending domain.'),
    'deferred:sender-identity',
  ],
  [400, no('7001', 'No sending domain specified'), 'deferred:sender-identity'],
  [400, no('7000', 'Sending domain blacklisted'), 'deferred:sender-identity'],
  [420, no('2101', 'Exceed Sending Limit (hourly)'), 'fault:quota'],
  [420, no('2102', 'Exceed Sending Limit (daily)'), 'fault:quota'],
  [420, no('2103', 'Exceed Sending Limit (sandbox)'), 'fault:quota'],
  [420, '', 'fault:quota'],
  [429, { errors: [{ message: 'Too many requests' }] }, 'fault:throttled'],
  [400, no('1502', 'Server resources unavailable'), 'fault:unreachable'],
  [503, no('1900', 'Message generation module not available'), 'fault:unreachable'],
  [400, no('1901', 'Message failed to generate'), 'failed:message-refused'],
  [
    400,
    no('1902', 'Message generation rejected', 'recipient address was rejected due to customer policy'),
    'failed:message-refused',
  ],
  [400, no('1305', 'Input Data not UTF8 encoded'), 'failed:message-refused'],
  [422, no('3000', 'template language syntax error'), 'failed:message-refused'],
  [422, no('3020', 'template mime parsing error'), 'failed:message-refused'],
  [413, '', 'failed:not-supported-upstream'],
  [422, no('1300', 'invalid data format/type', 'content is too large'), 'failed:not-supported-upstream'],
  [400, no('5002', 'No valid recipients in list'), 'failed:recipient-refused apart'],
  [
    422,
    no('1400', 'required field is missing', 'address.email is required for each recipient'),
    'failed:recipient-refused apart',
  ],
  [
    422,
    no('1300', 'invalid data format/type', "Problems with 'recipients': invalid address"),
    'failed:recipient-refused apart',
  ],
  [422, no('1301', 'Invalid combination of fields'), 'deferred:refused-for-now'],
  [422, no('9999', 'Something that nobody has seen'), 'deferred:refused-for-now'],
  [404, no('1101', 'invalid URI'), 'fault:unreachable'],
  [405, '', 'fault:unreachable'],
  [500, no('1500', 'Failed to update database'), 'lost:connection-lost'],
  [502, '<html>Bad gateway</html>', 'lost:ambiguous'],
  [200, '<html>Log in to the hotel</html>', 'lost:ambiguous'],
  [
    200,
    {
      errors: [{ message: 'transmission created, but with validation errors', code: '2000' }],
      results: {
        rcpt_to_errors: [{ message: 'required field is missing', code: '1400' }],
        total_rejected_recipients: 1,
        total_accepted_recipients: 0,
        id: '1',
      },
    },
    'failed:recipient-refused apart',
  ],
];

describe('SparkPost', () => {
  it.each(TABLE)('%i %j → %s', (status, body, verdict) => {
    const response = answer(status, body);
    expect(shortVerdict(sparkpost.judge(response, PLACE))).toBe(verdict);
    expectFitForPeople(sparkpost, response);
  });

  it('takes a message', () => {
    const results = { total_rejected_recipients: 0, total_accepted_recipients: 1, id: '11668787484950529' };
    expect(sparkpost.judge(answer(200, { results }), PLACE)).toEqual({
      kind: 'accepted',
      reply: 'HTTP 200 transmission 11668787484950529',
    });
  });

  it('gets a message that it neither fills in nor tracks', () => {
    const { body } = sparkpost.request(
      { reversePath: 'scanner@example.com', recipients: ['a@example.net'], messageId: 'm1' },
      { host: 'localhost', user: null, region: null, delegated: false },
    );
    const text = body.map(part => (typeof part === 'string' ? part : 'Subject: {{x}}\\r\\n')).join('');
    expect(JSON.parse(text)).toEqual({
      options: {
        transactional: true,
        open_tracking: false,
        click_tracking: false,
        perform_substitutions: false,
      },
      recipients: [{ address: { email: 'a@example.net' } }],
      content: { email_rfc822: 'Subject: {{x}}\r\n' },
    });
  });
});

describe('the check of SparkPost', () => {
  it.each([
    [
      answer(422, no('1400', 'required field is missing', 'content object or template_id required')),
      true,
      /lets it send/,
    ],
    [answer(401, { errors: [{ message: 'Unauthorized.' }] }), false, /api\.eu\.sparkpost\.com/],
    [answer(403, { errors: [{ message: 'Forbidden.' }] }), false, /./],
  ])('%#', (response, ok, text) => {
    expect(sparkpost.judgeCheck(response, PLACE)).toEqual({ ok, text: expect.stringMatching(text) });
  });
});
