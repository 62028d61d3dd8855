// What bans know a login name by: a keyed digest, so that a name that is no account's (often somebody's password, typed
// into the wrong field) is never stored, and the same for good, so that a ban outlives a restart.

import type { LastingKey } from '../storage/lasting-key.ts';

/** Characters of base64url: 132 bits. */
const LENGTH = 22;

export function nameTag(lastingKey: Pick<LastingKey, 'mac'>, canonicalName: string): string {
  const digest = lastingKey.mac('name tag', Buffer.from(canonicalName, 'utf8'));
  return Buffer.from(digest).toString('base64url').slice(0, LENGTH);
}
