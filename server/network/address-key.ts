// What counts as one client, so that limits and bans cannot be escaped by changing the address, and do not hit a neighbour.
// IPv4: the address. IPv6: whoever has one address of a foreign network usually has its whole /64, so that is one client;
// on our own networks (on-link, unique-local, link-local) every device has addresses of its own in the same /64.

import { type ClientAddress, networkOf } from '../smtp/address.ts';
import { inNetworks } from './named-networks.ts';

export type AddressKeys = Readonly<{
  /** `192.0.2.1`, `fd00::5` or `2001:db8:1:2::/64`. */
  keyOf: (address: ClientAddress) => string;
  /**
   * Where an account logs in from, for "has it ever been there": a device on our network takes a new IPv6 address every
   * day (RFC 8981), so all but link-local ones count by /64.
   */
  placeOf: (address: ClientAddress) => string;
}>;

export function createAddressKeys({
  isOnLink,
}: Readonly<{ isOnLink: (address: ClientAddress) => boolean }>): AddressKeys {
  const isOurs = inNetworks(['loopback', 'unique-local', 'link-local', 'on-link'], { isOnLink });
  const isLinkLocal = inNetworks(['link-local'], { isOnLink });
  const network = (address: ClientAddress) => `${networkOf(address, 64)}/64`;
  return {
    keyOf: address => (address.version === 4 || isOurs(address) ? address.text : network(address)),
    placeOf: address => (address.version === 4 || isLinkLocal(address) ? address.text : network(address)),
  };
}
