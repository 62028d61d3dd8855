// The names that a certificate is good for: DNS names and IP addresses, each in one canonical form so that what a
// certificate says can be compared with what it should say. Devices often accept only an address as the server.

import type { X509Certificate } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export type SubjectName = Readonly<{ kind: 'dns' | 'ip'; value: string }>;

/** Letters, digits, hyphens and underscores (which are no host names, but which machines have); `*.` only in front. */
const DNS_NAME = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const LONGEST_DNS_NAME = 253; // RFC 1035 §2.3.4, as text

/** Many addresses make a large certificate, which small devices refuse; a LAN machine has a handful. */
const MOST_ADDRESSES = 40;

/** Reads a host name (also with letters outside ASCII, or `*.` in front) or an IP address. Null: it is neither. */
export function readSubjectName(text: string): SubjectName | null {
  const bare = text.trim().replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) return bare.includes('%') ? null : { kind: 'ip', value: canonicalAddress(bare) };
  const dotless = bare.replace(/\.$/, '');
  const wildcard = dotless.startsWith('*.') ? '*.' : '';
  // domainToASCII turns '_' free names into A-labels; names with '_' it would leave, but it also refuses some.
  const ascii = wildcard + (domainToASCII(dotless.slice(wildcard.length)) || dotless.slice(wildcard.length));
  const name = ascii.toLowerCase();
  if (name.length > LONGEST_DNS_NAME || !DNS_NAME.test(name) || isIP(name) !== 0) return null;
  return { kind: 'dns', value: name };
}

/**
 * Everything a client may reasonably call this machine, without repetition: the host name, its first label alone and
 * with `.local` (multicast DNS), `localhost`, the configured names, and the addresses.
 * What is neither a name nor an address is left out.
 */
export function subjectNames(
  given: Readonly<{ hostname: string; names: readonly string[]; addresses: readonly string[] }>,
): readonly SubjectName[] {
  const host = readSubjectName(given.hostname);
  const hostNames: string[] = [];
  if (host !== null) {
    hostNames.push(host.value);
    const label = host.value.split('.')[0] ?? '';
    if (host.kind === 'dns' && label !== 'localhost') hostNames.push(`${label}.local`, label);
  }
  const wanted = [...hostNames, 'localhost', ...given.names, '127.0.0.1', '::1'];
  const addresses = [...given.addresses].sort().slice(0, MOST_ADDRESSES);
  const unique = new Map<string, SubjectName>();
  for (const text of [...wanted, ...addresses]) {
    const name = readSubjectName(text);
    if (name !== null) unique.set(name.value, name);
  }
  return [...unique.values()];
}

/** Whether a certificate with these names is good for a host name or an address. `*` is one label (RFC 9525 §6.3). */
export function covers(names: readonly string[], host: string): boolean {
  const wanted = readSubjectName(host)?.value;
  if (wanted === undefined) return false;
  return names.includes(wanted) || names.includes(wanted.replace(/^[^.:]+(?=\..*\.)/, '*'));
}

/** For the operator, once: an own certificate that devices which check names will refuse. */
export function uncoveredName(names: readonly string[], host: string): string | null {
  if (covers(names, host)) return null;
  const good = names.length === 0 ? 'no name at all' : names.join(', ');
  return `Your certificate is not good for the name ${host}, so devices that check it will refuse it. It is good for ${good}: type one of these on the devices, set "hostname" to it, or get a certificate for ${host}.`;
}

/** The subjectAltName of a certificate. Other kinds of name in it are left out. */
export function certificateNames(certificate: X509Certificate): readonly SubjectName[] {
  const names: SubjectName[] = [];
  for (const entry of (certificate.subjectAltName ?? '').split(', ')) {
    const value = entry.slice(entry.indexOf(':') + 1);
    if (entry.startsWith('DNS:')) names.push({ kind: 'dns', value: value.toLowerCase() });
    if (entry.startsWith('IP Address:')) names.push({ kind: 'ip', value: canonicalAddress(value) });
  }
  return names;
}

/** `FE80:0:0:0:0:0:0:1` and `fe80::1` are one address: RFC 5952, as the URL parser writes it. */
function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
