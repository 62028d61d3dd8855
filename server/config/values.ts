// How the values of the config file are written: sizes, durations, addresses, reserves. Pure parsers, each with its inverse
// where the reference or a message prints one. A text that cannot be read is null, never a guess.

import { isIP } from 'node:net';
import type { DurationMs } from '../clock.ts';
import { parseNetwork } from '../smtp/address.ts';

/** Where an HTTP server listens. Port 0 takes any free port. */
export type ListenAddress = Readonly<{ address: string; port: number }>;

/** What must stay free on the disk: the larger of a number of octets and a share of the disk. */
export type DiskReserve = Readonly<{ octets: number; share: number }>;

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Octets of `52428800`, `50 MiB`, `50M` (both 1024-based) or `50 MB` (1000-based); null when it is no size. */
export function parseSize(value: string | number): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim());
  const unit = SIZE_UNITS[match?.[2]?.toLowerCase() ?? '?'];
  if (match === null || unit === undefined) return null;
  const octets = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(octets) ? octets : null;
}

/** Milliseconds of `90` (seconds), `90s`, `5m`, `1h 30m`, `4d`; null when it is no duration. */
export function parseDuration(value: string | number): DurationMs | null {
  if (typeof value === 'number') return parseDuration(`${value}s`);
  const text = value.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(text)) return parseDuration(`${text}s`);
  if (!/^(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$/.test(text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)/g)) {
    total += Number(count) * (DURATION_UNITS[unit ?? ''] ?? Number.NaN);
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : null;
}

/** `256 MiB`, `5 %`, or the larger of both as `max(256 MiB, 5 %)`; null when it is none of these. */
export function parseDiskReserve(value: string | number): DiskReserve | null {
  if (typeof value === 'string') {
    const both = /^max\(([^,]+),([^,]+)\)$/i.exec(value.trim());
    if (both !== null) {
      const octets = parseSize(both[1] ?? '');
      const share = parseShare(both[2] ?? '');
      return octets === null || share === null ? null : { octets, share };
    }
    const share = parseShare(value);
    if (share !== null) return { octets: 0, share };
  }
  const octets = parseSize(value);
  return octets === null ? null : { octets, share: 0 };
}

/** `ADDRESS:PORT`, `[IPV6]:PORT` or `:PORT` (every address); null when it is none of these. */
export function parseListenAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^[\]:]*)):(\d{1,5})$/.exec(text.trim());
  if (match === null) return null;
  const port = Number(match[3]);
  if (port > 65_535) return null;
  const bracketed = match[1];
  const plain = match[2] ?? '';
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { address: bracketed, port } : null;
  if (plain === '') return { address: '::', port };
  if (plain === 'localhost') return { address: '127.0.0.1', port };
  return isIP(plain) === 4 ? { address: plain, port } : null;
}

/** `50 MiB`, or the plain number of octets where no unit divides it. */
export function formatSize(octets: number): string {
  for (const [unit, factor] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (octets >= factor && octets % factor === 0) return `${octets / factor} ${unit}`;
  }
  return String(octets);
}

/** `1h`, `4d`, `90s`: the largest unit that divides it. */
export function formatDuration(duration: DurationMs): string {
  if (duration === 0) return '0s';
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const factor = DURATION_UNITS[unit] ?? 1;
    if (duration % factor === 0) return `${duration / factor}${unit}`;
  }
  return `${duration}ms`;
}

/** `max(256 MiB, 5 %)`, or the one part that is not zero. */
export function formatDiskReserve({ octets, share }: DiskReserve): string {
  // Twelve digits: 0.07 * 100 is a little more than 7.
  const percent = `${Number((share * 100).toPrecision(12))} %`;
  if (octets === 0 && share > 0) return percent;
  return share === 0 ? formatSize(octets) : `max(${formatSize(octets)}, ${percent})`;
}

/** `127.0.0.1:8025`, `[::1]:8025`; empty for null (off). */
export function formatListenAddress(listen: ListenAddress | null): string {
  if (listen === null) return '';
  return listen.address.includes(':')
    ? `[${listen.address}]:${listen.port}`
    : `${listen.address}:${listen.port}`;
}

/** True for 127.0.0.0/8 and ::1: reachable from this machine only. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Kinds of networks by name; `on-link` is whatever the machine's own interfaces are connected to. */
export const NETWORK_WORDS = [
  'loopback',
  'private',
  'link-local',
  'unique-local',
  'shared',
  'on-link',
  'any',
] as const;

/** The words that limits.networks has by default: everything near, and not the internet. */
export const NEAR_NETWORKS = NETWORK_WORDS.filter(word => word !== 'any');

/** A network, an address, or one of NETWORK_WORDS. */
export function isNetworkText(text: string): boolean {
  return NETWORK_WORDS.some(word => word === text) || parseNetwork(text) !== null;
}

export function isAddressText(text: string): boolean {
  return isIP(text) !== 0;
}

/** A fully spelled host name as certificates and EHLO need it: letters, digits, hyphens, dots. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i.test(text);
}

function parseShare(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (match === null) return null;
  const percent = Number(match[1]);
  return percent < 100 ? percent / 100 : null;
}
