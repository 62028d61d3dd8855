// Whether an address belongs to a network that this machine is directly connected to, by the addresses and netmasks of
// its own interfaces. They change while the server runs (DHCP, containers, VPNs), so they are read anew now and then,
// when somebody asks.

import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { Clock, DurationMs } from '../clock.ts';
import { type ClientAddress, type Network, parseNetwork } from '../smtp/address.ts';

type Interfaces = Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'cidr'>[] | undefined>>;

const REFRESH: DurationMs = 30_000;

/** `read` is `os.networkInterfaces`, but in tests. */
export function createOnLink(
  deps: Readonly<{ clock: Pick<Clock, 'monotonic'>; read?: () => Interfaces }>,
): (address: ClientAddress) => boolean {
  const read = deps.read ?? networkInterfaces;
  let networks: readonly Network[] = [];
  let readAt: DurationMs | null = null;

  return address => {
    const now = deps.clock.monotonic();
    if (readAt === null || now - readAt >= REFRESH) {
      networks = connectedNetworks(read());
      readAt = now;
    }
    return networks.some(network => network.contains(address));
  };
}

/** The networks of all interfaces. One without a prefix (a tunnel that is the way to everywhere) connects to nobody. */
function connectedNetworks(interfaces: Interfaces): readonly Network[] {
  const texts = new Set(
    Object.values(interfaces)
      .flatMap(addresses => addresses ?? [])
      .flatMap(({ cidr }) => (cidr === null || cidr.endsWith('/0') ? [] : [cidr])),
  );
  return [...texts].flatMap(text => parseNetwork(text) ?? []);
}
