// Whom an account may send as or to, as the operator writes it: an address, a domain with all its addresses, or all domains
// below one. The canonical form is what submission/policy.ts compares with: `scan@example.com`, `@example.com`, `@*.example.com`.

import { parsePath } from '../smtp/path.ts';

export type AddressPattern =
  | Readonly<{ kind: 'pattern'; text: string }>
  /** Why it is none: one sentence. */
  | Readonly<{ kind: 'bad'; text: string }>;

/** Reads `scan@example.com`, `@example.com`, `*@example.com` or `example.com`, `@*.example.com` or `*.example.com`. */
export function parseAddressPattern(written: string): AddressPattern {
  const text = written.trim().replace(/^\*@/, '@');
  const at = text.lastIndexOf('@');
  if (at > 0) {
    const path = parsePath(text, '');
    return 'kind' in path ? bad(text, path.text) : { kind: 'pattern', text: path.text };
  }
  const below = text.replace(/^@/, '');
  // Without the sign a lone word may be meant as a user name.
  if (at !== 0 && !below.includes('.')) return bad(text, 'It has no @ and is no domain');
  const prefix = below.startsWith('*.') ? '@*.' : '@';
  const path = parsePath(`x@${below.replace(/^\*\./, '')}`, '');
  if ('kind' in path) return bad(text, path.text);
  return { kind: 'pattern', text: `${prefix}${path.domain}` };
}

function bad(written: string, why: string): AddressPattern {
  return {
    kind: 'bad',
    text: `"${written}" cannot be used: ${why.charAt(0).toLowerCase()}${why.slice(1)}. Give addresses (scan@example.com), domains (@example.com, @*.example.com), or * for any.`,
  };
}
