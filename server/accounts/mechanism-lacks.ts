// Which mechanisms cannot work for an account although it may use them, because its newest password lacks what they need:
// for the operator, who otherwise sees only that a device is refused. Pure.

import type { EpochMs } from '../clock.ts';
import { MECHANISM_NAMES } from '../sasl/mechanisms.ts';
import { type Account, isInForce, type StoredAccount } from './account.ts';

export type Lack = Readonly<{
  /** As EHLO shows it. */
  mechanism: string;
  /** The login name that it does not work with; null where it is the same for all. */
  loginName: string | null;
  /**
   * `weak-password`: withheld. `next-login`: the next login by PLAIN or LOGIN puts it right, or a new password.
   * `new-password`: only that does, for the account may not log in by PLAIN or LOGIN. `sealing-key`: it is lost.
   */
  reason: 'weak-password' | 'next-login' | 'new-password' | 'sealing-key';
}>;

/** None for an account without a password in force. `keyLost`: what is there cannot be opened, and nothing made anew. */
export function lacksOf(
  { account, credentials }: StoredAccount,
  now: EpochMs,
  { keyLost = false }: Readonly<{ keyLost?: boolean }> = {},
): readonly Lack[] {
  const newest = credentials.find(credential => isInForce(credential, now));
  if (newest === undefined) return [];
  const has = (kind: 'cram' | 'scram', loginName: string) =>
    !keyLost && newest.derived.some(secret => secret.kind === kind && secret.loginName === loginName);
  const missing = keyLost ? 'sealing-key' : sendsPassword(account) ? 'next-login' : 'new-password';
  const lacks: Lack[] = [];
  for (const mechanism of account.mechanisms ?? MECHANISM_NAMES) {
    if (mechanism === 'CRAM-MD5' && !has('cram', '')) {
      const reason = newest.withholdsCram === true ? 'weak-password' : missing;
      lacks.push({ mechanism, loginName: null, reason });
    }
    if (!mechanism.startsWith('SCRAM-')) continue;
    for (const { name, canonicalName } of [account, ...account.aliases]) {
      if (!has('scram', canonicalName)) lacks.push({ mechanism, loginName: name, reason: missing });
    }
  }
  return lacks;
}

/** One line for each lack that a change of names or mechanisms has brought. */
export function newLacks(before: StoredAccount, after: StoredAccount, now: EpochMs): readonly string[] {
  const old = lacksOf(before, now).map(sentenceOf);
  const sentences = lacksOf(after, now).map(sentenceOf);
  return [...new Set(sentences)].filter(sentence => !old.includes(sentence));
}

function sentenceOf({ mechanism, loginName, reason }: Lack): string {
  // With channel binding or without, it is the same secret.
  const what = mechanism.replace(/-PLUS$/, '');
  const name = loginName === null ? '' : ` with the name "${loginName}"`;
  switch (reason) {
    case 'weak-password':
      return `${what} does not work, because the password is weak.`;
    case 'next-login':
      return `${what} does not work${name} yet: it will after the next login by PLAIN or LOGIN, or with a new password.`;
    case 'new-password':
      return `${what} does not work${name} until the account gets a new password ("postern account password").`;
    case 'sealing-key':
      return `${what} does not work${name} while the sealing key is lost.`;
    default:
      return reason satisfies never;
  }
}

function sendsPassword({ mechanisms }: Account): boolean {
  return mechanisms === null || mechanisms.includes('PLAIN') || mechanisms.includes('LOGIN');
}
