// The networks of a configuration list: CIDRs, addresses, and the words that stand for kinds of networks.

import { type ClientAddress, type Network, parseNetwork } from '../smtp/address.ts';

type Matches = (address: ClientAddress) => boolean;

/** Words for networks that are known once and for all: RFC 1918, 3927, 4193, 4291 and 6598. */
const RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
  'unique-local': ['fc00::/7'],
  shared: ['100.64.0.0/10'],
};

/** Whether an address is in any of them. `texts` were checked by the configuration; what is none of them matches nobody. */
export function inNetworks(texts: readonly string[], { isOnLink }: Readonly<{ isOnLink: Matches }>): Matches {
  if (texts.includes('any')) return () => true;
  const fixed: readonly Network[] = texts
    .flatMap(text => RANGES[text] ?? [text])
    .flatMap(text => parseNetwork(text) ?? []);
  const onLink = texts.includes('on-link');
  return address => fixed.some(network => network.contains(address)) || (onLink && isOnLink(address));
}
