// What a refusal after MAIL speaks about: the message, one recipient, our sender identity, or the upstream itself.
// One table, first match wins; texts and codes as providers send them (Google, Microsoft 365, Amazon SES, SendGrid,
// Zoho, Apple, Postfix …). What no row knows is judged by its class alone in classify.ts. Pure.

import type { Stage } from '../queue/outcome.ts';
import type { RemoteReply } from './remote-reply.ts';

export type Meaning =
  /** Our login is missing, wrong or not allowed. */
  | 'credentials'
  /** A limit of our account is used up, for hours or days. */
  | 'quota'
  /** Too fast, or too many connections. */
  | 'throttled'
  /** The upstream does not take mail from this machine's address. */
  | 'address-blocked'
  /** We may not send as this sender. */
  | 'sender-identity'
  /** More recipients than the upstream takes at once. */
  | 'too-many-recipients'
  | 'too-large'
  /** An address is not written as RFC 5321 wants it. */
  | 'address-syntax';

type Row = Readonly<{
  meaning: Meaning;
  /** The row applies at these stages; absent: at all four. */
  stages?: readonly Stage[];
  codes?: readonly number[];
  enhanced?: RegExp;
  text?: RegExp;
}>;

/** Within a row every given column must match. */
const ROWS: readonly Row[] = [
  // Sender identity before credentials: "not authorized to send as" must not look like a missing login.
  { meaning: 'sender-identity', enhanced: /^5\.(7\.60|2\.252)$/ },
  {
    meaning: 'sender-identity',
    text: /SendAsDenied|(send|sending|submit) (mail )?(as|from|on behalf)\b.*|not one of your addresses|not owned by user|sender (address )?(is )?not (allowed|permitted|authori[sz]ed|verified)|Relaying disallowed as|Unconfigured Sending Domain|Sender signature|ses:SendRawEmail|ses:SendEmail/i,
    codes: [550, 551, 553, 554],
  },
  {
    meaning: 'sender-identity',
    text: /(address|sender|identity|identities|domain|from)\b.*\b(not|un-?)\s?verified|unverified|does not match a verified|verified (sender|domain)|failed the check in region/i,
    codes: [550, 551, 553, 554],
  },
  // Brevo: 525 5.7.1 Unauthorized IP address.
  { meaning: 'address-blocked', text: /unauthori[sz]ed ip/i },
  { meaning: 'credentials', codes: [530, 534, 535, 538, 525] },
  { meaning: 'credentials', enhanced: /^5\.7\.(57|139|3|30)$/ },
  {
    meaning: 'credentials',
    text: /authenticat\w* (is )?(required|failed|unsuccessful)|(please|must|not) (be )?authenticate|not (logged in|authenticated)|unauthenticated senders/i,
    codes: [550, 551, 553, 554, 454],
    // After the content, "authentication failed" speaks of its SPF, DKIM or DMARC.
    stages: ['mail', 'rcpt'],
  },
  // Without the word "relay" in a limit this is Workspace's answer to a sender outside the customer's domains.
  {
    meaning: 'sender-identity',
    text: /relay(ing)? (access )?(denied|not (allowed|permitted))/i,
    codes: [550, 551, 553, 554],
  },
  { meaning: 'sender-identity', enhanced: /^5\.1\.8$/ },
  {
    meaning: 'quota',
    enhanced: /^(5\.4\.5|[45]\.4\.6|[45]\.7\.236)$/,
    codes: [550, 554, 450, 451, 452, 421],
  },
  {
    meaning: 'quota',
    text: /(daily|hourly|monthly)\b.*\b(limit|quota)|SubmissionQuotaExceeded|STOREDRV.*QuotaExceeded|maximum credits|(sending|sent|outgoing|smtp) (message )?(limit|quota)\b.*(exceed|reach)|unusual sending activity/i,
  },
  {
    meaning: 'throttled',
    text: /throttl|rate limit|(sending|submission|message) rate|too many (concurrent )?(smtp )?connections|concurrent connections|sender thread limit|peak smtp relay limit|too many (messages|login attempts)|unusual rate|slow down|server busy/i,
  },
  { meaning: 'throttled', codes: [432] },
  // Microsoft's 4.7.5xx and 4.7.6xx: the server is busy, or this address sends too much.
  { meaning: 'throttled', codes: [421, 450, 451], enhanced: /^4\.7\.[56]\d\d$/ },
  // Others with 4.7 may speak of the message once its content was seen.
  { meaning: 'throttled', codes: [421], enhanced: /^4\.7\./, stages: ['mail', 'rcpt', 'data'] },
  { meaning: 'throttled', codes: [421], enhanced: /^4\.7\.0$/, stages: ['body'] },
  // Before a recipient is named these can only speak of us; to RCPT of the recipient's mailbox.
  { meaning: 'throttled', codes: [450, 452], enhanced: /^4\.(2\.1|3\.\d|7\.0)$/, stages: ['mail'] },
  { meaning: 'throttled', codes: [452], enhanced: /^4\.3\.\d$/, stages: ['data', 'body'] },
  // To STARTTLS it says that there is no TLS.
  {
    meaning: 'throttled',
    codes: [454],
    enhanced: /^4\.7\.0$/,
    stages: ['auth', 'mail', 'rcpt', 'data', 'body'],
  },
  {
    meaning: 'address-blocked',
    text: /client host .*(blocked|rejected|listed)|your ip\b/i,
  },
  { meaning: 'too-many-recipients', enhanced: /^[45]\.5\.3$/, stages: ['rcpt', 'data'] },
  { meaning: 'too-many-recipients', text: /too many recipients/i },
  { meaning: 'too-large', enhanced: /^5\.3\.4$/, codes: [550, 552, 554] },
  // RFC 1870 §6.1: 552 to MAIL, DATA or the body is about size; to RCPT it is about the recipient's mailbox.
  { meaning: 'too-large', codes: [552], enhanced: /^(?!5\.2\.|5\.7\.)/, stages: ['mail', 'data', 'body'] },
  { meaning: 'address-syntax', enhanced: /^5\.1\.[37]$/ },
  { meaning: 'address-syntax', codes: [501], stages: ['mail', 'rcpt'] },
  { meaning: 'address-syntax', codes: [553], text: /invalid|syntax|malformed/i, stages: ['mail', 'rcpt'] },
  // RFC 5321 §4.2.3: 553 to MAIL is about the sender's address, and which address is sent is our setting.
  { meaning: 'sender-identity', codes: [553], stages: ['mail'] },
];

/** Null when no row knows the reply. */
export function replyMeaning(stage: Stage, reply: RemoteReply): Meaning | null {
  return ROWS.find(row => matches(row, stage, reply))?.meaning ?? null;
}

function matches(row: Row, stage: Stage, reply: RemoteReply): boolean {
  if (reply.code === null || reply.code < 400) return false;
  if (row.stages !== undefined && !row.stages.includes(stage)) return false;
  if (row.codes !== undefined && !row.codes.includes(reply.code)) return false;
  if (row.enhanced !== undefined && !row.enhanced.test(reply.enhanced ?? '')) return false;
  return row.text === undefined || row.text.test(reply.text);
}
