// SparkPost: transmissions with a message as it is (developers.sparkpost.com/api/transmissions). It would take {{…}} for its
// template language and rewrite links: both are switched off, so that a device's mail stays what it is (in the header alone
// the template language cannot be). It makes the envelope's sender itself, so the null reverse-path is as good as any. Pure.

import { type ApiError, type CatalogueRow, judgeByCatalogue, wordsOf } from './catalogue.ts';
import { refusal, replyLine } from './http-verdict.ts';
import { asObject, jsonObject, textAt } from './json-answer.ts';
import type { ApiPlace, ApiResponse, ApiVerdict, SendingApi } from './sending-api.ts';

type Words = NonNullable<CatalogueRow['words']>;

const keyWords: Words = ({ upstream, host }) =>
  `${upstream} does not accept our API key, or does not let it send. Check in SparkPost that it exists and has the grant "Transmissions: Read/Write", and set it with \`postern upstream set ${upstream} --password-stdin\`. A key of SparkPost EU is only known at api.eu.sparkpost.com, and one of the US only at api.sparkpost.com (this is ${host}).`;

/** Codes from SparkPost's table of extended error codes. */
const CATALOGUE: readonly CatalogueRow[] = [
  { status: [401], meaning: 'credentials', words: keyWords },
  { code: /^(1100|1303|1304)$/, meaning: 'credentials', words: keyWords },
  {
    code: /^1601$/,
    meaning: 'credentials',
    words: ({ upstream }) =>
      `The plan of ${upstream} does not include sending by the API. See the account at SparkPost.`,
  },
  {
    text: /account.*(suspend|terminat|disabl)|suspended/i,
    meaning: 'credentials',
    words: ({ upstream }) => `The account of ${upstream} is suspended. SparkPost has mailed its owner why.`,
  },
  {
    code: /^2103$/,
    meaning: 'quota',
    words: ({ upstream }) =>
      `${upstream} still sends from SparkPost's sandbox domain, and its few messages are used up. Add and verify a sending domain there.`,
  },
  { status: [420], meaning: 'quota' },
  { code: /^21\d\d$/, text: /limit/i, meaning: 'quota' },
  {
    code: /^700[01]$/,
    meaning: 'sender-identity',
    words: ({ upstream }, { code }) =>
      code === '7000'
        ? `${upstream} has blocked the sender's domain. Ask SparkPost why, or give the account another sender.`
        : `${upstream} does not send as this sender: its domain is not a verified sending domain. Verify it in SparkPost under Sending Domains, or give the account another sender.`,
  },
  { text: /(unconfigured|unverified|no|invalid) sending domain/i, meaning: 'sender-identity' },
  { code: /^(1502|1900)$/, meaning: 'unavailable' },
  { code: /^(1901|1902|1910|1305|30[0-5]\d)$/, meaning: 'message-refused' },
  { text: /mime (tree|pars|construct)|pars\w* .*(mime|rfc ?822|content)/i, meaning: 'message-refused' },
  { text: /(content|message|payload|entity).*(too large|size|limit)|too large/i, meaning: 'too-large' },
  { code: /^5002$/, meaning: 'recipient-refused' },
  { code: /^(1300|1400)$/, text: /recipient|address/i, meaning: 'recipient-refused' },
  { code: /^1101$/, meaning: 'misconfigured' },
];

export const sparkpost: SendingApi = {
  title: 'SparkPost',
  authentication: { kind: 'header', name: 'Authorization', prefix: '' },
  user: null,
  defaultHost: 'api.sparkpost.com',
  defaultPath: '/api/v1',
  largestMessage: 20 * 1024 * 1024,
  eightBit: false,
  // Of several it would say how many it rejected, and not which: one of them would be lost without a word.
  mostRecipients: 1,
  recipientsFrom: 'envelope',
  idempotent: false,
  request: ({ recipients }) => {
    const options = {
      transactional: true,
      open_tracking: false,
      click_tracking: false,
      perform_substitutions: false,
    };
    const addressed = recipients.map(email => ({ address: { email } }));
    const envelope = JSON.stringify({ options, recipients: addressed });
    return {
      method: 'POST',
      path: '/transmissions',
      headers: JSON_BODY,
      body: [`${envelope.slice(0, -1)},"content":{"email_rfc822":"`, { message: 'json' }, '"}}'],
    };
  },
  judge,
  // Without recipients and content nothing is sent; only a key that may send is told what is missing.
  check: () => ({ method: 'POST', path: '/transmissions', headers: JSON_BODY, body: ['{}'] }),
  judgeCheck: (response, place) => {
    const isKeyFine = [400, 422].includes(response.status) && /^(1[234]\d\d)$/.test(errorOf(response).code);
    return isKeyFine && !/^130[34]$/.test(errorOf(response).code)
      ? { ok: true, text: 'SparkPost accepts the API key and lets it send.' }
      : { ok: false, text: wordsOf(judge(response, place), place) };
  },
  lateBounces:
    'What SparkPost cannot deliver, or cannot generate after it took it, stands under Events on its pages, and an address that bounced is suppressed there; it mails nobody about it.',
};

const JSON_BODY = { 'Content-Type': 'application/json', Accept: 'application/json' } as const;

function judge(response: ApiResponse, place: ApiPlace): ApiVerdict {
  const results = asObject(jsonObject(response.body)?.['results']);
  if (response.status !== 200 || results === null) {
    return judgeByCatalogue(CATALOGUE, response, place, errorOf(response));
  }
  if (results['total_accepted_recipients'] === 0) {
    const { code, text } = firstOf(results['rcpt_to_errors']);
    return refusal('recipient-refused', response, place, { line: replyLine(response, code, text) });
  }
  return { kind: 'accepted', reply: replyLine(response, `transmission ${textAt(results, 'id')}`) };
}

function errorOf({ body }: ApiResponse): ApiError {
  return firstOf(jsonObject(body)?.['errors']);
}

/** `[{ message, description, code }]`: the first says most. */
function firstOf(errors: unknown): ApiError {
  const first = Array.isArray(errors) ? asObject(errors[0]) : null;
  const text = [textAt(first, 'message'), textAt(first, 'description')].filter(one => one !== '').join(': ');
  return { code: textAt(first, 'code'), text };
}
