// What single values cannot show: keys that exclude or need each other, and settings that are allowed but deserve a word.
// Pure, over a configuration whose every value is valid by itself.

import { parseClientAddress, parseNetwork } from '../smtp/address.ts';
import { formatPath } from './complaints.ts';
import type { Path } from './input-tree.ts';
import type { Config } from './schema.ts';
import {
  formatDuration,
  formatListenAddress,
  isLoopback,
  type ListenAddress,
  NEAR_NETWORKS,
} from './values.ts';

export type Conflict = Readonly<{
  /** The keys that take part; the first one is complained about. */
  paths: readonly Path[];
  /** The line for people: path, why they do not go together, what to change. */
  text: string;
}>;

export function conflicts(config: Config): readonly Conflict[] {
  return [...conflictingPorts(config), ...halfCertificate(config), ...conflictingTimes(config)];
}

/** One line each for what works but may not be meant. */
export function cautions(config: Config): readonly string[] {
  const lines: string[] = [];
  const { listen } = config.admin;
  if (listen !== null && !isLoopback(listen.address)) {
    lines.push(
      `admin.listen: ${formatListenAddress(listen)} can be reached from other machines and asks for no password; it serves health and the CA certificate. For the CA certificate alone use public.listen`,
    );
  }
  if (config.storage.allow_unsafe_filesystem) {
    lines.push(
      'storage.allow_unsafe_filesystem: accepted mail can be lost on a file system that loses synced data',
    );
  }
  if (config.tls.certificate !== undefined && config.tls.names.length > 0) {
    lines.push('tls.names: has no effect beside tls.certificate; your own certificate has its own names');
  }
  const { ban_after, ban_address_after } = config.limits;
  if (ban_after > ban_address_after) {
    lines.push(
      `limits.ban_after: ${ban_after} is above limits.ban_address_after (${ban_address_after}), so that the whole address is banned first, unless several accounts use it`,
    );
  }
  return [...lines, ...unservedNetworks(config.limits.networks)];
}

const HOME_WORDS: readonly string[] = NEAR_NETWORKS.filter(word => word !== 'loopback');
const HOME = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', '100.64.0.0/10', '169.254.0.0/16'];

/** A list stands instead of the default: whoever meant to add to it has lost what was there. */
function unservedNetworks(list: readonly string[]): readonly string[] {
  if (list.includes('any')) return [];
  const within = (text: string, network: string): boolean => {
    const address = parseClientAddress(text.split('/')[0]);
    return address !== null && parseNetwork(network)?.contains(address) === true;
  };
  const advice = `The list stands instead of the default; to add to that, write [${NEAR_NETWORKS.join(', ')}, …]`;
  const lines: string[] = [];
  if (!list.includes('loopback') && !list.some(text => within('127.0.0.1', text))) {
    lines.push(
      `limits.networks: loopback is not served any more; programs on this machine are sent away. ${advice}`,
    );
  }
  const servesHome = list.some(
    text => HOME_WORDS.includes(text) || HOME.some(network => within(text, network) || within(network, text)),
  );
  if (!servesHome) {
    lines.push(
      `limits.networks: no private network is served any more; devices at home or in the office are sent away. ${advice}`,
    );
  }
  return lines;
}

function conflictingPorts(config: Config): readonly Conflict[] {
  const places: readonly Readonly<{ path: Path; at: ListenAddress | null }>[] = [
    ...config.listeners.map((listener, index) => ({ path: ['listeners', index], at: listener })),
    { path: ['admin', 'listen'], at: config.admin.listen },
    { path: ['public', 'listen'], at: config.public.listen },
  ];
  const found: Conflict[] = [];
  places.forEach((place, index) => {
    const earlier = places.slice(0, index).find(other => overlap(place.at, other.at));
    if (earlier === undefined) return;
    found.push({
      paths: [place.path, earlier.path],
      text: `${formatPath(place.path)}: ${formatListenAddress(place.at)} is taken by ${formatPath(earlier.path)} (${formatListenAddress(earlier.at)}); give each its own port`,
    });
  });
  return found;
}

/** One listener on every address leaves none of them to another on the same port. Port 0 is always a free one. */
function overlap(a: ListenAddress | null, b: ListenAddress | null): boolean {
  if (a === null || b === null || a.port !== b.port || a.port === 0) return false;
  if (a.address === b.address || a.address === '::' || b.address === '::') return true;
  const [anyIpv4, other] = a.address === '0.0.0.0' ? [a, b] : [b, a];
  return anyIpv4.address === '0.0.0.0' && !other.address.includes(':');
}

function halfCertificate({ tls }: Config): readonly Conflict[] {
  if ((tls.certificate === undefined) === (tls.key === undefined)) return [];
  const [given, missing] = tls.key === undefined ? ['certificate', 'key'] : ['key', 'certificate'];
  return [
    {
      paths: [
        ['tls', given],
        ['tls', missing],
      ],
      text: `tls.${given}: needs tls.${missing} beside it; give both or neither`,
    },
  ];
}

function conflictingTimes({ queue, limits }: Config): readonly Conflict[] {
  const found: Conflict[] = [];
  if (limits.ban_time > limits.ban_longest) {
    found.push({
      paths: [
        ['limits', 'ban_time'],
        ['limits', 'ban_longest'],
      ],
      text: `limits.ban_time: ${formatDuration(limits.ban_time)} is longer than limits.ban_longest (${formatDuration(limits.ban_longest)}); give at most that`,
    });
  }
  if (queue.retry_min > queue.retry_max) {
    found.push({
      paths: [
        ['queue', 'retry_min'],
        ['queue', 'retry_max'],
      ],
      text: `queue.retry_min: ${formatDuration(queue.retry_min)} is longer than queue.retry_max (${formatDuration(queue.retry_max)}); give at most that`,
    });
  }
  if (queue.retry_max > queue.expiry) {
    found.push({
      paths: [
        ['queue', 'retry_max'],
        ['queue', 'expiry'],
      ],
      text: `queue.retry_max: ${formatDuration(queue.retry_max)} is longer than queue.expiry (${formatDuration(queue.expiry)}); give at most that`,
    });
  }
  return found;
}
