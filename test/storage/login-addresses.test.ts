import { describe, expect, it } from 'vitest';
import { createLoginAddresses } from '../../server/storage/login-addresses.ts';

const HOUR = 3_600_000;
const at = (text: string, place = text) => ({ key: text, place });

describe('the addresses of logins', () => {
  it('tell the first login ever from a known and a new address', () => {
    const addresses = createLoginAddresses([]);
    expect(addresses.record('A', at('192.0.2.1'), 1)).toBe('first');
    expect(addresses.record('A', at('192.0.2.1'), 2)).toBe('known');
    expect(addresses.record('A', at('192.0.2.2'), 3)).toBe('new');
    expect(addresses.record('A', at('192.0.2.2'), 4)).toBe('known');
    expect(addresses.record('B', at('192.0.2.2'), 5)).toBe('first');
  });

  it('know another IPv6 address of the same place', () => {
    const addresses = createLoginAddresses([]);
    addresses.record('A', at('fd00::1', 'fd00::/64'), 1);
    expect(addresses.record('A', at('fd00::2', 'fd00::/64'), 2)).toBe('known');
    expect(addresses.record('A', at('fd01::2', 'fd01::/64'), 3)).toBe('new');
  });

  it('tell who logged in lately, and how many did at an address', () => {
    const addresses = createLoginAddresses([]);
    addresses.record('A', at('192.0.2.1'), 0);
    addresses.record('B', at('192.0.2.1'), 2 * HOUR);
    expect(addresses.accountsAt('192.0.2.1', 3 * HOUR, 2 * HOUR)).toBe(2);
    expect(addresses.accountsAt('192.0.2.1', HOUR, 2 * HOUR)).toBe(1);
    expect(addresses.hasLoggedIn('A', '192.0.2.1', HOUR, 2 * HOUR)).toBe(false);
    expect(addresses.hasLoggedIn('A', '192.0.2.1', 3 * HOUR, 2 * HOUR)).toBe(true);
    expect(addresses.hasLoggedIn('A', '192.0.2.2', 3 * HOUR, 2 * HOUR)).toBe(false);
    expect(addresses.isKnown('192.0.2.1')).toBe(true);
    expect(addresses.isKnown('192.0.2.2')).toBe(false);
  });

  it('count a login that seems to be in the future: the clock was wrong then', () => {
    const addresses = createLoginAddresses([]);
    addresses.record('A', at('192.0.2.1'), 1_000 * HOUR);
    expect(addresses.hasLoggedIn('A', '192.0.2.1', HOUR, 2 * HOUR)).toBe(true);
  });

  it('are bounded for each account, and in all; what was used last stays', () => {
    const addresses = createLoginAddresses([], { perAccount: 3, inAll: 5 });
    for (const n of [1, 2, 3, 4]) addresses.record('A', at(`192.0.2.${n}`), n);
    expect(addresses.isKnown('192.0.2.1')).toBe(false);
    addresses.record('A', at('192.0.2.2'), 5);
    for (const account of ['B', 'C', 'D']) addresses.record(account, at('198.51.100.1'), 6);
    expect(addresses.isKnown('192.0.2.3')).toBe(false);
    expect(addresses.isKnown('192.0.2.2')).toBe(true);
    expect(addresses.accountsAt('198.51.100.1', HOUR, 6)).toBe(3);
  });

  it('hand over each change once', () => {
    const addresses = createLoginAddresses([], { perAccount: 1, inAll: 5 });
    addresses.record('A', at('192.0.2.1'), 1);
    expect(addresses.takeChanges()).toHaveLength(1);
    expect(addresses.takeChanges()).toEqual([]);
    addresses.record('A', at('192.0.2.2'), 2);
    const [removed, saved] = addresses.takeChanges();
    expect(removed).toMatchObject({ params: ['A', '192.0.2.1'] });
    expect(saved).toMatchObject({ params: ['A', '192.0.2.2', '192.0.2.2', 2, 2] });
  });
});
