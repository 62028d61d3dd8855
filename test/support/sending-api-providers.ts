// What six sending APIs do with a request, by their documentation: Amazon SES v2, Mailgun, SMTP2GO, SparkPost, Microsoft
// Graph, Gmail. Each checks who asks, then the form of the request, then its limits, and answers in the provider's words.

import { awsRefusal } from './aws-verifier.ts';
import { parseForm } from './form-data.ts';
import {
  at,
  base64,
  byHeader,
  headerOf,
  isText,
  json,
  looksLikeAddress,
  unverifiedSender,
} from './sending-api-requests.ts';
import type { HeardRequest, StandInAnswer, Taken } from './sending-api-stand-in.ts';

export type ProviderName = 'ses' | 'mailgun' | 'smtp2go' | 'sparkpost' | 'graph' | 'gmail';

export type StandInSettings = Readonly<{
  /** API key, secret access key, or for Graph and Gmail the token that is taken now. */
  secret: string | (() => string);
  /** Mailgun: the domain. SES: the id of the access key. Graph: the mailbox. */
  user?: string;
  /** SES. */
  region?: string;
  /** Domains of senders that are verified; absent: all. */
  verified?: readonly string[];
  /** Its clock, for signatures. */
  now?: () => number;
}>;

/** `taken`: null, where nothing was. */
export type Provider = (
  request: HeardRequest,
  settings: StandInSettings,
) => Readonly<{ answer: StandInAnswer; taken: Promise<Taken | null> }>;

type Handled = ReturnType<Provider>;

const MIB = 1024 * 1024;

const ses: Provider = (request, settings) => {
  const no = (status: number, type: string, message: string) =>
    refused(status, { message }, { 'x-amzn-errortype': type });
  const problem = awsRefusal(request, {
    keyId: settings.user ?? 'AKIAEXAMPLE',
    secretKey: secretOf(settings),
    region: settings.region ?? 'us-east-1',
    service: 'ses',
    now: settings.now ?? Date.now,
  });
  if (problem !== null) return no(403, problem.type, problem.message);
  if (request.method === 'GET' && request.target.endsWith('/v2/email/account')) {
    const SendQuota = { Max24HourSend: 200, MaxSendRate: 1, SentLast24Hours: 7 };
    return refused(200, { SendingEnabled: true, ProductionAccessEnabled: false, SendQuota });
  }
  if (request.method !== 'POST' || !request.target.endsWith('/v2/email/outbound-emails'))
    return no(404, 'UnknownOperationException', 'Unknown operation');
  const body = json(request);
  if (body === null)
    return no(400, 'SerializationException', 'Start of structure or map found where not expected.');
  const feedback = at(body, 'FeedbackForwardingEmailAddress');
  const recipients = ['ToAddresses', 'CcAddresses', 'BccAddresses']
    .flatMap(list => at(body, 'Destination', list))
    .filter(isText);
  const message = base64(at(body, 'Content', 'Raw', 'Data'));
  if (message === null || message.length === 0)
    return no(400, 'BadRequestException', 'Raw message data must be base64-encoded.');
  if (recipients.length > 50) return no(400, 'BadRequestException', 'Recipient count exceeds 50.');
  if (message.length > 40 * MIB)
    return no(400, 'BadRequestException', 'Message length is more than 41943040 bytes long.');
  const unverified = unverifiedSender(message, settings);
  if (unverified !== null)
    return no(
      400,
      'MessageRejected',
      `Email address is not verified. The following identities failed the check in region ${(settings.region ?? 'us-east-1').toUpperCase()}: ${unverified}`,
    );
  return took(
    { MessageId: '0102018f0000-example' },
    { message, recipients, reversePath: isText(feedback) ? feedback : null },
  );
};

const mailgun: Provider = (request, settings) => {
  const right = `Basic ${Buffer.from(`api:${secretOf(settings)}`).toString('base64')}`;
  if (request.headers['authorization'] !== right) return refusedText(401, 'Forbidden');
  const domain = settings.user ?? 'mg.example.com';
  if (!request.target.endsWith('/messages.mime'))
    return refusedText(404, '<title>404 Not Found</title><h1>Not Found</h1>');
  if (!request.target.endsWith(`/v3/${domain}/messages.mime`))
    return refused(404, { message: `Domain not found: ${request.target.split('/').at(-2)}` });
  const parts = parseForm(request.headers['content-type'] ?? '', request.body);
  if (parts === null) return refused(400, { message: 'request body is not a valid form' });
  const recipients = parts.filter(part => part.name === 'to').map(part => part.content.toString('utf8'));
  const file = parts.find(part => part.name === 'message' && part.filename !== null);
  if (recipients.length === 0) return refused(400, { message: 'to parameter is missing' });
  if (recipients.length > 1000) return refused(400, { message: 'Too many recipients: the maximum is 1000' });
  if (!recipients.every(looksLikeAddress))
    return refused(400, { message: "'to' parameter is not a valid address. please check documentation" });
  if (file === undefined) return refused(400, { message: "'message' parameter is missing" });
  if (file.content.length > 25 * MIB) return refused(413, { message: 'Message is too large' });
  return took(
    { id: '<20261121.1@mg.example.com>', message: 'Queued. Thank you.' },
    { message: file.content, recipients, reversePath: null },
  );
};

const smtp2go: Provider = (request, settings) => {
  const no = (status: number, error_code: string, error: string) =>
    refused(status, {
      request_id: 'example',
      data: { error_code: `E_ApiResponseCodes.${error_code}`, error },
    });
  if (request.headers['x-smtp2go-api-key'] !== secretOf(settings))
    return no(401, 'API_EXCEPTION', "An API User matching the passed 'api_key' was not found");
  if (request.method !== 'POST' || !request.target.endsWith('/v3/email/mime'))
    return no(404, 'API_EXCEPTION', 'The requested resource does not exist');
  const message = base64(at(json(request), 'mime_email'));
  if (message === null)
    return no(
      400,
      'NON_VALIDATING_IN_PAYLOAD',
      "The field 'mime_email' is required, Please correct your JSON payload and try again.",
    );
  if (message.length > 50 * MIB)
    return no(400, 'API_EXCEPTION', 'The email exceeds the maximum size of 50 MB');
  const sent = (failed: number, failures: readonly string[]) => ({
    request_id: 'example',
    data: {
      failed,
      failures,
      succeeded: 1 - failed,
      ...(failed === 0 ? { email_id: '1u0SwL-example' } : {}),
    },
  });
  if (unverifiedSender(message, settings) !== null)
    return refused(200, sent(1, ['550 From header sender domain not verified']));
  return { answer: { status: 200, body: JSON.stringify(sent(0, [])) }, taken: byHeader(message) };
};

const sparkpost: Provider = (request, settings) => {
  const no = (status: number, code: string, message: string, description?: string) =>
    refused(status, { errors: [{ message, code, ...(description === undefined ? {} : { description }) }] });
  if (request.headers['authorization'] !== secretOf(settings))
    return refused(401, { errors: [{ message: 'Unauthorized.' }] });
  if (request.method !== 'POST' || !request.target.endsWith('/api/v1/transmissions'))
    return no(404, '1101', 'invalid URI');
  const body = json(request);
  if (body === null) return no(422, '1300', 'invalid data format/type');
  const [content, listed] = [at(body, 'content', 'email_rfc822'), at(body, 'recipients')];
  if (!isText(content))
    return no(422, '1400', 'required field is missing', 'content object or template_id required');
  const recipients = (Array.isArray(listed) ? listed : [])
    .map(one => at(one, 'address', 'email'))
    .filter(isText);
  if (recipients.length === 0)
    return no(422, '1400', 'required field is missing', 'recipients or list_id required');
  if (!recipients.every(looksLikeAddress)) return no(400, '5002', 'No valid recipients in list');
  const message = Buffer.from(content, 'utf8');
  if (message.length > 20 * MIB) return refusedText(413, 'Request Entity Too Large');
  const unverified = unverifiedSender(message, settings);
  if (unverified !== null)
    return no(400, '7001', 'Invalid domain', `Unconfigured Sending Domain <${unverified.split('@').at(-1)}>`);
  const results = {
    total_rejected_recipients: 0,
    total_accepted_recipients: recipients.length,
    id: '11668787484950529',
  };
  return took({ results }, { message, recipients, reversePath: null });
};

const graph: Provider = (request, settings) => {
  const no = (status: number, code: string, message: string) => refused(status, { error: { code, message } });
  if (request.headers['authorization'] !== `Bearer ${secretOf(settings)}`)
    return no(401, 'InvalidAuthenticationToken', 'Access token has expired or is not yet valid.');
  const mailbox = encodeURIComponent(settings.user ?? '');
  if (![`/v1.0/me/sendMail`, `/v1.0/users/${mailbox}/sendMail`].some(path => request.target.endsWith(path)))
    return no(404, 'Request_ResourceNotFound', 'Resource does not exist.');
  if (request.body.length > 4 * MIB)
    return no(413, 'RequestEntityTooLarge', 'The request body is too large.');
  if (request.headers['content-type'] !== 'text/plain')
    return no(400, 'BadRequest', 'Unable to read JSON request payload.');
  const message = base64(request.body.toString('latin1'));
  if (message === null || message.length === 0)
    return no(400, 'ErrorMimeContentInvalidBase64String', 'Invalid base64 string for MIME content.');
  if (unverifiedSender(message, settings) !== null)
    return no(
      403,
      'ErrorSendAsDenied',
      'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.',
    );
  return {
    answer: { status: 202, body: '', headers: { 'request-id': 'example' } },
    taken: byHeader(message),
  };
};

const gmail: Provider = (request, settings) => {
  const no = (code: number, reason: string, message: string) =>
    refused(code, { error: { code, message, errors: [{ message, domain: 'global', reason }] } });
  if (request.headers['authorization'] !== `Bearer ${secretOf(settings)}`)
    return no(
      401,
      'authError',
      'Request had invalid authentication credentials. Expected OAuth 2 access token.',
    );
  const isUpload = request.target.endsWith('/upload/gmail/v1/users/me/messages/send?uploadType=media');
  if (!isUpload || request.headers['content-type'] !== 'message/rfc822')
    return no(404, 'notFound', 'Not Found');
  if (request.body.length > 35 * MIB) return no(413, 'uploadTooLarge', 'Request Entity Too Large');
  if (!/^(to|cc|bcc):/im.test(headerOf(request.body)))
    return no(400, 'invalidArgument', 'Recipient address required');
  return {
    answer: { status: 200, body: JSON.stringify({ id: '18c0example', labelIds: ['SENT'] }) },
    taken: byHeader(request.body),
  };
};

export const providers: Readonly<Record<ProviderName, Provider>> = {
  ses,
  mailgun,
  smtp2go,
  sparkpost,
  graph,
  gmail,
};

function refused(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Handled {
  return { answer: { status, body: JSON.stringify(body), headers }, taken: Promise.resolve(null) };
}

function refusedText(status: number, body: string): Handled {
  return { answer: { status, body }, taken: Promise.resolve(null) };
}

function took(body: unknown, taken: Taken): Handled {
  return { answer: { status: 200, body: JSON.stringify(body) }, taken: Promise.resolve(taken) };
}

function secretOf({ secret }: StandInSettings): string {
  return typeof secret === 'string' ? secret : secret();
}
