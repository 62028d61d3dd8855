import { describe, expect, it } from 'vitest';
import { createAddressKeys } from '../../server/network/address-key.ts';
import { inNetworks } from '../../server/network/named-networks.ts';
import { createOnLink } from '../../server/network/on-link.ts';
import { type ClientAddress, parseClientAddress } from '../../server/smtp/address.ts';
import { createMovableClock } from '../accounts/support.ts';

const address = (text: string): ClientAddress => {
  const parsed = parseClientAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
};

const interfaces = {
  lo: [{ cidr: '127.0.0.1/8' }, { cidr: '::1/128' }],
  eth0: [{ cidr: '203.0.113.7/28' }, { cidr: '2001:db8:1:2:aaaa::7/64' }, { cidr: 'fe80::1/64' }],
  tun0: [{ cidr: '198.51.100.1/0' }, { cidr: null }],
};
const isOnLink = createOnLink({ clock: createMovableClock(), read: () => interfaces });

describe('on-link', () => {
  it.each([
    ['203.0.113.1', true],
    ['203.0.113.15', true],
    ['203.0.113.16', false],
    ['2001:db8:1:2::9', true],
    ['2001:db8:1:3::9', false],
    ['fe80::1234', true],
    ['192.0.2.1', false], // the tunnel that leads everywhere connects to nobody
  ])('%s: %s', (text, expected) => {
    expect(isOnLink(address(text))).toBe(expected);
  });

  it('follows the interfaces, but does not read them for every connection', () => {
    const clock = createMovableClock();
    let reads = 0;
    let now: Readonly<Record<string, readonly { cidr: string }[]>> = {};
    const onLink = createOnLink({
      clock,
      read: () => {
        reads += 1;
        return now;
      },
    });
    expect(onLink(address('10.1.2.3'))).toBe(false);
    now = { wg0: [{ cidr: '10.1.2.1/24' }] };
    expect(onLink(address('10.1.2.3'))).toBe(false);
    expect(reads).toBe(1);
    clock.move(30_000);
    expect(onLink(address('10.1.2.3'))).toBe(true);
    expect(reads).toBe(2);
  });
});

describe('networks of the configuration', () => {
  const defaults = inNetworks(['loopback', 'private', 'link-local', 'unique-local', 'shared', 'on-link'], {
    isOnLink,
  });
  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.255.255.255', true],
    ['172.15.255.255', false],
    ['172.16.0.0', true],
    ['172.31.255.255', true],
    ['172.32.0.0', false],
    ['192.168.1.20', true],
    ['192.169.0.0', false],
    ['169.254.3.4', true],
    ['fe80::5', true],
    ['fec0::5', false],
    ['fd12:3456::1', true],
    ['fbff::1', false],
    ['100.64.0.1', true],
    ['100.128.0.1', false],
    ['203.0.113.3', true], // on-link
    ['8.8.8.8', false],
    ['2001:4860:4860::8888', false],
  ])('by default %s: %s', (text, expected) => {
    expect(defaults(address(text))).toBe(expected);
  });

  it('may be CIDRs and addresses, "any", or nobody', () => {
    const some = inNetworks(['198.51.100.0/24', '2001:db8::7'], { isOnLink });
    expect(['198.51.100.200', '2001:db8::7', '2001:db8::8', '127.0.0.1'].map(address).map(some)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(inNetworks(['any'], { isOnLink })(address('8.8.8.8'))).toBe(true);
    expect(inNetworks([], { isOnLink })(address('127.0.0.1'))).toBe(false);
  });
});

describe('what counts as one client', () => {
  const { keyOf, placeOf } = createAddressKeys({ isOnLink });
  it.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['2001:db8:9:9:1:2:3:4', '2001:db8:9:9::/64', '2001:db8:9:9::/64'],
    ['2001:db8:1:2:1:2:3:4', '2001:db8:1:2:1:2:3:4', '2001:db8:1:2::/64'], // on-link
    ['fd00::5', 'fd00::5', 'fd00::/64'],
    ['fe80::5%eth0', 'fe80::5', 'fe80::5'],
    ['::1', '::1', '::/64'],
  ])('%s is %s, at the place %s', (text, key, place) => {
    expect([keyOf(address(text)), placeOf(address(text))]).toEqual([key, place]);
  });
});
