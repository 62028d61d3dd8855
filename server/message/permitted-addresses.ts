// Whether an address is among those that an account may send as, or send to, in the forms that accounts/address-pattern.ts
// writes: `scan@example.com`, `@example.com` for all of a domain, `@*.example.com` for all below one (not in it).
// Letter case counts on neither side of the @: devices change it, and to the operator who wrote the list two mailboxes
// that differ in nothing else are one. A domain is the same as A-label and as U-label.

import { domainToASCII } from 'node:url';
import { type Path, parsePath } from '../smtp/path.ts';

const BELOW = '@*.';

export function isPermitted(patterns: readonly string[], path: Path): boolean {
  const local = comparableLocal(path.local);
  const domain = comparableDomain(path.domain);
  return patterns.some(pattern => names(pattern, local, domain));
}

function names(pattern: string, local: string, domain: string): boolean {
  if (pattern.startsWith(BELOW)) return domain.endsWith(`.${comparableDomain(pattern.slice(BELOW.length))}`);
  if (pattern.startsWith('@')) return comparableDomain(pattern.slice(1)) === domain;
  const named = parsePath(pattern, '');
  return (
    !('kind' in named) && comparableLocal(named.local) === local && comparableDomain(named.domain) === domain
  );
}

function comparableLocal(local: string): string {
  return local.normalize('NFC').toLowerCase();
}

/** A-labels. A name that IDNA refuses is compared as it is; ASCII is not handed to IDNA, which reads `1.1` as an address. */
function comparableDomain(domain: string): string {
  const lower = domain.toLowerCase();
  return /^\p{ASCII}*$/v.test(lower) ? lower : domainToASCII(lower) || lower;
}
