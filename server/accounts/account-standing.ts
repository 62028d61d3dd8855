// Whether an account may log in from an address at this moment, and whether a session that logged in before may still send.
// Pure; asked with the account as it is now, at every login and every message.

import type { EpochMs } from '../clock.ts';
import { type ClientAddress, parseNetwork } from '../smtp/address.ts';
import { type Account, isInForce, type StoredAccount } from './account.ts';
import type { AccountPolicy } from './account-policy.ts';
import type { Principal } from './principal.ts';

/** What keeps it from logging in, whatever password it knows; null: nothing. */
export type Bar = 'disabled' | 'expired' | 'wrong-network';

export function barOf(
  account: Pick<Account, 'enabled' | 'expiresAt' | 'networks'>,
  address: ClientAddress,
  now: EpochMs,
): Bar | null {
  if (!account.enabled) return 'disabled';
  if (account.expiresAt !== null && account.expiresAt <= now) return 'expired';
  return isWithin(account.networks, address) ? null : 'wrong-network';
}

/** The policy of a session's account; null where it may not send any more. `stored` is null where it was removed. */
export function standingOf(
  stored: StoredAccount | null,
  principal: Principal,
  address: ClientAddress,
  now: EpochMs,
): AccountPolicy | null {
  if (stored === null || barOf(stored.account, address, now) !== null) return null;
  const credential = stored.credentials.find(({ version }) => version === principal.credentialVersion);
  if (credential === undefined || !isInForce(credential, now)) return null;
  return stored.account.policy;
}

/** Null networks are all. */
function isWithin(networks: readonly string[] | null, address: ClientAddress): boolean {
  return networks === null || networks.some(text => parseNetwork(text)?.contains(address) === true);
}
