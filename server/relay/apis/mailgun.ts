// Mailgun: messages.mime (documentation.mailgun.com), a form with a field `to` for each recipient and the message as a file.
// The sending domain is the user of the upstream's URL. Mailgun makes the envelope's sender itself, so the null reverse-path
// is as good as any. Pure.

import { type CatalogueRow, judgeByCatalogue, quoted, wordsOf } from './catalogue.ts';
import { replyLine } from './http-verdict.ts';
import { jsonObject, textAt } from './json-answer.ts';
import type { ApiPlace, ApiRequest, ApiResponse, ApiTarget, ApiVerdict, SendingApi } from './sending-api.ts';

type Words = NonNullable<CatalogueRow['words']>;

const keyWords: Words = ({ upstream }) =>
  `${upstream} does not accept our API key. Make a sending key for the domain (or an API key) in Mailgun's control panel and set it with \`postern upstream set ${upstream} --password-stdin\`.`;

const domainWords: Words = ({ upstream }, { text }) =>
  `${upstream} does not let us send: ${quoted(text)}. See the domain and the account in Mailgun's control panel.`;

const CATALOGUE: readonly CatalogueRow[] = [
  {
    text: /sandbox (sub)?domain|free accounts? (are|is) for test|authorized recipients/i,
    meaning: 'sender-identity',
    words: ({ upstream }) =>
      `${upstream} is a Mailgun account or domain for tests, which sends to authorised recipients only. Authorise the recipient there, or send from a domain of your own.`,
    apart: true,
  },
  { text: /too fast|rate limit|too many requests/i, meaning: 'throttled' },
  { text: /too many recipients|recipients? .*exceed\w* .*1000/i, meaning: 'too-many-recipients' },
  { text: /limit exceeded|over (its|the|your) .*limit|quota|limit reached/i, meaning: 'quota' },
  {
    text: /not allowed to send|activate your|account.*(disabled|suspended)|inactivity/i,
    meaning: 'credentials',
    words: domainWords,
  },
  {
    status: [404],
    text: /domain not found/i,
    meaning: 'misconfigured',
    words: ({ upstream, host, user }) =>
      `${host} does not know the domain ${user ?? ''}. Check it in the URL of ${upstream}; a domain in Mailgun's EU region is only known at api.eu.mailgun.net, and one in the US only at api.mailgun.net.`,
  },
  { status: [401], meaning: 'credentials', words: keyWords },
  {
    status: [403],
    meaning: 'credentials',
    words: (place, error) => (error.text === '' ? keyWords : domainWords)(place, error),
  },
  { text: /\bto'? parameter/i, status: [400], meaning: 'recipient-refused' },
  {
    text: /(message|size|attachment).*(too (big|large)|exceed)|too large/i,
    status: [400],
    meaning: 'too-large',
  },
  {
    text: /\bfrom'? parameter|\bmime\b|(parse|parsing|malformed|invalid).*(message|header)/i,
    status: [400],
    meaning: 'message-refused',
  },
];

export const mailgun: SendingApi = {
  title: 'Mailgun',
  authentication: { kind: 'basic', user: 'api' },
  user: 'the sending domain, such as mg.example.com',
  defaultHost: 'api.mailgun.net',
  defaultPath: '/v3',
  largestMessage: 25 * 1024 * 1024,
  eightBit: true,
  mostRecipients: 1000,
  recipientsFrom: 'envelope',
  idempotent: false,
  request: ({ recipients, messageId }, target) => {
    const boundary = `postern-${messageId}`;
    const fields = recipients.map(recipient => `${part(boundary, 'name="to"')}\r\n${recipient}\r\n`);
    const file = part(boundary, 'name="message"; filename="message.eml"', 'application/octet-stream');
    return form(boundary, target, [`${fields.join('')}${file}\r\n`, { message: 'as-it-is' }, '\r\n']);
  },
  judge,
  // A form without recipients sends nothing; only a key that may send there is told what is missing.
  check: target =>
    form('postern-check', target, [`${part('postern-check', 'name="o:testmode"')}\r\nyes\r\n`]),
  judgeCheck: (response, place) => {
    const { text } = errorOf(response);
    return response.status === 400 && /parameter|missing|required/i.test(text)
      ? { ok: true, text: `Mailgun accepts the key for the domain ${place.user ?? ''}.` }
      : { ok: false, text: wordsOf(judge(response, place), place) };
  },
  lateBounces:
    'What Mailgun cannot deliver stands in the logs and suppressions of its control panel; it mails nobody about it.',
};

/** The boundary holds an id of ours, which no message can contain before it was given to it. */
function form(boundary: string, { user }: ApiTarget, body: ApiRequest['body']): ApiRequest {
  return {
    method: 'POST',
    path: `/${encodeURIComponent(user ?? '')}/messages.mime`,
    headers: { 'Content-Type': `multipart/form-data; boundary="${boundary}"` },
    body: [...body, `--${boundary}--\r\n`],
  };
}

function part(boundary: string, disposition: string, type: string | null = null): string {
  const contentType = type === null ? '' : `Content-Type: ${type}\r\n`;
  return `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${contentType}`;
}

function judge(response: ApiResponse, place: ApiPlace): ApiVerdict {
  const body = jsonObject(response.body);
  if (response.status === 200 && body !== null) {
    return {
      kind: 'accepted',
      reply: replyLine(response, textAt(body, 'message'), `id ${textAt(body, 'id')}`),
    };
  }
  return judgeByCatalogue(CATALOGUE, response, place, errorOf(response));
}

/** JSON, except that a wrong key is answered with the word `Forbidden` alone. */
function errorOf({ body }: ApiResponse): Readonly<{ code: string; text: string }> {
  const object = jsonObject(body);
  return { code: '', text: object === null ? '' : textAt(object, 'message', 'Error', 'error') };
}
