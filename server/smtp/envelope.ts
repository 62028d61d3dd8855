// The arguments of MAIL and RCPT: bytes in, an envelope value or a refusal out. One parser for both, so that what is
// tolerated in a sender is tolerated in a recipient. Whether sender and recipient are permitted is policy's business.

import {
  type MailParameters,
  type ParameterRefusal,
  parseMailParameters,
  parseRcptParameters,
  type RcptParameters,
} from './parameters.ts';
import { NULL_PATH, type Path, parsePath } from './path.ts';

export type MailCommand = Readonly<{ kind: 'mail'; path: Path }> & MailParameters;
export type RcptCommand = Readonly<{ kind: 'rcpt'; path: Path; dsn: RcptParameters }>;

/** `text` is a sentence for the reply: ASCII, and nothing of what the client sent but a parameter's keyword. */
export type EnvelopeRefusal =
  | ParameterRefusal
  /** The address is none, or too long: 501 5.1.7 for a sender, 501 5.1.3 for a recipient. */
  | Readonly<{ kind: 'refused'; reason: 'address'; text: string }>
  /** Non-ASCII octets that are not UTF-8: 553 5.6.7. */
  | Readonly<{ kind: 'refused'; reason: 'not-utf8'; text: string }>;

/** `address` without its brackets, but `<>` for the null path; `rest` holds the parameters. */
type Argument = Readonly<{ kind: 'argument'; address: string; rest: string }>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads what follows `MAIL`, for example `FROM:<a@example.net> SIZE=1000`. Never throws, whatever the bytes. */
export function parseMail(argument: Uint8Array, hostname: string): MailCommand | EnvelopeRefusal {
  const split = splitArgument(argument, /^from[ \t]*:/i, 'MAIL FROM:<address>');
  if (split.kind === 'refused') return split;
  const path = split.address === '<>' ? NULL_PATH : parsePath(split.address, hostname);
  if ('kind' in path) return { kind: 'refused', reason: 'address', text: path.text };
  const parameters = parseMailParameters(split.rest);
  if (parameters.kind === 'refused') return parameters;
  return { ...parameters.values, kind: 'mail', path };
}

/** Reads what follows `RCPT`, for example `TO:<b@example.org>`. Never throws, whatever the bytes. */
export function parseRcpt(argument: Uint8Array, hostname: string): RcptCommand | EnvelopeRefusal {
  const split = splitArgument(argument, /^to[ \t]*:/i, 'RCPT TO:<address>');
  if (split.kind === 'refused') return split;
  if (split.address === '<>')
    return { kind: 'refused', reason: 'address', text: 'A recipient cannot be empty' };
  const path = parsePath(split.address, hostname);
  if ('kind' in path) return { kind: 'refused', reason: 'address', text: path.text };
  const parameters = parseRcptParameters(split.rest);
  return parameters.kind === 'refused' ? parameters : { kind: 'rcpt', path, dsn: parameters.values };
}

function splitArgument(argument: Uint8Array, prefix: RegExp, syntax: string): Argument | EnvelopeRefusal {
  const text = decodeStrictly(argument);
  if (text === null) {
    const hint =
      'The address contains characters that are not UTF-8; use ASCII letters, or let the device send UTF-8';
    return { kind: 'refused', reason: 'not-utf8', text: hint };
  }
  const found = prefix.exec(text);
  const after = found ? text.slice(found[0].length).trim() : '';
  if (after === '') return { kind: 'refused', reason: 'arguments', text: `Syntax: ${syntax}` };
  return splitAddress(after);
}

/**
 * With brackets the address ends at `>`, and parameters may be glued to it (`<a@b>SIZE=1`); without brackets, or
 * where `>` is missing, it ends at the first blank. Neither counts within quotes.
 */
function splitAddress(text: string): Argument {
  const bracketed = text.startsWith('<');
  const close = bracketed ? findUnquoted(text, '>') : -1;
  if (close !== -1) {
    return { kind: 'argument', address: text.slice(1, close).trim() || '<>', rest: text.slice(close + 1) };
  }
  const bare = bracketed ? text.slice(1).trimStart() : text;
  const blank = findUnquoted(bare, ' ');
  const end = blank === -1 ? bare.length : blank;
  return { kind: 'argument', address: bare.slice(0, end).replace(/>$/, ''), rest: bare.slice(end) };
}

/** The index of `wanted` outside of quotes, or -1. Asked for a space, it takes a tab as well. */
function findUnquoted(text: string, wanted: '>' | ' '): number {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') quoted = !quoted;
    else if (character === '\\' && quoted) i++;
    else if (!quoted && (character === wanted || (wanted === ' ' && character === '\t'))) return i;
  }
  return -1;
}

/** Null when it is not UTF-8: Latin-1 bytes must not become U+FFFD in an address. */
function decodeStrictly(octets: Uint8Array): string | null {
  try {
    return utf8.decode(octets);
  } catch {
    return null;
  }
}
