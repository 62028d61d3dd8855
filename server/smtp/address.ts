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
