// The Gmail API: messages.send as a media upload (developers.google.com/workspace/gmail/api/reference/rest). The body is the
// message as it is; who gets it stands in its header alone. `me` is whose token is sent. Pure.

import { type CatalogueRow, judgeByCatalogue, quoted, wordsOf } from './catalogue.ts';
import { replyLine } from './http-verdict.ts';
import { asObject, type JsonObject, jsonObject, textAt } from './json-answer.ts';
import type { ApiPlace, ApiRequest, ApiResponse, ApiVerdict, BodyPart, SendingApi } from './sending-api.ts';

type Words = NonNullable<CatalogueRow['words']>;

const SCOPE = 'https://www.googleapis.com/auth/gmail.send';

const mailboxOf = ({ user }: ApiPlace) => (user === null ? 'the mailbox' : `the mailbox ${user}`);

const tokenWords: Words = ({ upstream }) =>
  `${upstream} does not accept our access token. Authorise Postern once more with \`postern upstream authorize ${upstream}\`.`;

const scopeWords: Words = ({ upstream }) =>
  `${upstream} does not let us send: the consent does not cover it. Run \`postern upstream authorize ${upstream}\` and tick the box for sending mail (scope ${SCOPE}).`;

const disabledWords: Words = ({ upstream }) =>
  `The Gmail API is not switched on in the Google Cloud project of our OAuth client. Switch it on (APIs & Services, Library, Gmail API); a few minutes later ${upstream} works.`;

const policyWords: Words = ({ upstream }, { text }) =>
  `The Workspace administrator does not let applications like ours use ${upstream} (${quoted(text)}). Allow the OAuth client in the Admin console under Security, API controls.`;

const noMailWords: Words = place =>
  `Gmail is not switched on for ${mailboxOf(place)} of ${place.upstream}. Switch the service on for the user in the Admin console; a service account needs domain-wide delegation and a user to act for.`;

const CATALOGUE: readonly CatalogueRow[] = [
  // "User-rate limit exceeded. Retry after … (Mail sending)": the limit of a day, under the reason of a rate.
  { text: /\(Mail sending\)|daily .*(limit|quota)|sending limit/i, meaning: 'quota' },
  { code: /^(dailyLimitExceeded|quotaExceeded|limitExceeded)/, meaning: 'quota' },
  {
    code: /^(rateLimitExceeded|userRateLimitExceeded|concurrentLimitExceeded|RESOURCE_EXHAUSTED)/,
    meaning: 'throttled',
  },

  { status: [401], meaning: 'credentials', words: tokenWords },
  {
    text: /insufficient (authentication scopes|permission)|ACCESS_TOKEN_SCOPE_INSUFFICIENT/i,
    meaning: 'credentials',
    words: scopeWords,
    inToken: true,
  },
  {
    code: /^(insufficientPermissions|insufficientScope)/,
    meaning: 'credentials',
    words: scopeWords,
    inToken: true,
  },
  { code: /^accessNotConfigured/, meaning: 'credentials', words: disabledWords },
  {
    text: /SERVICE_DISABLED|has not been used in project|it is disabled/i,
    meaning: 'credentials',
    words: disabledWords,
  },
  { code: /^(domainPolicy|accessDenied|adminPolicy)/, meaning: 'credentials', words: policyWords },
  { text: /delegation denied/i, meaning: 'credentials', words: noMailWords },
  { text: /mail service not enabled/i, meaning: 'credentials', words: noMailWords },
  { code: /^(failedPrecondition|FAILED_PRECONDITION)/, meaning: 'credentials', words: noMailWords },

  { code: /^(uploadTooLarge|mediaTooLarge|requestTooLarge)/, meaning: 'too-large' },
  {
    text: /(message|request|upload|media)\b.*(too large|exceeds? .*(limit|size))/i,
    status: [400, 413],
    meaning: 'too-large',
  },
  { text: /too many recipients|recipients? .*limit/i, status: [400], meaning: 'too-many-recipients' },
  { text: /recipient address required|invalid (to|cc|bcc) header/i, meaning: 'recipient-refused' },
  { text: /invalid from header/i, meaning: 'sender-identity' },
  { text: /attachment|malformed|invalid (message|mime)/i, status: [400], meaning: 'message-refused' },
];

export const gmail: SendingApi = {
  title: 'Gmail API',
  authentication: { kind: 'token' },
  user: 'the mailbox, such as someone@gmail.com',
  defaultHost: 'gmail.googleapis.com',
  defaultPath: '',
  // As Google's discovery document says of this method.
  largestMessage: 35 * 1024 * 1024,
  eightBit: true,
  mostRecipients: 500,
  recipientsFrom: 'header',
  idempotent: false,
  request: () => upload({ message: 'as-it-is' }),
  judge,
  // Nothing is sent: that there is no recipient is said only to who may send.
  check: () => upload('Subject: check\r\n\r\n'),
  judgeCheck: (response, place) =>
    response.status === 400 && /recipient address required/i.test(errorOf(response).text)
      ? { ok: true, text: `The Gmail API takes our token and lets it send from ${mailboxOf(place)}.` }
      : { ok: false, text: wordsOf(judge(response, place), place) },
  lateBounces: 'What Gmail cannot deliver comes back as a message to the mailbox that sent it.',
};

function upload(body: BodyPart): ApiRequest {
  return {
    method: 'POST',
    path: '/upload/gmail/v1/users/me/messages/send?uploadType=media',
    headers: { 'Content-Type': 'message/rfc822' },
    body: [body],
  };
}

function judge(response: ApiResponse, place: ApiPlace): ApiVerdict {
  const id = textAt(jsonObject(response.body), 'id');
  if (response.status === 200 && id !== '') {
    const said = `OK: handed over (id ${id}); late bounces come to ${mailboxOf(place)}`;
    return { kind: 'accepted', reply: replyLine(response, said) };
  }
  const error = errorOf(response);
  const until = /retry after (\d{4}-\d\d-\d\dT[\d:.]+Z)/i.exec(error.text)?.[1];
  const headers = until === undefined ? {} : { 'retry-after': until };
  return judgeByCatalogue(
    CATALOGUE,
    { ...response, headers: { ...headers, ...response.headers } },
    place,
    error,
  );
}

/** `errors[].reason` says most; newer answers have it in `details` as well. */
function errorOf({ body }: ApiResponse): Readonly<{ code: string; text: string }> {
  const error = asObject(jsonObject(body)?.['error']);
  const [first] = listAt(error, 'errors');
  const info = listAt(error, 'details')
    .map(one => textAt(one, 'reason'))
    .find(reason => reason !== '');
  const text = textAt(error, 'message');
  return {
    code: textAt(first ?? null, 'reason') || textAt(error, 'status'),
    text: info === undefined || text.includes(info) ? text : `${text} (${info})`,
  };
}

function listAt(object: JsonObject | null, name: string): readonly JsonObject[] {
  const value = object?.[name];
  return Array.isArray(value) ? value.map(asObject).filter(one => one !== null) : [];
}
