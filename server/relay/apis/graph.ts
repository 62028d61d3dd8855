// Microsoft Graph: sendMail with a raw message (learn.microsoft.com/graph/api/user-sendmail). The body is the message in
// base64, in one line of text; who gets it stands in its header alone. A copy goes to the mailbox's Sent Items, which cannot
// be switched off for raw messages. The error codes are Exchange's own, those of consumers' mailboxes among them. Pure.

import { type CatalogueRow, judgeByCatalogue, quoted, wordsOf } from './catalogue.ts';
import { replyLine } from './http-verdict.ts';
import { asObject, jsonObject, textAt } from './json-answer.ts';
import type {
  ApiPlace,
  ApiRequest,
  ApiResponse,
  ApiTarget,
  ApiVerdict,
  BodyPart,
  SendingApi,
} from './sending-api.ts';

type Words = NonNullable<CatalogueRow['words']>;

/** A request has at most so many octets; base64 makes four of three. */
const LARGEST_REQUEST = 4 * 1024 * 1024;

const SCOPE = 'https://graph.microsoft.com/Mail.Send';

const mailboxOf = ({ user }: ApiPlace) => (user === null ? 'the mailbox' : `the mailbox ${user}`);

const permissionWords: Words = place =>
  `${place.upstream} does not let our application send from ${mailboxOf(place)}. Give it the permission Mail.Send in Microsoft Entra (where it sends without a person: the application permission, with an administrator's consent) and run \`postern upstream authorize ${place.upstream}\` again.`;

const tokenWords: Words = ({ upstream }) =>
  `${upstream} does not accept our access token. Authorise Postern once more with \`postern upstream authorize ${upstream}\`.`;

const noMailboxWords: Words = place =>
  `${place.upstream} finds no mailbox in Exchange Online for ${place.user ?? 'our account'}: it has no licence, is switched off, or is kept on a server of your own. Give it a licence, or use another mailbox in the upstream's URL.`;

const unknownWords: Words = place =>
  `${place.upstream} does not know ${mailboxOf(place)}. Check the user in the upstream's URL: it must be the mailbox's address in the tenant whose token is used.`;

const blockedWords: Words = (place, { text }) =>
  `Microsoft has stopped ${mailboxOf(place)} from sending (${quoted(text) || 'it gives no reason'}). Log in to it in a browser and follow what is asked there, or ask the administrator to lift the block.`;

const CATALOGUE: readonly CatalogueRow[] = [
  {
    code: /SendAsDenied|SendOnBehalf/i,
    meaning: 'sender-identity',
    words: place =>
      `${place.upstream} does not let us send as this sender. Give ${mailboxOf(place)} the right "Send As" for the address, or give the account another sender. Microsoft also refuses senders whose display name contains an @.`,
  },

  // Limits of the mailbox before anything else that speaks of recipients.
  {
    code: /^ErrorQuotaExceeded|^ErrorMailboxFull/i,
    meaning: 'quota',
    words: place =>
      `${mailboxOf(place)} at ${place.upstream} is full: each sent message is kept in its Sent Items. Delete mail there, or raise its limit.`.replace(
        /^t/,
        'T',
      ),
  },
  { code: /^ErrorExceededM(essage|axRecipient)Limit/i, meaning: 'quota' },
  { code: /^ErrorMessageSubmissionBlocked/i, meaning: 'quota', words: blockedWords },
  { code: /^ErrorAccountSuspend/i, meaning: 'credentials', words: blockedWords },
  { code: /throttled|TooManyRequests|^ErrorTooManyObjectsOpened|^ErrorServerBusy/i, meaning: 'throttled' },
  { text: /MailboxConcurrency|too many requests|throttled/i, meaning: 'throttled' },

  // Our right to send, and the mailbox.
  {
    text: /\[RAOP\]|AppOnly AccessPolicy/i,
    meaning: 'credentials',
    words: place =>
      `An application access policy of the tenant keeps ${place.upstream} from sending as ${mailboxOf(place)}. Add the mailbox to the policy's group (Exchange PowerShell: Test-ApplicationAccessPolicy shows the state); a change takes up to an hour.`,
  },
  {
    status: [401],
    text: /invalid audience|audience/i,
    meaning: 'credentials',
    words: ({ upstream }) =>
      `${upstream} gets a token that was made for another service of Microsoft's. Set the scope with \`postern upstream set ${upstream} --oauth-scope ${SCOPE} --oauth-scope offline_access\` and authorise it again.`,
  },
  {
    code: /^MailboxNot|^ErrorInvalidLicense|^OrganizationFromTenantGuidNotFound/i,
    meaning: 'misconfigured',
    words: noMailboxWords,
  },
  { status: [401], meaning: 'credentials', words: tokenWords },
  {
    text: /\/me request is only valid with delegated/i,
    meaning: 'misconfigured',
    words: ({ upstream }) =>
      `${upstream} got an application's token where a person's was due. Check its OAuth2 flow with \`postern upstream show ${upstream}\`.`,
  },
  {
    code: /^Request_ResourceNotFound|^ResourceNotFound|^Error(ItemNotFound|InvalidUser|NonExistentMailbox)/i,
    meaning: 'misconfigured',
    words: unknownWords,
  },
  {
    code: /^ErrorAccessDenied|^Authorization_|^AccessDenied|^ErrorOrganizationAccessBlocked/i,
    meaning: 'credentials',
    words: permissionWords,
    inToken: true,
  },

  // The message.
  { code: /MessageSizeExceeded|SizeLimitExceeded|RequestEntityTooLarge/i, meaning: 'too-large' },
  {
    text: /maximum request length|request (body|entity) (is )?too large|exceeds the maximum (allowed )?size/i,
    meaning: 'too-large',
  },
  { code: /TooManyRecipients|RecipientsLimit/i, meaning: 'too-many-recipients' },
  { code: /^ErrorInvalidRecipients/i, meaning: 'recipient-refused' },
  {
    code: /^ErrorMimeContentInvalidBase64String/i,
    meaning: 'broken',
    words: ({ upstream }) =>
      `${upstream} says that what arrived was not the base64 that Postern sent: something on the way changes requests. Look for a proxy in between.`,
  },
  { code: /^ErrorMimeContent|^ErrorMessageBlocked/i, meaning: 'message-refused' },

  {
    code: /^Error(MailboxStoreUnavailable|InternalServerTransientError|MailboxMoveInProgress)|^ServiceUnavailable|^serviceNotAvailable/i,
    meaning: 'unavailable',
  },
];

export const graph: SendingApi = {
  title: 'Microsoft Graph',
  authentication: { kind: 'token' },
  user: 'the mailbox, such as scans@example.com',
  defaultHost: 'graph.microsoft.com',
  defaultPath: '/v1.0',
  largestMessage: (LARGEST_REQUEST / 4) * 3,
  eightBit: true,
  // Exchange Online has 500 unless the tenant says otherwise.
  mostRecipients: 500,
  recipientsFrom: 'header',
  idempotent: false,
  request: (_envelope, target) => sendMail(target, { message: 'base64' }),
  judge,
  // Nothing is sent: what is no base64 is refused, but only to who may send.
  check: target => sendMail(target, '!'),
  judgeCheck: (response, place) =>
    response.status === 400 && /^ErrorMimeContent/i.test(errorOf(response).code)
      ? { ok: true, text: `Microsoft Graph takes our token and lets it send from ${mailboxOf(place)}.` }
      : { ok: false, text: wordsOf(judge(response, place), place) },
  lateBounces:
    'Graph says "202 Accepted" before it delivers: what cannot be delivered comes back as a message to the mailbox that sent it.',
};

function sendMail({ user, delegated }: ApiTarget, body: BodyPart): ApiRequest {
  const whose = delegated || user === null ? '/me' : `/users/${encodeURIComponent(user)}`;
  return {
    method: 'POST',
    path: `${whose}/sendMail`,
    headers: { 'Content-Type': 'text/plain' },
    body: [body],
  };
}

/** 202, as documented; 200 was seen too (microsoft-graph-docs #13979). */
function judge(response: ApiResponse, place: ApiPlace): ApiVerdict {
  if (response.status === 202 || response.status === 200) {
    const id = response.headers['request-id'];
    const said = `${response.status === 202 ? 'Accepted' : 'OK'}: handed over; late bounces come to ${mailboxOf(place)}`;
    return {
      kind: 'accepted',
      reply: replyLine(response, `${said}${id === undefined ? '' : ` (request ${id})`}`),
    };
  }
  return judgeByCatalogue(CATALOGUE, response, place, errorOf(response));
}

function errorOf({ body }: ApiResponse): Readonly<{ code: string; text: string }> {
  const error = asObject(jsonObject(body)?.['error']);
  return { code: textAt(error, 'code'), text: textAt(error, 'message') };
}
