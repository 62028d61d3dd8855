// What Amazon SES answers, and what each answer must come to. Types and texts are Amazon's, from the reference of SendEmail,
// its common errors, and what its users report.

import { describe, expect, it } from 'vitest';
import { ses, sesRegion } from '../../../server/relay/apis/ses.ts';
import { answer, expectFitForPeople, PLACE, shortVerdict } from './verdict.ts';

const TABLE: readonly (readonly [status: number, type: string, message: string, verdict: string])[] = [
  [
    400,
    'MessageRejected',
    'Email address is not verified. The following identities failed the check in region EU-WEST-1: scanner@example.com',
    'deferred:sender-identity apart',
  ],
  [400, 'MessageRejected', 'Email address is not verified.', 'deferred:sender-identity apart'],
  [400, 'MessageRejected', 'Address blacklisted.', 'failed:recipient-refused apart'],
  [400, 'MessageRejected', 'The message contains a virus.', 'failed:message-refused'],
  [
    400,
    'MailFromDomainNotVerifiedException',
    'MX record for MAIL FROM domain mail.example.com is missing.',
    'deferred:sender-identity',
  ],
  [400, 'AccountSuspendedException', 'The message cannot be sent.', 'fault:credentials'],
  [400, 'SendingPausedException', 'Email sending is disabled for your AWS account.', 'fault:credentials'],
  [
    400,
    'ConfigurationSetSendingPausedException',
    'Sending is paused for the configuration set.',
    'fault:credentials',
  ],

  [429, 'TooManyRequestsException', 'Maximum sending rate exceeded.', 'fault:throttled'],
  [429, 'TooManyRequestsException', 'Daily message quota exceeded.', 'fault:quota'],
  [400, 'ThrottlingException', 'Rate exceeded', 'fault:throttled'],
  [400, 'Throttling', 'Maximum sending rate exceeded.', 'fault:throttled'],
  [
    400,
    'LimitExceededException',
    'There are too many instances of the specified resource type.',
    'fault:quota',
  ],

  [
    403,
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
    'fault:credentials',
  ],
  [
    403,
    'InvalidClientTokenId',
    'The security token included in the request is invalid.',
    'fault:credentials',
  ],
  [
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided.',
    'fault:credentials',
  ],
  [
    403,
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided.',
    'fault:credentials',
  ],
  [
    403,
    'InvalidSignatureException',
    'Signature expired: 20261121T110000Z is now earlier than 20261121T115500Z',
    'fault:credentials',
  ],
  [
    403,
    'InvalidSignatureException',
    "Credential should be scoped to a valid region, not 'us-east-1'. ",
    'fault:unreachable',
  ],
  [400, 'RequestExpired', 'Request has expired.', 'fault:credentials'],
  [
    403,
    'ExpiredTokenException',
    'The security token included in the request is expired',
    'fault:credentials',
  ],
  [403, 'MissingAuthenticationTokenException', 'Missing Authentication Token', 'fault:credentials'],
  [
    403,
    'AccessDeniedException',
    "User `arn:aws:iam::123456789012:user/scan' is not authorized to perform `ses:SendRawEmail' on resource `arn:aws:ses:eu-west-1:123456789012:identity/example.com'",
    'deferred:sender-identity',
  ],
  [403, 'AccessDeniedException', 'Access denied.', 'fault:credentials'],
  [403, 'OptInRequired', 'The AWS Access Key Id needs a subscription for the service', 'fault:credentials'],

  [
    400,
    'BadRequestException',
    'Message length is more than 41943040 bytes long: 50000000.',
    'failed:not-supported-upstream',
  ],
  [400, 'BadRequestException', 'Recipient count exceeds 50.', 'deferred:refused-for-now apart'],
  [400, 'BadRequestException', 'Illegal address', 'failed:recipient-refused apart'],
  [400, 'BadRequestException', "Missing final '@domain'", 'failed:recipient-refused apart'],
  [
    400,
    'BadRequestException',
    'Local address contains control or whitespace',
    'failed:recipient-refused apart',
  ],
  [400, 'BadRequestException', "Duplicate header 'MIME-Version'.", 'failed:message-refused'],
  [400, 'BadRequestException', 'Something that nobody has seen.', 'deferred:refused-for-now'],
  [
    400,
    'SerializationException',
    'Start of structure or map found where not expected.',
    'deferred:refused-for-now',
  ],
  [404, 'NotFoundException', 'Configuration set <printers> does not exist.', 'lost:connection-lost'],
  [404, 'UnknownOperationException', '', 'fault:unreachable'],
  [500, 'InternalServiceErrorException', 'Failed to process the request', 'lost:connection-lost'],
  [500, 'InternalFailure', '', 'lost:connection-lost'],
  [
    503,
    'ServiceUnavailable',
    'The request has failed due to a temporary failure of the server.',
    'fault:unreachable',
  ],
];

const said = (status: number, type: string, message: string) =>
  answer(status, { message }, { 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/` });

describe('Amazon SES', () => {
  it.each(TABLE)('%i %s: %s → %s', (status, type, message, verdict) => {
    const response = said(status, type, message);
    expect(shortVerdict(ses.judge(response, PLACE))).toBe(verdict);
    expectFitForPeople(ses, response);
  });

  it('takes a message', () => {
    const response = answer(200, { MessageId: '0102018f-1' });
    expect(ses.judge(response, PLACE)).toEqual({ kind: 'accepted', reply: 'HTTP 200 MessageId 0102018f-1' });
  });

  it('says the type of an error in the body, too', () => {
    const response = answer(400, { __type: 'com.amazonaws.ses#SendingPausedException', message: 'x' });
    expect(shortVerdict(ses.judge(response, PLACE))).toBe('fault:credentials');
  });

  it('is not what a page from something in between is', () => {
    expect(shortVerdict(ses.judge(answer(200, '<html>Log in to the hotel</html>'), PLACE))).toBe(
      'lost:ambiguous',
    );
    expect(shortVerdict(ses.judge(answer(403, '<html>Blocked</html>'), PLACE))).toBe('fault:credentials');
  });

  it('names the addresses that are not verified', () => {
    const judged = ses.judge(
      said(
        400,
        'MessageRejected',
        'Email address is not verified. The following identities failed the check in region EU-WEST-1: a@example.com, b@example.com',
      ),
      PLACE,
    );
    expect(judged).toMatchObject({
      verdict: {
        outcome: { text: expect.stringContaining('has not verified a@example.com, b@example.com') },
      },
    });
  });

  it('says that the clock is wrong, not the key', () => {
    const judged = ses.judge(
      said(403, 'InvalidSignatureException', 'Signature not yet current: 20991121T110000Z is still later'),
      PLACE,
    );
    expect(judged).toMatchObject({ verdict: { fault: { text: expect.stringContaining('clock') } } });
  });
});

describe('a request to Amazon SES', () => {
  const TARGET = { host: 'localhost', user: 'AKIAEXAMPLE', region: null, delegated: false };
  const bodyFor = (reversePath: string) =>
    ses
      .request({ reversePath, recipients: ['a@example.net', '"b c"@example.net'], messageId: 'm1' }, TARGET)
      .body.map(part => (typeof part === 'string' ? part : 'TUVTU0FHRQ=='))
      .join('');

  it('has its recipients and where bounces go, and no From that would replace the message’s', () => {
    expect(JSON.parse(bodyFor('scanner@example.com'))).toEqual({
      Destination: { ToAddresses: ['a@example.net', '"b c"@example.net'] },
      FeedbackForwardingEmailAddress: 'scanner@example.com',
      Content: { Raw: { Data: 'TUVTU0FHRQ==' } },
    });
  });

  it('names nobody for the bounces of a message from the null sender', () => {
    expect(JSON.parse(bodyFor(''))).not.toHaveProperty('FeedbackForwardingEmailAddress');
  });

  it.each([
    ['email.eu-west-1.amazonaws.com', null, 'eu-west-1'],
    ['email-fips.us-gov-west-1.amazonaws.com', null, 'us-gov-west-1'],
    ['email.cn-north-1.amazonaws.com.cn', null, 'cn-north-1'],
    ['localhost', 'eu-central-1', 'eu-central-1'],
    ['localhost', null, 'us-east-1'],
  ])('to %s with the region %s is signed for %s', (host, region, expected) => {
    expect(sesRegion({ host, region })).toBe(expected);
  });
});

describe('the check of Amazon SES', () => {
  const quota = { Max24HourSend: 50_000, SentLast24Hours: 12 };

  it.each([
    [
      answer(200, { SendingEnabled: true, ProductionAccessEnabled: true, SendQuota: quota }),
      true,
      /12 of 50000/,
    ],
    [
      answer(200, { SendingEnabled: true, ProductionAccessEnabled: false, SendQuota: quota }),
      true,
      /sandbox/,
    ],
    [answer(200, { SendingEnabled: false, ProductionAccessEnabled: true }), false, /switched off/],
    [
      said(
        403,
        'AccessDeniedException',
        'User: arn:aws:iam::1:user/x is not authorized to perform: ses:GetAccount on resource: x',
      ),
      true,
      /accepts the access key/,
    ],
    [
      said(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.'),
      false,
      /access key/,
    ],
    [answer(502, '<html>Bad gateway</html>'), false, /\./],
  ])('%#', (response, ok, text) => {
    expect(ses.judgeCheck(response, PLACE)).toEqual({ ok, text: expect.stringMatching(text) });
  });
});
