// SMTP2GO: /email/mime (developers.smtp2go.com/reference/send-mime-email). It sends to those whom the message's header names
// and makes the envelope's sender itself, so the null reverse-path is as good as any. `fastaccept` would answer before the
// message was looked at: then nobody would learn why it was refused. Pure.

import { parseRemoteReply } from '../remote-reply.ts';
import { replyMeaning } from '../reply-meaning.ts';
import { type ApiError, type CatalogueRow, judgeByCatalogue, quoted, wordsOf } from './catalogue.ts';
import { type ApiMeaning, refusal, replyLine } from './http-verdict.ts';
import { asObject, type JsonObject, jsonObject, shortened, textAt } from './json-answer.ts';
import type { ApiPlace, ApiResponse, ApiVerdict, SendingApi } from './sending-api.ts';

type Words = NonNullable<CatalogueRow['words']>;

const keyWords: Words = ({ upstream }) =>
  `${upstream} does not accept our API key. Check in SMTP2GO under Sending > API Keys that it exists and is active, and set it with \`postern upstream set ${upstream} --password-stdin\`.`;

const permissionWords: Words = ({ upstream }) =>
  `The API key of ${upstream} may not send. Allow it the endpoint /email/mime in SMTP2GO under Sending > API Keys.`;

const senderWords: Words = ({ upstream }) =>
  `${upstream} does not send as this sender. Verify its domain, or the single address, in SMTP2GO under Sending > Verified Senders.`;

const CATALOGUE: readonly CatalogueRow[] = [
  { code: /ENDPOINT_PERMISSION_DENIED/, meaning: 'credentials', words: permissionWords },
  // Also with status 500: "An API User matching the passed 'api_key' was not found".
  {
    text: /api.?(key|user)\b.*(not found|invalid|disabled|no longer|missing|required|not valid)|invalid api.?key/i,
    meaning: 'credentials',
    words: keyWords,
  },
  { status: [401], meaning: 'credentials', words: keyWords },
  { status: [403], meaning: 'credentials', words: permissionWords },
  { text: /rate.?limit|too many requests|throttl/i, meaning: 'throttled' },
  {
    text: /(not|un-?)\s?verified|verify your|sender (address )?is not allowed/i,
    meaning: 'sender-identity',
    words: senderWords,
  },
  {
    text: /quota|(monthly|daily|hourly|plan|sending) (\w+ )?(limit|allowance)|limit (has been )?(reached|exceeded)|upgrade/i,
    meaning: 'quota',
  },
  {
    text: /account (has been |is )?(suspended|disabled|closed|under review)/i,
    meaning: 'credentials',
    words: ({ upstream }, { text }) =>
      `${upstream} does not let us send: ${quoted(text)}. See the account at SMTP2GO.`,
  },
  { text: /too large|size (limit|exceed)|exceed\w* .*\b(size|50 ?MB)/i, meaning: 'too-large' },
  {
    text: /too many recipients|recipients? .*(more than|maximum|at most|up to) 100/i,
    meaning: 'too-many-recipients',
  },
  {
    status: [400, 402],
    text: /\brecipients?\b|'(to|cc|bcc)'/i,
    meaning: 'recipient-refused',
  },
  // What does not validate is the message in our JSON; any other field would be a change of the API, and nobody's mail's fault.
  {
    status: [400],
    code: /NON_VALIDATING_IN_PAYLOAD/,
    text: /\b(mime_email|sender|from|subject)\b/i,
    meaning: 'message-refused',
  },
  {
    status: [400, 402],
    code: /API_EXCEPTION/,
    text: /mime|parse|decode|malformed|attachment|virus|spam|content/i,
    meaning: 'message-refused',
  },
];

export const smtp2go: SendingApi = {
  title: 'SMTP2GO',
  authentication: { kind: 'header', name: 'X-Smtp2go-Api-Key', prefix: '' },
  user: null,
  defaultHost: 'api.smtp2go.com',
  defaultPath: '/v3',
  largestMessage: 50 * 1024 * 1024,
  eightBit: true,
  mostRecipients: 100,
  recipientsFrom: 'header',
  idempotent: false,
  request: () => ({
    method: 'POST',
    path: '/email/mime',
    headers: JSON_BODY,
    body: ['{"fastaccept":false,"mime_email":"', { message: 'base64' }, '"}'],
  }),
  judge,
  // Without a message nothing is sent; only a key that may send is told what is missing.
  check: () => ({ method: 'POST', path: '/email/mime', headers: JSON_BODY, body: ['{}'] }),
  judgeCheck: (response, place) => {
    const { code, text } = errorOf(response);
    return response.status === 400 && (/NON_VALIDATING/.test(code) || /mime_email/.test(text))
      ? { ok: true, text: 'SMTP2GO accepts the API key and lets it send.' }
      : { ok: false, text: wordsOf(judge(response, place), place) };
  },
  lateBounces:
    'What SMTP2GO cannot deliver stands under Activity on its pages, and an address that bounced is suppressed there; it mails nobody about it.',
};

const JSON_BODY = { 'Content-Type': 'application/json', Accept: 'application/json' } as const;

function judge(response: ApiResponse, place: ApiPlace): ApiVerdict {
  const data = asObject(jsonObject(response.body)?.['data']);
  const error = errorOf(response);
  if (response.status !== 200 || data === null || error.code !== '' || error.text !== '')
    return judgeByCatalogue(CATALOGUE, response, place, error);
  const failures = failuresIn(data);
  if (failures === null) {
    return { kind: 'accepted', reply: replyLine(response, `email_id ${textAt(data, 'email_id')}`) };
  }
  return tookSome(data) ? partlyTaken(response, place, failures) : judgeFailure(response, place, failures);
}

function tookSome({ succeeded }: JsonObject): boolean {
  return typeof succeeded === 'number' && succeeded > 0;
}

/** It does not say whom: alone, each shows. That those who have it get it once more is better than that others never do. */
function partlyTaken(response: ApiResponse, place: ApiPlace, failures: string): ApiVerdict {
  const unclear = refusal('maybe-taken', response, place, { line: replyLine(response, failures) });
  return unclear.kind === 'refused' ? { ...unclear, apart: true } : unclear;
}

/** What went wrong while it sent, in its own words or those of its mail server; null: nothing did. */
function failuresIn(data: JsonObject): string | null {
  const { failed, failures } = data;
  const told = Array.isArray(failures)
    ? failures.map(one => (typeof one === 'string' ? one : JSON.stringify(one)))
    : [];
  if (told.length > 0) return shortened(told.join('; '));
  return failed === undefined || failed === 0 ? null : 'failed without a reason';
}

/** Such as `550 From header sender domain not verified`: the catalogue, else what SMTP says in the same words. */
function judgeFailure(response: ApiResponse, place: ApiPlace, text: string): ApiVerdict {
  const error: ApiError = { code: '', text };
  const isKnown = CATALOGUE.some(
    row => row.status === undefined && row.code === undefined && row.text?.test(text),
  );
  if (isKnown) return judgeByCatalogue(CATALOGUE, response, place, error);
  return refusal(smtpMeaning(text), response, place, { line: replyLine(response, text) });
}

function smtpMeaning(text: string): ApiMeaning {
  const reply = parseRemoteReply(text);
  const meaning = replyMeaning('body', reply);
  if (meaning === 'address-syntax') return 'recipient-refused';
  if (meaning !== null) return meaning;
  return reply.code !== null && [550, 552, 553, 554].includes(reply.code) ? 'message-refused' : 'unknown';
}

/** Under `data`, as the reference says, or at the top, as the page about errors does. */
function errorOf({ body }: ApiResponse): ApiError {
  const top = jsonObject(body);
  const data = asObject(top?.['data']);
  const has = textAt(data, 'error', 'error_code') === '' ? top : data;
  const field = asObject(has?.['field_validation_errors']);
  const invalid = [textAt(field, 'fieldname'), textAt(field, 'message')].filter(one => one !== '').join(': ');
  const text = [textAt(has, 'error'), invalid].filter(one => one !== '').join(' ');
  return { code: textAt(has, 'error_code'), text };
}
