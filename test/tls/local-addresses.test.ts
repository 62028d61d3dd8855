import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { stableAddresses } from '../../server/tls/local-addresses.ts';

const v4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  ...{ address, internal, family: 'IPv4', netmask: '255.255.255.0', mac: '', cidr: null },
});
const v6 = (address: string): NetworkInterfaceInfo => ({
  ...{ address, internal: false, family: 'IPv6', netmask: '', mac: '', cidr: null, scopeid: 0 },
});

const IF_INET6 = `
fd000000000000000000000000000005 02 40 00 80     eth0
20010db8000000010211223344556677 02 40 00 00     eth0
20010db8000000015d1f8a7c4b3e2d11 02 40 00 01     eth0
20010db80000000100000000dead0001 02 40 00 20     eth0
fe800000000000000211223344556677 02 40 20 80     eth0
`;

describe('stable addresses', () => {
  it('are those of the LAN, not of the machine itself, nor those that a machine gives itself for want of others', () => {
    const interfaces = {
      lo: [v4('127.0.0.1', true)],
      eth0: [v4('192.168.1.5'), v4('169.254.7.7')],
      tailscale0: [v4('100.64.0.9')],
    };
    expect(stableAddresses(interfaces, null)).toEqual(['100.64.0.9', '192.168.1.5']);
  });

  it('leave out bridges that come and go, but not Docker’s own', () => {
    const interfaces = {
      docker0: [v4('172.17.0.1')],
      'br-0123456789ab': [v4('172.18.0.1')],
      br0: [v4('192.168.1.5')],
      veth12ab: [v4('172.19.0.1')],
    };
    expect(stableAddresses(interfaces, null)).toEqual(['172.17.0.1', '192.168.1.5']);
  });

  it('of IPv6 are unique local and global ones, without temporary, deprecated and link-local ones', () => {
    const eth0 = [
      ...['fd00::5', '2001:db8:0:1:211:2233:4455:6677', '2001:db8:0:1:5d1f:8a7c:4b3e:2d11'],
      ...['2001:db8:0:1::dead:1', 'fe80::211:2233:4455:6677'],
    ];
    expect(stableAddresses({ eth0: eth0.map(v6) }, IF_INET6)).toEqual([
      ...['2001:db8:0:1:211:2233:4455:6677', 'fd00::5'],
    ]);
  });

  it('of IPv6 are none where nobody says which ones last', () => {
    expect(stableAddresses({ eth0: [v6('fd00::5')] }, null)).toEqual([]);
  });
});
