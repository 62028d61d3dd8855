// What SMTP2GO answers, and what each answer must come to. The texts are SMTP2GO's, from its documentation and from what its
// users report.

import { describe, expect, it } from 'vitest';
import { smtp2go } from '../../../server/relay/apis/smtp2go.ts';
import { answer, expectFitForPeople, PLACE, shortVerdict } from './verdict.ts';

const no = (code: string, error: string, more: object = {}) => ({
  request_id: '22e5acba',
  data: { error_code: `E_ApiResponseCodes.${code}`, error, ...more },
});

const failed = (...failures: readonly string[]) => ({
  request_id: '1',
  data: { succeeded: 0, failed: 1, failures },
});

const invalidField = (fieldname: string, message: string) =>
  no('NON_VALIDATING_IN_PAYLOAD', 'An error occurred processing the json data you sent with the request.', {
    field_validation_errors: { fieldname, message },
  });

const TABLE: readonly (readonly [status: number, body: unknown, verdict: string])[] = [
  [
    401,
    no('API_EXCEPTION', "An API User matching the passed 'api_key' was not found"),
    'token? fault:credentials',
  ],
  [500, no('API_EXCEPTION', "An API User matching the passed 'api_key' was not found"), 'fault:credentials'],
  [
    400,
    no('ENDPOINT_PERMISSION_DENIED', 'You do not have permission to access this API endpoint'),
    'fault:credentials',
  ],
  [403, '', 'fault:credentials'],
  [400, no('API_EXCEPTION', 'API key ratelimit exceeded'), 'fault:throttled'],
  [429, '', 'fault:throttled'],
  [402, no('API_EXCEPTION', 'Your account has reached its monthly quota'), 'fault:quota'],
  [
    400,
    no('API_EXCEPTION', 'Account has exceeded its monthly sending limit, please upgrade to a paid plan'),
    'fault:quota',
  ],
  [400, no('API_EXCEPTION', 'Your account has been suspended'), 'fault:credentials'],
  [400, no('API_EXCEPTION', 'The email exceeds the maximum size of 50 MB'), 'failed:not-supported-upstream'],
  [400, no('API_EXCEPTION', 'Too many recipients'), 'deferred:refused-for-now apart'],
  [
    400,
    invalidField(
      'to',
      "The field 'to' was expecting a valid RFC-822 formatted email field but found 'x', Please correct your JSON payload and try again.",
    ),
    'failed:recipient-refused apart',
  ],
  [400, invalidField('mime_email', 'Unable to decode the email'), 'failed:message-refused'],
  [
    400,
    invalidField(
      'sender',
      "The field 'sender' was expecting a valid RFC-822 formatted email field but found 'x'",
    ),
    'failed:message-refused',
  ],
  [400, invalidField('tenant', 'This field is required'), 'deferred:refused-for-now'],
  [400, no('API_EXCEPTION', 'Unable to parse the MIME email'), 'failed:message-refused'],
  [400, no('API_EXCEPTION', 'Something that nobody has seen'), 'deferred:refused-for-now'],
  // As the page about errors shows them: not under `data`.
  [
    400,
    { error: 'You do not have permission', error_code: 'E_ApiResponseCodes.ENDPOINT_PERMISSION_DENIED' },
    'fault:credentials',
  ],
  [404, no('API_EXCEPTION', 'The requested resource does not exist'), 'fault:unreachable'],
  [500, no('API_EXCEPTION', 'Internal error'), 'lost:connection-lost'],
  [502, '<html>Bad gateway</html>', 'lost:ambiguous'],
  [503, '', 'fault:unreachable'],

  // With 200, while it sent.
  [200, failed('550 From header sender domain not verified'), 'deferred:sender-identity'],
  [200, no('NON_VALIDATING_IN_PAYLOAD', 'Sender not verified'), 'deferred:sender-identity'],
  [200, failed('550 5.1.1 no'), 'failed:message-refused'],
  [200, failed('552 Message size exceeds maximum permitted'), 'failed:not-supported-upstream'],
  [200, failed('550 Daily sending limit exceeded'), 'fault:quota'],
  [200, failed('451 Temporary local problem - please try later'), 'deferred:refused-for-now'],
  [200, failed('something else'), 'deferred:refused-for-now'],
  [200, failed(), 'deferred:refused-for-now'],
  // For some of several, and nobody knows for whom.
  [200, { data: { succeeded: 2, failed: 1, failures: ['550 5.1.1 no'] } }, 'lost:ambiguous apart'],
  [200, { data: { succeeded: 2, failed: 1, failures: [] } }, 'lost:ambiguous apart'],
  [200, '<html>Log in to the hotel</html>', 'lost:ambiguous'],
];

describe('SMTP2GO', () => {
  it.each(TABLE)('%i %j → %s', (status, body, verdict) => {
    const response = answer(status, body);
    expect(shortVerdict(smtp2go.judge(response, PLACE))).toBe(verdict);
    expectFitForPeople(smtp2go, response);
  });

  it.each([
    [{ succeeded: 1, failed: 0, failures: [], email_id: '1u0SwL' }],
    [{ email_id: '1u0SwL' }],
  ])('takes a message: %j', data => {
    const response = answer(200, { request_id: '1', data });
    expect(smtp2go.judge(response, PLACE)).toEqual({ kind: 'accepted', reply: 'HTTP 200 email_id 1u0SwL' });
  });

  it('gets a body that is JSON', () => {
    const { body } = smtp2go.request(
      { reversePath: '', recipients: ['a@example.net'], messageId: 'm1' },
      { host: 'localhost', user: null, region: null, delegated: false },
    );
    expect(JSON.parse(body.map(part => (typeof part === 'string' ? part : 'TUVTU0FHRQ==')).join(''))).toEqual(
      {
        fastaccept: false,
        mime_email: 'TUVTU0FHRQ==',
      },
    );
  });
});

describe('the check of SMTP2GO', () => {
  it.each([
    [answer(400, invalidField('mime_email', "The field 'mime_email' is required")), true, /lets it send/],
    [answer(401, no('API_EXCEPTION', 'No valid API key was provided')), false, /API key/],
    [answer(400, no('ENDPOINT_PERMISSION_DENIED', 'You do not have permission')), false, /email\/mime/],
  ])('%#', (response, ok, text) => {
    expect(smtp2go.judgeCheck(response, PLACE)).toEqual({ ok, text: expect.stringMatching(text) });
  });
});
