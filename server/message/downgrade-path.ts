// Addresses for a world without SMTPUTF8 (RFC 6531 §3.2): a domain has a form in ASCII (A-labels), a local part has none,
// because only its own domain may say what it means. Pure.

import { domainToASCII } from 'node:url';

/** `path`: a mailbox without angle brackets, or the empty null path. Null where it cannot be said in ASCII. */
export function asciiPath(path: string): string | null {
  if (!/\P{ASCII}/u.test(path)) return path;
  const at = path.lastIndexOf('@');
  const [local, domain] = [path.slice(0, at), path.slice(at + 1)];
  if (at < 1 || /\P{ASCII}/u.test(local)) return null;
  const ascii = domainToASCII(domain);
  return ascii === '' ? null : `${local}@${ascii}`;
}
