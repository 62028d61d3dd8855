// Reverse-paths and forward-paths (RFC 5321 §4.1.2, RFC 6531) as devices send them, and the one canonical form that we keep.
// Lenient in: no brackets, source routes, dots in odd places, a bare user name. Strict out: `text` is always a valid mailbox.
// A-labels stay A-labels and U-labels stay U-labels; the local part's case is the owner's business and is kept.

import { parseClientAddress } from './address.ts';

export type Path = Readonly<{
  /** The local part's value: without quotes and escapes. */
  local: string;
  /** ASCII letters in lower case; a domain or an address literal with its brackets. */
  domain: string;
  /** `local@domain` as it goes on the wire, without angle brackets, quoted where it must be. Empty for the null path. */
  text: string;
  /** Has non-ASCII characters, so that it needs SMTPUTF8. */
  smtputf8: boolean;
}>;

/** Why a path is no path: one sentence for whoever set up the device. */
export type BadPath = Readonly<{ kind: 'bad'; text: string }>;

/** The null reverse-path `<>`: a message about a message, to which nothing must be returned. */
export const NULL_PATH: Path = { local: '', domain: '', text: '', smtputf8: false };

/** RFC 5321 §4.5.3.1.1 to §4.5.3.1.3, in octets; a path counts its angle brackets. */
const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;
const MAX_PATH = 256;
const MAX_LABEL = 63;

/** atext (RFC 5322 §3.2.3, RFC 6532) and dots. */
const UNQUOTED = /^[\w.!#$%\&'*+\/=?^`\{\|\}~\-[\P{ASCII}--\s]]+$/v;
const DOT_STRING = /^[^.]+(\.[^.]+)*$/;
/** Letters, digits, hyphens within; underscores because Windows names have them; U-labels as they are. */
const LABEL = /^[\w[\P{ASCII}--\s]]([\w\-[\P{ASCII}--\s]]*[\w[\P{ASCII}--\s]])?$/v;
/** Controls, and what some reader might take for a line end. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** What nearly every address looks like, and what needs no reading then: without quotes, route, literal or non-ASCII. */
const PLAIN =
  /^([\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*)@(\w(?:[\w-]{0,61}\w)?(?:\.\w(?:[\w-]{0,61}\w)?)*)$/;

/**
 * Reads the address between the angle brackets (or without any). A mailbox without a domain gets `hostname`.
 * Empty text is not a path here: the null path is the caller's to allow.
 */
export function parsePath(text: string, hostname: string): Path | BadPath {
  const plain = PLAIN.exec(text);
  if (plain?.[1] !== undefined && plain[2] !== undefined)
    return assemble(plain[1], plain[1], plain[2].toLowerCase());
  if (CONTROL.test(text)) return bad('The address contains a control character');
  const mailbox = withoutSourceRoute(text.trim());
  if (mailbox === '') return bad('The address is empty');
  const parts = splitMailbox(mailbox);
  if ('kind' in parts) return parts;
  const local = parseLocal(parts.local);
  if (typeof local !== 'string') return local;
  const domain = parseDomain(parts.domain === '' ? hostname : parts.domain);
  if (typeof domain !== 'string') return domain;
  const written = UNQUOTED.test(local) && DOT_STRING.test(local) ? local : quote(local);
  return assemble(local, written, domain);
}

/** `written`: the local part as it stands in an address. */
function assemble(local: string, written: string, domain: string): Path | BadPath {
  if (octetLength(written) > MAX_LOCAL)
    return bad(`The part before the @ is longer than ${MAX_LOCAL} octets`);
  if (octetLength(domain) > MAX_DOMAIN)
    return bad(`The part after the @ is longer than ${MAX_DOMAIN} octets`);
  const text = `${written}@${domain}`;
  if (octetLength(text) > MAX_PATH - 2) return bad(`The address is longer than ${MAX_PATH - 2} octets`);
  return { local, domain, text, smtputf8: octetLength(text) !== text.length };
}

/** RFC 5321 §4.1.1.3: `@relay,@other:user@domain` is accepted and the route ignored. */
function withoutSourceRoute(mailbox: string): string {
  return mailbox.startsWith('@') ? mailbox.slice(mailbox.indexOf(':') + 1) : mailbox;
}

/** Splits at the @ that is not quoted. The domain is empty when there is none (`root`, `root@`). */
function splitMailbox(mailbox: string): Readonly<{ local: string; domain: string }> | BadPath {
  const quoted = mailbox.startsWith('"') ? endOfQuotes(mailbox) : 0;
  if (quoted === -1) return bad('The address has an opening quote without a closing one');
  const at = mailbox.indexOf('@', quoted);
  if (at === -1) return { local: mailbox, domain: '' };
  if (mailbox.indexOf('@', at + 1) !== -1) return bad('The address has more than one @');
  return { local: mailbox.slice(0, at), domain: mailbox.slice(at + 1) };
}

/** The index after the closing quote of a text that starts with a quote, or -1. */
function endOfQuotes(text: string): number {
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

function parseLocal(local: string): string | BadPath {
  if (local === '') return bad('The address has nothing before the @');
  if (local.startsWith('"')) {
    if (endOfQuotes(local) !== local.length)
      return bad('The address has text beside the quotes, before the @');
    return local.slice(1, -1).replace(/\\(.)/gu, '$1');
  }
  if (/\s/.test(local)) {
    return bad(
      'The address contains a space; give the address alone, without a name, such as scanner@example.net',
    );
  }
  if (!UNQUOTED.test(local))
    return bad('The part before the @ contains a character that is not allowed there');
  return local;
}

function parseDomain(domain: string): string | BadPath {
  if (domain.startsWith('[')) return parseLiteral(domain);
  const name = lowerCaseAscii(domain).replace(/\.$/, '');
  for (const label of name.split('.')) {
    if (LABEL.test(label) && octetLength(label) <= MAX_LABEL) continue;
    return bad('The part after the @ is not a domain name, such as example.net');
  }
  return name;
}

/** RFC 5321 §4.1.3. An IPv6 address without its tag (some devices) gets it. */
function parseLiteral(domain: string): string | BadPath {
  const [, tag, inside] = /^\[(ipv6:)?([0-9a-f.:]+)\]$/i.exec(domain) ?? [];
  const address = parseClientAddress(inside);
  if (address && (tag === undefined || inside?.includes(':'))) return address.literal;
  return bad('The part after the @ is not an address in brackets, such as [192.0.2.1]');
}

function quote(local: string): string {
  return `"${local.replace(/["\\]/g, '\\$&')}"`;
}

/** Only A to Z: what lower case means in other scripts is IDNA's business, and a U-label is kept as it came. */
function lowerCaseAscii(text: string): string {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

function octetLength(text: string): number {
  return Buffer.byteLength(text);
}

function bad(text: string): BadPath {
  return { kind: 'bad', text };
}
