// The ESMTP parameters after a path (RFC 5321 §4.1.2): split, unique, and judged against what EHLO offers.
// What is not offered is refused, not ignored: a client that asks for a priority or a hold counts on getting it. Only
// keywords that are registered are repeated in a refusal: what else stands there may be a password.

import type { BodyType } from '../queue/delivery.ts';
import {
  type MessageDsn,
  NO_MESSAGE_DSN,
  NO_RECIPIENT_DSN,
  type Notify,
  type NotifyOn,
  type RecipientDsn,
} from './dsn-parameters.ts';
import { decodeEnvelopeId, decodeOriginalRecipient } from './xtext.ts';

export type MailParameters = Readonly<{
  /** SIZE= (RFC 1870): octets the client says the message has, or null where it said nothing. */
  size: number | null;
  /** BODY= (RFC 6152); 7bit where nothing was said. */
  body: BodyType;
  /** SMTPUTF8 (RFC 6531) was given. */
  smtputf8: boolean;
  /** REQUIRETLS (RFC 8689) was given. */
  requireTls: boolean;
  /** RET and ENVID (RFC 3461). */
  dsn: MessageDsn;
}>;

/** NOTIFY and ORCPT (RFC 3461). */
export type RcptParameters = RecipientDsn;

export type ParameterRefusal =
  /** 501 5.5.4 */
  | Readonly<{ kind: 'refused'; reason: 'arguments'; text: string }>
  /** 555 5.5.4 */
  | Readonly<{ kind: 'refused'; reason: 'unknown-parameter'; parameter: string; text: string }>;

type Parsed<T> = Readonly<{ kind: 'parameters'; values: T }>;
/** What a parameter's value (null: the keyword stood alone) makes of what was read before it. */
type Reader<T> = (value: string | null, sofar: T) => T | ParameterRefusal;
type Parameter = Readonly<{ keyword: string; value: string | null }>;
type Split = Readonly<{ kind: 'parameters'; list: readonly Parameter[] }>;

/** The keyword of RFC 5321 §4.1.2 and a value without `=`; AUTH= is an exception, its value is often sent unescaped. */
const PARAMETER = /^([a-z0-9][a-z0-9-]*)(?:=(.*))?$/i;
/** Twenty digits are RFC 1870 §5's limit. */
const SIZE = /^\d{1,20}$/;
const BINARY = 'BODY=BINARYMIME';

const ofMail: ReadonlyMap<string, Reader<MailParameters>> = new Map([
  ['SIZE', readSize],
  ['BODY', readBody],
  ['SMTPUTF8', readSmtputf8],
  ['AUTH', readAuth],
  ['REQUIRETLS', readRequireTls],
  ['RET', readReturns],
  ['ENVID', readEnvelopeId],
]);

const ofRcpt: ReadonlyMap<string, Reader<RcptParameters>> = new Map([
  ['NOTIFY', readNotify],
  ['ORCPT', readOriginalRecipient],
]);

/** Keywords of extensions that are not offered, which clients ask for (IANA's registry of mail parameters). */
const registered = new Set([
  ...['MT-PRIORITY', 'BY', 'HOLDFOR', 'HOLDUNTIL', 'SOLICIT'],
  ...['MTRK', 'TRANSID', 'CONPERM', 'CONNEG', 'RRVS'],
]);

const NO_MAIL_PARAMETERS: MailParameters = {
  size: null,
  body: '7bit',
  smtputf8: false,
  requireTls: false,
  dsn: NO_MESSAGE_DSN,
};

/** The parameters of MAIL. Every call starts from nothing: a refused MAIL leaves no trace in the next one. */
export function parseMailParameters(text: string): Parsed<MailParameters> | ParameterRefusal {
  return parse(text, ofMail, NO_MAIL_PARAMETERS);
}

/** The parameters of RCPT. */
export function parseRcptParameters(text: string): Parsed<RcptParameters> | ParameterRefusal {
  return parse(text, ofRcpt, NO_RECIPIENT_DSN);
}

function parse<T extends object>(
  text: string,
  offered: ReadonlyMap<string, Reader<T>>,
  nothing: T,
): Parsed<T> | ParameterRefusal {
  const split = splitParameters(text);
  if (split.kind === 'refused') return split;
  let values = nothing;
  for (const { keyword, value } of split.list) {
    const read = offered.get(keyword);
    if (!read) return unknown(keyword);
    const result = read(value, values);
    if (isRefusal(result)) return result;
    values = result;
  }
  return { kind: 'parameters', values };
}

function isRefusal(result: object): result is ParameterRefusal {
  return 'kind' in result;
}

function splitParameters(text: string): Split | ParameterRefusal {
  const list: Parameter[] = [];
  for (const word of text.split(/[ \t]+/)) {
    if (word === '') continue;
    const found = PARAMETER.exec(word);
    const keyword = found?.[1]?.toUpperCase();
    if (keyword === undefined) return badArguments('There is text after the address that is not a parameter');
    if (list.some(other => other.keyword === keyword)) {
      return badArguments(`The parameter ${nameToRepeat(keyword)} is given twice`);
    }
    list.push({ keyword, value: found?.[2] ?? null });
  }
  return { kind: 'parameters', list };
}

function readSize(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  if (value === null || !SIZE.test(value)) return badArguments('SIZE needs a number of octets');
  return { ...sofar, size: Number(value) };
}

function readBody(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  const type = value?.toLowerCase();
  if (type === '7bit' || type === '8bitmime') return { ...sofar, body: type };
  // RFC 3030 is not offered; to its clients this is a parameter that we do not implement.
  if (type === 'binarymime') return unknown(BINARY);
  return badArguments('BODY must be 7BIT or 8BITMIME');
}

function readSmtputf8(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  return value === null ? { ...sofar, smtputf8: true } : badArguments('SMTPUTF8 takes no value');
}

/** RFC 4954 §5: must be accepted. An untrusted client's word counts as AUTH=<>, so it is dropped. */
function readAuth(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  return value === null || value === '' ? badArguments('AUTH needs a mailbox or <>') : sofar;
}

function readRequireTls(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  return value === null ? { ...sofar, requireTls: true } : badArguments('REQUIRETLS takes no value');
}

function readReturns(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  const found = value?.toUpperCase();
  if (found !== 'FULL' && found !== 'HDRS') return badArguments('RET must be FULL or HDRS');
  return { ...sofar, dsn: { ...sofar.dsn, returns: found === 'FULL' ? 'full' : 'headers' } };
}

function readEnvelopeId(value: string | null, sofar: MailParameters): MailParameters | ParameterRefusal {
  const envelopeId = value === null ? null : decodeEnvelopeId(value);
  if (envelopeId === null)
    return badArguments('ENVID must be printable text, encoded as xtext, of at most 100 characters');
  return { ...sofar, dsn: { ...sofar.dsn, envelopeId: envelopeId === '' ? null : envelopeId } };
}

function readNotify(value: string | null, sofar: RcptParameters): RcptParameters | ParameterRefusal {
  const notify = parseNotify(value?.toLowerCase().split(',') ?? []);
  if (notify === null)
    return badArguments(
      'NOTIFY must be NEVER alone, or any of SUCCESS, FAILURE and DELAY with commas between',
    );
  return { ...sofar, notify };
}

/** RFC 3461 §4.1: NEVER stands alone. */
function parseNotify(words: readonly string[]): Notify | null {
  if (words.length === 1 && words[0] === 'never') return 'never';
  const asked = words.filter(isNotifyOn);
  return asked.length > 0 && asked.length === words.length ? [...new Set(asked)] : null;
}

function isNotifyOn(word: string): word is NotifyOn {
  return word === 'success' || word === 'failure' || word === 'delay';
}

function readOriginalRecipient(
  value: string | null,
  sofar: RcptParameters,
): RcptParameters | ParameterRefusal {
  const originalRecipient = value === null ? null : decodeOriginalRecipient(value);
  if (originalRecipient === null) {
    return badArguments(
      'ORCPT must be an address type, a semicolon and an address in xtext, such as rfc822;user@example.net',
    );
  }
  return { ...sofar, originalRecipient };
}

function badArguments(text: string): ParameterRefusal {
  return { kind: 'refused', reason: 'arguments', text };
}

function unknown(keyword: string): ParameterRefusal {
  const parameter = nameToRepeat(keyword);
  return {
    kind: 'refused',
    reason: 'unknown-parameter',
    parameter,
    text: `Parameter ${parameter} not recognized`,
  };
}

function nameToRepeat(keyword: string): string {
  const isOffered = ofMail.has(keyword) || ofRcpt.has(keyword) || keyword === BINARY;
  return isOffered || registered.has(keyword) ? keyword : 'of that name';
}
