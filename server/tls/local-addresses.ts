// The addresses of this machine that a device may be given as its mail server and that stay: they go into certificates.
// Left out: link-local ones, IPv6 addresses made for privacy and thrown away again, and the bridges of single containers
// and compose projects, which come and go. Docker's own bridge stays in: containers reach the host by it.

import { readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const PASSING_INTERFACE = /^(veth|br-[0-9a-f]{12}$|docker_gwbridge$|cni|cali|flannel)/;

// Flags of /proc/net/if_inet6, from linux/if_addr.h.
const IFA_F_TEMPORARY = 0x01;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const PASSING_FLAGS = IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE;

/** The stable addresses of this machine, as they are now. */
export function localAddresses(): readonly string[] {
  return stableAddresses(networkInterfaces(), readIfInet6());
}

/**
 * Chooses from `os.networkInterfaces()`. `ifInet6` is the text of /proc/net/if_inet6, which alone tells temporary IPv6
 * addresses from lasting ones; where it is null (not Linux), no IPv6 address counts as stable.
 */
export function stableAddresses(interfaces: Interfaces, ifInet6: string | null): readonly string[] {
  const lasting = lastingIpv6(ifInet6 ?? '');
  const stable = new Set<string>();
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (PASSING_INTERFACE.test(name)) continue;
    for (const { address, family, internal } of addresses ?? []) {
      if (internal) continue;
      if (family === 'IPv4' ? isLastingIpv4(address) : lasting.has(expand(address))) stable.add(address);
    }
  }
  return [...stable].sort();
}

function isLastingIpv4(address: string): boolean {
  return !address.startsWith('169.254.') && address !== '0.0.0.0';
}

/** The lasting global and unique local addresses among the lines of if_inet6, as 32 hexadecimal digits. */
function lastingIpv6(ifInet6: string): ReadonlySet<string> {
  const lasting = new Set<string>();
  for (const line of ifInet6.split('\n')) {
    const [address, , , scope, flags] = line.trim().split(/\s+/);
    if (address === undefined || scope !== '00' || flags === undefined) continue; // 00: global, ULA included
    if ((Number.parseInt(flags, 16) & PASSING_FLAGS) === 0) lasting.add(address);
  }
  return lasting;
}

/** `fd00::5` as 32 hexadecimal digits. */
function expand(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].map(group => group.padStart(4, '0')).join('');
}

function readIfInet6(): string | null {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8');
  } catch {
    return null;
  }
}
