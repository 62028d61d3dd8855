// Checks what the operator says about senders at an upstream: null, or the sentence that says what is wrong. Pure.

import { parseAddressPattern } from '../accounts/address-pattern.ts';
import { parsePath } from '../smtp/path.ts';
import { ACCOUNT_PLACE, canonicalSenders, senderOf } from './identity.ts';
import type { SenderIdentity } from './upstream.ts';

/** `user`: the name under which we log in there. */
export function checkIdentity(settings: SenderIdentity & Readonly<{ user: string | null }>): string | null {
  const { sender, senders, rewrite, nullSender } = settings;
  const wrong = (sender === null ? null : wrongSender(sender)) ?? wrongPattern(senders);
  if (wrong !== null) return wrong;
  if (senderOf({ identity: settings, user: settings.user, account: null }) !== null) return null;
  const why =
    'The upstream has no sender, and its user name is no address: give the address that it lets us send as, for example --sender scans@example.com.';
  if (rewrite !== 'keep') return `Senders cannot be rewritten. ${why}`;
  return nullSender === 'replace' ? `The null sender cannot be replaced. ${why}` : null;
}

function wrongSender(sender: string): string | null {
  const at = sender.lastIndexOf('@');
  if (sender.includes('*') || at < 1)
    return `"${sender}" cannot be the sender: it must be one address, such as scans@example.com or scans+${ACCOUNT_PLACE}@example.com.`;
  if (/\P{ASCII}/u.test(sender))
    return `"${sender}" cannot be the sender: few upstreams take addresses with letters beyond ASCII. Write the domain in its xn-- form.`;
  const place = sender.indexOf(ACCOUNT_PLACE);
  const rest = sender.replace(ACCOUNT_PLACE, 'x');
  if (place > at || /[{}]/.test(rest))
    return `"${sender}" cannot be the sender: braces are only for ${ACCOUNT_PLACE}, once and before the @; it stands for the name of the account.`;
  const path = parsePath(rest, '');
  return 'kind' in path ? `"${sender}" cannot be the sender. ${path.text}.` : null;
}

function wrongPattern(senders: readonly string[]): string | null {
  for (const [i, pattern] of canonicalSenders(senders).entries()) {
    // As it was written: a lone word may be meant as a user name.
    const read = parseAddressPattern(
      pattern.startsWith('@') ? (senders[i] ?? '').replace(/^\*@/, '@') : pattern,
    );
    if (read.kind === 'bad') return read.text;
    if (pattern.includes('*') && !/^@?\*\./.test(pattern))
      return `"${pattern}" cannot be used among the senders: * stands for a whole local part (*@example.com) or for whatever is below a domain (@*.example.com).`;
  }
  return null;
}
