// Amazon SES, API version 2: SendEmail with a raw message (docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html).
// The recipients stand in Destination. FromEmailAddress is left out: it would replace the message's own From. Bounces go to
// FeedbackForwardingEmailAddress, so the reverse-path stands there; for the null one Amazon takes the From. Pure.

import { type CatalogueRow, judgeByCatalogue, quoted, wordsOf } from './catalogue.ts';
import { replyLine } from './http-verdict.ts';
import { asObject, jsonObject, textAt } from './json-answer.ts';
import type { ApiPlace, ApiResponse, ApiTarget, ApiVerdict, SendingApi } from './sending-api.ts';

const clockWords = ({ upstream }: ApiPlace) =>
  `${upstream} does not take our signature, because this machine's clock is more than five minutes wrong. Set the clock, or let the machine follow a time server (NTP).`;

const keyWords = ({ upstream }: ApiPlace) =>
  `${upstream} does not accept our access key. Check in Amazon's IAM console that the key (the user in the URL) exists and is active, and set its secret access key with \`postern upstream set ${upstream} --password-stdin\`. The password of an SMTP user is another one.`;

const unverifiedWords = ({ upstream }: ApiPlace, { text }: Readonly<{ text: string }>) => {
  const named = /region [\w-]+: (.+)$/s.exec(text)?.[1];
  const which = named === undefined ? 'the sender' : quoted(named);
  return `${upstream} does not send, because it has not verified ${which}. Verify the address or its domain there, in the same region; while the account is in Amazon's sandbox, this holds for recipients too.`;
};

const CATALOGUE: readonly CatalogueRow[] = [
  { code: /^(TooManyRequests|Throttling|LimitExceeded)/, text: /quota|24.?hour|daily/i, meaning: 'quota' },
  { code: /^(TooManyRequests|Throttling|RequestLimitExceeded|SlowDown)/, meaning: 'throttled' },
  { code: /^LimitExceeded/, meaning: 'quota' },

  // Of the recipients, in the sandbox, or of the sender: the answer names the addresses, not their part.
  {
    code: /^MessageRejected/,
    text: /not verified/i,
    meaning: 'sender-identity',
    words: unverifiedWords,
    apart: true,
  },
  {
    code: /^MessageRejected/,
    text: /(address|recipient).*(blacklist|suppress)/i,
    meaning: 'recipient-refused',
  },
  {
    code: /^MailFromDomainNotVerified/,
    meaning: 'sender-identity',
    words: ({ upstream }) =>
      `${upstream} does not send as this sender, because the custom MAIL FROM domain of its identity has no working MX record. Mend the record, or remove the custom MAIL FROM domain in Amazon's console.`,
  },
  {
    code: /^AccessDenied/,
    text: /ses:Send/i,
    meaning: 'sender-identity',
    words: ({ upstream }) =>
      `${upstream} does not let our access key send as this sender. The policy of its IAM user must allow ses:SendEmail and ses:SendRawEmail for the identity.`,
  },
  {
    code: /^AccountSuspended/,
    meaning: 'credentials',
    words: ({ upstream }) =>
      `Amazon has ended sending for the account of ${upstream} for good. Only its support can change that; use another upstream meanwhile.`,
  },
  {
    code: /SendingPaused/,
    meaning: 'credentials',
    words: ({ upstream }) =>
      `Sending is paused for the account of ${upstream} (or for its configuration set), by its owner or by Amazon because of bounces and complaints. See the account dashboard in Amazon's console.`,
  },

  // The signature: our clock, the region, the key.
  { code: /^(RequestExpired|RequestTimeTooSkewed)/, meaning: 'credentials', words: clockWords },
  {
    text: /^signature (expired|not yet current)|request has expired|too skewed/i,
    meaning: 'credentials',
    words: clockWords,
  },
  {
    text: /scoped to (a valid|the correct) region/i,
    meaning: 'misconfigured',
    words: ({ upstream, host }) =>
      `${host} belongs to another region than our signature. Set the right one with \`postern upstream set ${upstream} --region REGION\`.`,
  },
  {
    code: /^ExpiredToken/,
    meaning: 'credentials',
    words: ({ upstream }) =>
      `The access key of ${upstream} was a temporary one and has expired. Use the access key of an IAM user.`,
  },
  {
    code: /^(SignatureDoesNotMatch|InvalidSignature|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|MissingAuthenticationToken|IncompleteSignature|NotAuthorized|OptInRequired)/,
    meaning: 'credentials',
    words: keyWords,
  },

  // The message.
  {
    text: /message (length|size)|length is more than|exceed\w* .*\bsize|too (long|large)\b/i,
    meaning: 'too-large',
  },
  { text: /recipient count|too many recipients|more than 50/i, meaning: 'too-many-recipients' },
  { code: /^MessageRejected/, meaning: 'message-refused' },
  {
    code: /^(BadRequest|InvalidParameterValue|ValidationError|ValidationException)/,
    text: /illegal address|invalid (email )?address|missing final '?@domain|missing '?@|domain (starts|ends|contains)|local (address|part)|recipient.*invalid|address.*(invalid|malformed)/i,
    meaning: 'recipient-refused',
    words: ({ upstream }, { text }) =>
      `${upstream} does not accept how an address of this message is written (${quoted(text)}).`,
  },
  {
    code: /^(BadRequest|InvalidParameterValue)/,
    text: /duplicate header|transaction failed|\bMIME\b|\bheaders?\b|boundary|unsupported (file|attachment|content)/i,
    meaning: 'message-refused',
  },
  // Named in the message's header (X-SES-CONFIGURATION-SET), or as the identity's default: of one message or of all.
  {
    code: /^NotFound|ConfigurationSetDoesNotExist/,
    text: /configuration set/i,
    meaning: 'broken',
    words: ({ upstream }, { text }) =>
      `${upstream} does not know the configuration set that the message or the sender's identity names (${quoted(text)}). Make it there, or take it away from the identity.`,
  },
];

export const ses: SendingApi = {
  title: 'Amazon SES',
  authentication: { kind: 'aws', service: 'ses', region: sesRegion },
  user: 'the id of an access key that may send, such as AKIAIOSFODNN7EXAMPLE',
  defaultHost: 'email.us-east-1.amazonaws.com',
  defaultPath: '/v2/email',
  largestMessage: 40 * 1024 * 1024,
  eightBit: true,
  mostRecipients: 50,
  recipientsFrom: 'envelope',
  idempotent: false,
  request: ({ reversePath, recipients }) => {
    const bounces = reversePath === '' ? {} : { FeedbackForwardingEmailAddress: reversePath };
    const envelope = JSON.stringify({ Destination: { ToAddresses: recipients }, ...bounces });
    return {
      method: 'POST',
      path: '/outbound-emails',
      headers: { 'Content-Type': 'application/json' },
      body: [`${envelope.slice(0, -1)},"Content":{"Raw":{"Data":"`, { message: 'base64' }, '"}}}'],
    };
  },
  judge,
  check: () => ({ method: 'GET', path: '/account', headers: {}, body: [] }),
  judgeCheck,
  lateBounces:
    'Amazon mails what it cannot deliver to the sender of the message, unless that is switched off for the identity; its console counts bounces and complaints and keeps a suppression list.',
};

/** Of its own hosts the name says it: `email.eu-west-1.amazonaws.com`. What is not Amazon's needs the setting. */
export function sesRegion({ host, region }: Pick<ApiTarget, 'host' | 'region'>): string {
  return (
    region ?? /^email(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\./i.exec(host)?.[1]?.toLowerCase() ?? 'us-east-1'
  );
}

function judge(response: ApiResponse, place: ApiPlace): ApiVerdict {
  const body = jsonObject(response.body);
  if (response.status === 200 && body !== null) {
    return { kind: 'accepted', reply: replyLine(response, `MessageId ${textAt(body, 'MessageId')}`) };
  }
  return judgeByCatalogue(CATALOGUE, response, place, errorOf(response));
}

/** `x-amzn-ErrorType: MessageRejected:http://internal.amazon.com/…`, or `__type` with a namespace before `#`. */
function errorOf({ headers, body }: ApiResponse): Readonly<{ code: string; text: string }> {
  const object = jsonObject(body);
  const type = headers['x-amzn-errortype'] ?? textAt(object, '__type', 'code', 'Code');
  const code = type.replace(/^.*#/, '').replace(/:.*$/s, '').trim();
  return { code, text: textAt(object, 'message', 'Message') };
}

function judgeCheck(response: ApiResponse, place: ApiPlace): Readonly<{ ok: boolean; text: string }> {
  const body = jsonObject(response.body);
  if (response.status === 200 && body !== null)
    return { ok: body['SendingEnabled'] !== false, text: account(body) };
  const error = errorOf(response);
  // A key that may do nothing but send is a good one.
  if (/^AccessDenied/.test(error.code) && /ses:GetAccount/i.test(error.text)) {
    return {
      ok: true,
      text: 'Amazon accepts the access key. It may not read the state of the account (ses:GetAccount), which sending does not need.',
    };
  }
  return { ok: false, text: wordsOf(judge(response, place), place) };
}

function account(body: Readonly<Record<string, unknown>>): string {
  if (body['SendingEnabled'] === false)
    return "Amazon accepts the access key, but sending is switched off for the account. See the account dashboard in Amazon's console.";
  const quota = asObject(body['SendQuota']);
  const [sent, most] = [textAt(quota, 'SentLast24Hours'), textAt(quota, 'Max24HourSend')];
  const used = most === '' ? '' : ` ${sent === '' ? '0' : sent} of ${most} messages in 24 hours are used.`;
  return body['ProductionAccessEnabled'] === false
    ? `Amazon accepts the access key.${used} The account is in the sandbox: it sends to verified addresses only, until you request production access in Amazon's console.`
    : `Amazon accepts the access key.${used}`;
}
