// Where mail to local recipients really goes: cron, a NAS and mdadm write to `root`, to `root@localhost`, to
// `admin@box.localdomain`, and no upstream takes those. A pattern is a local part or `*`, and where:
//   root             without a domain: the same as at this server's host name, which it is completed with, or at localhost
//   root@localhost   at that domain
//   root@*.local     at all domains below that one
//   root@*           at every domain
// The most specific pattern that fits counts, whatever the order: a name before `*`, then a domain before those below one
// (the longest first), then no domain, then every domain. A rule is applied once: no chains, no loops. Pure.

import { type Path, parsePath } from '../smtp/path.ts';

export type RecipientRule = Readonly<{
  /** In canonical form. */
  pattern: string;
  /** The address that the mail goes to. */
  forwardPath: string;
}>;

export type RecipientPattern =
  | Readonly<{ kind: 'pattern'; text: string }>
  /** Why it is none: one sentence. */
  | Readonly<{ kind: 'bad'; text: string }>;

/** The rule that fits, or null: then the mail goes where it says. `forwardPath` without a domain, or with the host name's. */
export function ruleFor(
  rules: ReadonlyMap<string, RecipientRule>,
  forwardPath: string,
  hostname: string,
): RecipientRule | null {
  if (rules.size === 0) return null;
  const path = parsePath(forwardPath, hostname);
  if ('kind' in path) return null;
  for (const pattern of fittingPatterns(path, hostname)) {
    const rule = rules.get(pattern);
    if (rule !== undefined) return rule;
  }
  return null;
}

/** Reads what the operator writes; `@localdomain` is taken for `*@localdomain`. */
export function parseRecipientPattern(written: string): RecipientPattern {
  const text = written.trim();
  const at = text.lastIndexOf('@');
  if (text === '@') return bad(written);
  const local = at === -1 ? text : text.slice(0, at) || '*';
  const domain = at === -1 ? '' : text.slice(at + 1);
  const localPart = local === '*' ? '*' : canonicalLocal(local);
  if (localPart === null) return bad(written);
  if (domain === '' || domain === '*')
    return { kind: 'pattern', text: `${localPart}${domain === '' ? '' : '@*'}` };
  const below = domain.startsWith('*.') ? '*.' : '';
  const path = parsePath(`x@${domain.slice(below.length)}`, '');
  return 'kind' in path || path.domain.includes('*')
    ? bad(written)
    : { kind: 'pattern', text: `${localPart}@${below}${path.domain}` };
}

/** Every pattern that the address fits, the most specific first. */
function fittingPatterns({ local, domain }: Path, hostname: string): readonly string[] {
  const isOwn = domain === hostname.toLowerCase() || isLoopbackName(domain);
  const labels = domain.startsWith('[') ? [] : domain.split('.');
  const above = labels.slice(1).map((_, i) => `@*.${labels.slice(i + 1).join('.')}`);
  const places = [`@${domain}`, ...above, ...(isOwn ? [''] : []), '@*'];
  return [comparable(local), '*'].flatMap(one => places.map(place => `${one}${place}`));
}

/** What every machine calls itself: no upstream takes mail for it. */
export function isLoopbackName(domain: string): boolean {
  return domain === 'localhost' || domain === 'localhost.localdomain';
}

function canonicalLocal(local: string): string | null {
  const path = parsePath(`${local}@x`, '');
  return 'kind' in path || path.local.includes('*') ? null : comparable(path.local);
}

/** Nobody has a root and a Root. */
function comparable(local: string): string {
  return local.normalize('NFC').toLowerCase();
}

function bad(written: string): RecipientPattern {
  return {
    kind: 'bad',
    text: `"${written}" is no pattern of recipients: give a name (root, or * for every one), alone for addresses without a domain, or with one: root@localhost, *@localdomain, *@*.local (all below), root@* (everywhere).`,
  };
}
