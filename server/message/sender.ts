// Which address a message without a From gets (RFC 6409 §8.1): scanners and UPSes leave it out, providers refuse that.

import { type Path, parsePath } from '../smtp/path.ts';
import { isPermitted } from './permitted-addresses.ts';

export type SenderFacts = Readonly<{
  /** The sender that the operator gave the account, or null. */
  accountSender: string | null;
  reversePath: Path;
  /** Any printable name; often an address itself. */
  accountName: string;
  hostname: string;
  /** Whom the account may send as (permitted-addresses.ts); null: anybody. */
  permitted: readonly string[] | null;
}>;

/**
 * An addr-spec: the account's sender, else the reverse-path, else one made from the account's name; the first of them
 * that is permitted, or else one made from what is. Where nothing can be made of that, one that is not permitted.
 */
export function chooseFrom(facts: SenderFacts): string {
  const { reversePath, accountName, hostname, permitted } = facts;
  const wanted = [
    ...ownSender(facts),
    ...(reversePath.text === '' ? [] : [reversePath]),
    nameAt(accountName, hostname),
  ];
  const [preferred] = wanted;
  const possible =
    permitted === null ? wanted : [...wanted, ...permitted.flatMap(one => made(one, accountName))];
  const chosen = possible.find(path => permitted === null || isPermitted(permitted, path)) ?? preferred;
  return chosen?.text ?? `postmaster@${hostname}`;
}

function ownSender({ accountSender, hostname }: SenderFacts): readonly Path[] {
  const path = accountSender === null ? null : parsePath(accountSender, hostname);
  return path === null || 'kind' in path ? [] : [path];
}

/** `scanner@example.net`; an account whose name is an address keeps that, one whose name cannot stand there is postmaster. */
function nameAt(accountName: string, domain: string): Path {
  const named = parsePath(accountName, domain);
  if (!('kind' in named)) return named;
  return { local: 'postmaster', domain, text: `postmaster@${domain}`, smtputf8: false };
}

/** An address that fits the pattern; none for `@*.example.com`, which names no domain. */
function made(pattern: string, accountName: string): readonly Path[] {
  if (pattern.startsWith('@')) return pattern.startsWith('@*') ? [] : [nameAt(accountName, pattern.slice(1))];
  const path = parsePath(pattern, '');
  return 'kind' in path ? [] : [path];
}
