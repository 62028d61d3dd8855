// Whether an address is among those that an account may send as, or send to, in the forms that accounts/address-pattern.ts
// writes: `scan@example.com`, `@example.com` for all of a domain, `@*.example.com` for all below one (not in it).
// Letter case counts on neither side of the @: devices change it, and to the operator who wrote the list two mailboxes
// that differ in nothing else are one. A domain is the same as A-label and as U-label.

import { domainToASCII } from 'node:url';
import { type Path, parsePath } from '../smtp/path.ts';

const BELOW = '@*.';

/** Patterns in comparable form, so that an address costs the same however many there are. */
type Permitted = Readonly<{
  /** `local@domain`; a domain has no @. */
  addresses: ReadonlySet<string>;
  domains: ReadonlySet<string>;
  /** The domains below these. */
  above: ReadonlySet<string>;
}>;

/** An account's list is asked about every recipient of a message, and does not change: each is read once. */
const known = new WeakMap<readonly string[], Permitted>();

export function isPermitted(patterns: readonly string[], path: Path): boolean {
  const { addresses, domains, above } = permittedBy(patterns);
  const domain = comparableDomain(path.domain);
  if (domains.has(domain) || addresses.has(`${comparableLocal(path.local)}@${domain}`)) return true;
  if (above.size === 0) return false;
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1))
    if (above.has(domain.slice(dot + 1))) return true;
  return false;
}

function permittedBy(patterns: readonly string[]): Permitted {
  const found = known.get(patterns);
  if (found !== undefined) return found;
  const read = readPatterns(patterns);
  known.set(patterns, read);
  return read;
}

/** A pattern that is none permits nothing. */
function readPatterns(patterns: readonly string[]): Permitted {
  const [addresses, domains, above] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const pattern of patterns) {
    if (pattern.startsWith(BELOW)) above.add(comparableDomain(pattern.slice(BELOW.length)));
    else if (pattern.startsWith('@')) domains.add(comparableDomain(pattern.slice(1)));
    else {
      const named = parsePath(pattern, '');
      if (!('kind' in named))
        addresses.add(`${comparableLocal(named.local)}@${comparableDomain(named.domain)}`);
    }
  }
  return { addresses, domains, above };
}

function comparableLocal(local: string): string {
  return local.normalize('NFC').toLowerCase();
}

/** A-labels. A name that IDNA refuses is compared as it is; ASCII is not handed to IDNA, which reads `1.1` as an address. */
function comparableDomain(domain: string): string {
  const lower = domain.toLowerCase();
  return /^\p{ASCII}*$/v.test(lower) ? lower : domainToASCII(lower) || lower;
}
