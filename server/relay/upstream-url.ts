// Parses what the operator types as an upstream: `smtp+starttls://USER@HOST:PORT`, `smtps://`, `smtp+notls://`, or a sending
// API: `graph+https://USER@HOST:PORT/BASE`.
// Not a URL by the book: the user is usually an e-mail address, so `@` and `#` in it are taken as they stand; the last
// `@` ends it. Percent-encoding is understood. A password is refused here: it would end in the shell's history. So that it
// ends in no error text as well, what stands where one could be is never repeated.

import { isIP, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { API_NAMES, apiOf, SCHEMES, type UpstreamScheme } from './upstream-scheme.ts';

export type UpstreamAddress = Readonly<{
  scheme: UpstreamScheme;
  /** Host name (A-labels), IPv4 address or IPv6 address without brackets. */
  host: string;
  port: number;
  /** Of a sending API: what all its addresses begin with, such as `/v1.0`; null: as usual there. */
  path: string | null;
  user: string | null;
}>;

export type UpstreamUrlResult =
  | Readonly<{ kind: 'parsed'; address: UpstreamAddress }>
  | Readonly<{ kind: 'refused'; text: string }>;

const EXAMPLE = 'smtp+starttls://user@smtp.example.com:587';

/** RFC 1035 §2.3.1 with the underscore that real host names have. */
const HOST_NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** `allowPlaintext` lets `smtp+notls` leave this machine. */
export function parseUpstreamUrl(
  url: string,
  options: Readonly<{ allowPlaintext: boolean }> = { allowPlaintext: false },
): UpstreamUrlResult {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(url.trim());
  if (match?.[1] === undefined || match[2] === undefined) {
    return refused(`The URL does not start with a scheme. Write for example ${EXAMPLE}.`);
  }
  const scheme = parseScheme(match[1].toLowerCase());
  if (typeof scheme === 'object') return scheme;

  const at = match[2].lastIndexOf('@');
  const user = at < 0 ? null : parseUser(match[2].slice(0, at));
  if (user !== null && typeof user === 'object') return user;
  const base = splitBase(match[2].slice(at + 1), scheme);
  if (base.kind === 'refused') return base;
  const place = parsePlace(base.place, defaultPort(scheme));
  if (place.kind === 'refused') return place;
  const readable = readableOnTheWay(scheme, place.host, options);
  if (readable !== null) return refused(readable);
  return {
    kind: 'parsed',
    address: { scheme, host: place.host, port: place.port, path: base.path, user },
  };
}

type Refused = Readonly<{ kind: 'refused'; text: string }>;

function parseScheme(scheme: string): UpstreamScheme | Refused {
  const known = SCHEMES.find(one => one === scheme);
  if (known !== undefined) return known;
  return refused(
    `The scheme "${scheme}" is not known. Use smtp+starttls:// (usually port 587), smtps:// (TLS from the start, usually port 465), smtp+notls:// (no TLS, only on this machine) or a sending API: ${API_NAMES.map(name => `${name}+https://`).join(', ')}.`,
  );
}

/** Without TLS, nothing leaves this machine by mistake; tokens and keys of sending APIs not even on purpose. */
function readableOnTheWay(
  scheme: UpstreamScheme,
  host: string,
  { allowPlaintext }: Readonly<{ allowPlaintext: boolean }>,
): string | null {
  if (isLoopback(host)) return null;
  if (scheme === 'smtp+notls') {
    return allowPlaintext
      ? null
      : `smtp+notls:// would send mail and password readable over the network to ${host}. Use smtp+starttls:// or smtps://, or add --allow-plaintext if you really mean it.`;
  }
  if (!scheme.endsWith('+http')) return null;
  return `${scheme}:// would send mail and keys readable over the network to ${host}. Use ${scheme}s://; without TLS only this machine itself can be reached.`;
}

function defaultPort(scheme: UpstreamScheme): number {
  switch (scheme) {
    case 'smtps':
      return 465;
    case 'smtp+starttls':
      return 587;
    case 'smtp+notls':
      return 25;
    default:
      return scheme.endsWith('+https') ? 443 : 80;
  }
}

/** Only a sending API has a base path. A slash at the end says nothing. */
function splitBase(
  part: string,
  scheme: UpstreamScheme,
): Readonly<{ kind: 'split'; place: string; path: string | null }> | Refused {
  const slash = part.indexOf('/');
  if (apiOf(scheme) === null || slash < 0) return { kind: 'split', place: part, path: null };
  const path = part.slice(slash).replace(/\/+$/, '');
  if (path === '') return { kind: 'split', place: part.slice(0, slash), path: null };
  if (!/^(\/[\w.~!$&'()*+,;=:%-]+)+$/.test(path) || /\/\.\.?(\/|$)/.test(path)) {
    return refused(
      'What follows HOST:PORT is not a base path: it consists of letters, digits and -._~ between slashes, such as /v1.0, without "?" or "#".',
    );
  }
  return { kind: 'split', place: part.slice(0, slash), path };
}

function parseUser(part: string): string | Refused {
  if (part.includes(':')) {
    return refused(
      'The URL contains a password, or a ":" in the user name. Leave the password out (it is asked for, or read with --password-stdin); write ":" in a user name as %3A.',
    );
  }
  const user = decodePercent(part);
  if (user === '') {
    return refused('The user name before "@" is empty. Leave out the "@" where the upstream needs no login.');
  }
  if (/\p{Cc}/u.test(user)) return refused('The user name contains a control character.');
  return user;
}

/** Decodes valid escapes and leaves a lone `%` as it is. */
function decodePercent(part: string): string {
  if (!/%[0-9a-f]{2}/i.test(part)) return part;
  try {
    return decodeURIComponent(part.replace(/%(?![0-9a-f]{2})/gi, '%25'));
  } catch {
    return part; // Escapes that are not UTF-8: taken literally.
  }
}

function parsePlace(
  part: string,
  defaultPort: number,
): Readonly<{ kind: 'place'; host: string; port: number }> | Refused {
  const place = part.endsWith('/') ? part.slice(0, -1) : part;
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/.exec(place);
  if (match === null) {
    return refused(
      'The URL does not end in HOST or HOST:PORT. An IPv6 address is written in brackets: [2001:db8::1]:587.',
    );
  }
  const host = parseHost(match[1] ?? '');
  if (typeof host === 'object') return host;
  const port = match[2] === undefined || match[2] === '' ? defaultPort : Number(match[2]);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    return refused('What follows the last ":" is not a port: it must be a number from 1 to 65535.');
  }
  return { kind: 'place', host, port };
}

function parseHost(part: string): string | Refused {
  if (part === '') return refused(`The host is missing. Write for example ${EXAMPLE}.`);
  if (part.startsWith('[')) {
    const address = part.slice(1, -1);
    return isIPv6(address) ? address : refused(`"${part}" is not an IPv6 address.`);
  }
  if (/[/?#\s]/.test(part)) {
    return refused(`"${part}" is not a host name: nothing may follow HOST:PORT.`);
  }
  if (isIP(part) !== 0) return part;
  const ascii = domainToASCII(part);
  if (ascii === '' || ascii.length > 253 || !HOST_NAME.test(ascii)) {
    return refused(`"${part}" is not a host name.`);
  }
  return ascii;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function refused(text: string): Refused {
  return { kind: 'refused', text };
}
