// The address of a client, made canonical once (DESIGN.md §4 step 1), so that limits, bans, logs and Received lines
// all see the same text: IPv4-mapped IPv6 becomes IPv4, the zone (`%eth0`) goes, IPv6 is written as RFC 5952 says.

import ipaddr from 'ipaddr.js';

export type ClientAddress = Readonly<{
  version: 4 | 6;
  /** Canonical text, e.g. `192.0.2.1` or `2001:db8::1`. */
  text: string;
  /** The address literal of RFC 5321 §4.1.3: `[192.0.2.1]` or `[IPv6:2001:db8::1]`. */
  literal: string;
  isLoopback: boolean;
}>;

/** Spares names the exception by which ipaddr finds that they are none: 20 µs for each message. */
const POSSIBLE = /^(?:[\d.]+|[\da-f.]*:[\da-f:.]*)$/i;

/**
 * Reads an address as a socket or a person writes it. Null when it is none: a name, a socket that is already gone, or
 * one of the old short forms (`127.1`, `0x7f000001`), which readers take for different things.
 */
export function parseClientAddress(written: string | undefined): ClientAddress | null {
  const plain = written?.replace(/%.*$/, '') ?? '';
  if (!POSSIBLE.test(plain)) return null;
  if (!ipaddr.IPv4.isValidFourPartDecimal(plain) && !ipaddr.IPv6.isValid(plain)) return null;
  // `process` is ipaddr's parse that also turns an IPv4-mapped address into the IPv4 one.
  const address = ipaddr.process(plain);
  const text = address.toString();
  const isLoopback = address.range() === 'loopback';
  if (address.kind() === 'ipv4') return { version: 4, text, literal: `[${text}]`, isLoopback };
  return { version: 6, text, literal: `[IPv6:${text}]`, isLoopback };
}

/** A range of addresses, of either version. */
export type Network = Readonly<{
  /** Canonical CIDR text, e.g. `192.168.0.0/16` or `fd00::/8`; host bits are zero. */
  text: string;
  contains: (address: ClientAddress) => boolean;
}>;

/** Reads `192.168.1.0/24`, `2001:db8::/32` or a single address. Host bits are dropped. Null when it is none. */
export function parseNetwork(written: string): Network | null {
  const [base = '', bits, ...rest] = written.trim().split('/');
  const address = parseClientAddress(base);
  if (address === null || rest.length > 0) return null;
  const width = address.version === 4 ? 32 : 128;
  const mapped = address.version === 4 && base.includes(':') ? 96 : 0;
  const length = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) - mapped : Number.NaN;
  if (!(length >= 0 && length <= width)) return null;
  const first = ipaddr.parse(masked(ipaddr.parse(address.text), length));
  const text = `${first.toString()}/${length}`;
  return {
    text,
    contains: client => client.version === address.version && ipaddr.parse(client.text).match(first, length),
  };
}

/** The network of the first `length` bits of an address, as text without the length: `2001:db8:1:2::` for /64. */
export function networkOf(address: ClientAddress, length: number): string {
  return masked(ipaddr.parse(address.text), length);
}

function masked(address: ipaddr.IPv4 | ipaddr.IPv6, length: number): string {
  const octets = address.toByteArray().map((octet, index) => {
    const kept = Math.max(0, Math.min(8, length - index * 8));
    return octet & (0xff << (8 - kept)) & 0xff;
  });
  return ipaddr.fromByteArray(octets).toString();
}
