// As whom a message goes out by an upstream: what its envelope and the senders in its header must become, decided from the
// upstream's settings alone. Rewriting the header is message/rewrite.ts's. Mail that Postern writes comes from an address
// that hardly an upstream permits (`postern@` the host name), so it gets the permitted sender wherever there is one. Pure.

import type { HeaderWishes } from '../message/header-wishes.ts';
import { isPermitted } from '../message/permitted-addresses.ts';
import type { MessageKind } from '../queue/delivery.ts';
import { type Path, parsePath } from '../smtp/path.ts';
import type { SenderIdentity } from './upstream.ts';

export type SenderFacts = Readonly<{
  identity: SenderIdentity;
  /** The name under which we log in there. */
  user: string | null;
  kind: MessageKind;
  /** Name of the account; null where Postern wrote the message, or the account is gone. */
  account: string | null;
  /** Empty for the null reverse-path. */
  reversePath: string;
}>;

export type IdentityDecision = Readonly<{
  reversePath: string;
  /** Null: the header stays as it is, and need not be read. */
  header: HeaderWishes | null;
  /** The settings ask for a rewrite and name nobody to rewrite to: nothing can be changed. */
  lacksSender: boolean;
}>;

export const ACCOUNT_PLACE = '{account}';

/** For mail that no account sent. */
const NO_ACCOUNT = 'postern';
/** RFC 5321 §4.5.3.1.1, in octets. */
const MAX_LOCAL = 64;

export function decideIdentity(facts: SenderFacts): IdentityDecision {
  const { identity, kind } = facts;
  const sender = senderOf(facts);
  const isOurs = kind !== 'mail';
  const rewrite = isOurs && identity.rewrite === 'keep' ? 'if-not-permitted' : identity.rewrite;
  const rewrites = rewrite !== 'keep' && sender !== null;
  const permits = rewrites ? permission(rewrite, sender, identity.senders) : () => true;
  const withoutAt = identity.displayName === 'without-at';
  return {
    reversePath: reversePathFor(facts, sender, permits),
    header:
      rewrites || withoutAt
        ? { sender: rewrites ? sender : null, permits, withoutAt, keepsOriginal: !isOurs }
        : null,
    lacksSender: sender === null && (identity.rewrite !== 'keep' || identity.nullSender === 'replace'),
  };
}

/** The address that senders are rewritten to; null where none is set and the user name is no address. */
export function senderOf({
  identity,
  user,
  account,
}: Pick<SenderFacts, 'identity' | 'user' | 'account'>): string | null {
  const { sender } = identity;
  if (sender !== null) return withAccount(sender, account ?? NO_ACCOUNT);
  const path = user === null ? null : parsePath(user, '');
  return path === null || 'kind' in path ? null : path.text;
}

/** Operators write `*@example.com` or `example.com` for what permitted-addresses.ts knows as `@example.com`. */
export function canonicalSenders(patterns: readonly string[]): readonly string[] {
  return patterns.map(pattern => {
    const text = pattern.trim().replace(/^\*@/, '@');
    return text.includes('@') ? text : `@${text}`;
  });
}

function reversePathFor(
  { identity, reversePath }: SenderFacts,
  sender: string | null,
  permits: HeaderWishes['permits'],
): string {
  if (sender === null) return reversePath;
  if (reversePath === '') return identity.nullSender === 'replace' ? sender : '';
  const path = parsePath(reversePath, '');
  return 'kind' in path || permits(path) ? reversePath : sender;
}

/** Lists do not change: each is brought into form once, and permitted-addresses.ts reads that once. */
const known = new WeakMap<readonly string[], readonly string[]>();

function permission(
  rewrite: 'if-not-permitted' | 'always',
  sender: string,
  senders: readonly string[],
): HeaderWishes['permits'] {
  const own = [sender];
  if (rewrite === 'always') return path => isPermitted(own, path);
  const patterns = known.get(senders) ?? canonicalSenders(senders);
  known.set(senders, patterns);
  return (path: Path) => isPermitted(own, path) || isPermitted(patterns, path);
}

function withAccount(sender: string, account: string): string {
  if (!sender.includes(ACCOUNT_PLACE)) return sender;
  const local = sender.slice(0, sender.lastIndexOf('@')).replace(ACCOUNT_PLACE, '');
  return sender.replace(ACCOUNT_PLACE, fitted(account, MAX_LOCAL - local.length));
}

/** An account may have any printable name: `Büro Drucker 2` becomes `buro-drucker-2`. */
function fitted(account: string, room: number): string {
  const plain = account
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .slice(0, Math.max(1, room))
    .replace(/^[-.]+|[-.]+$/g, '');
  return plain === '' ? 'account' : plain;
}
