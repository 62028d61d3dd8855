// The ESMTP parameters after a path (RFC 5321 §4.1.2): split, unique, and judged against what EHLO offers.
// What is not offered is refused, not ignored: a client that asks for NOTIFY or REQUIRETLS counts on getting it. Only
// keywords that are registered are repeated in a refusal: what else stands there may be a password.

import type { BodyType } from '../queue/delivery.ts';

export type MailParameters = Readonly<{
  /** SIZE= (RFC 1870): octets the client says the message has, or null where it said nothing. */
  size: number | null;
  /** BODY= (RFC 6152); 7bit where nothing was said. */
  body: BodyType;
  /** SMTPUTF8 (RFC 6531) was given. */
  smtputf8: boolean;
}>;

export type ParameterRefusal =
  /** 501 5.5.4 */
  | Readonly<{ kind: 'refused'; reason: 'arguments'; text: string }>
  /** 555 5.5.4 */
  | Readonly<{ kind: 'refused'; reason: 'unknown-parameter'; parameter: string; text: string }>;

type ParsedMailParameters = Readonly<{ kind: 'parameters' }> & MailParameters;
type Parameter = Readonly<{ keyword: string; value: string | null }>;
type Split = Readonly<{ kind: 'parameters'; list: readonly Parameter[] }>;

/** The keyword of RFC 5321 §4.1.2 and a value without `=`; AUTH= is an exception, its value is often sent unescaped. */
const PARAMETER = /^([a-z0-9][a-z0-9-]*)(?:=(.*))?$/i;
/** Twenty digits are RFC 1870 §5's limit. */
const SIZE = /^\d{1,20}$/;
const BINARY = 'BODY=BINARYMIME';

/** What MAIL takes, each with its reader of the value (null: the keyword stood alone). */
const offered: ReadonlyMap<string, (value: string | null) => Partial<MailParameters> | ParameterRefusal> =
  new Map([
    ['SIZE', readSize],
    ['BODY', readBody],
    ['SMTPUTF8', readSmtputf8],
    ['AUTH', readAuth],
  ]);

/** Keywords of extensions that are not offered, which clients ask for (IANA's registry of mail parameters). */
const registered = new Set([
  ...[
    'RET',
    'ENVID',
    'NOTIFY',
    'ORCPT',
    'REQUIRETLS',
    'MT-PRIORITY',
    'BY',
    'HOLDFOR',
    'HOLDUNTIL',
    'SOLICIT',
  ],
  ...['MTRK', 'TRANSID', 'CONPERM', 'CONNEG', 'RRVS'],
]);

/** The parameters of MAIL. Every call starts from nothing: a refused MAIL leaves no trace in the next one. */
export function parseMailParameters(text: string): ParsedMailParameters | ParameterRefusal {
  const split = splitParameters(text);
  if (split.kind === 'refused') return split;
  let parsed: ParsedMailParameters = { kind: 'parameters', size: null, body: '7bit', smtputf8: false };
  for (const { keyword, value } of split.list) {
    const read = offered.get(keyword);
    if (!read) return unknown(keyword);
    const result = read(value);
    if ('kind' in result) return result;
    parsed = { ...parsed, ...result };
  }
  return parsed;
}

/** RCPT takes no parameter: DSN (RFC 3461) is not offered. Null means that all is well. */
export function refuseRcptParameters(text: string): ParameterRefusal | null {
  const split = splitParameters(text);
  if (split.kind === 'refused') return split;
  const [first] = split.list;
  return first ? unknown(first.keyword) : null;
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

function readSize(value: string | null): Partial<MailParameters> | ParameterRefusal {
  if (value === null || !SIZE.test(value)) return badArguments('SIZE needs a number of octets');
  return { size: Number(value) };
}

function readBody(value: string | null): Partial<MailParameters> | ParameterRefusal {
  const type = value?.toLowerCase();
  if (type === '7bit' || type === '8bitmime') return { body: type };
  // RFC 3030 is not offered; to its clients this is a parameter that we do not implement.
  if (type === 'binarymime') return unknown(BINARY);
  return badArguments('BODY must be 7BIT or 8BITMIME');
}

function readSmtputf8(value: string | null): Partial<MailParameters> | ParameterRefusal {
  return value === null ? { smtputf8: true } : badArguments('SMTPUTF8 takes no value');
}

/** RFC 4954 §5: must be accepted. An untrusted client's word counts as AUTH=<>, so it is dropped. */
function readAuth(value: string | null): Partial<MailParameters> | ParameterRefusal {
  return value === null || value === '' ? badArguments('AUTH needs a mailbox or <>') : {};
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
  const isKnown = registered.has(keyword) || offered.has(keyword) || keyword === BINARY;
  return isKnown ? keyword : 'of that name';
}
