// An upstream: a smart host that takes our mail. This file holds its shape and the one parser of its database row.
// Its secrets never stand in it in clear: they stay sealed until a connection needs them.

import type { EpochMs } from '../clock.ts';
import type { UpstreamFault } from '../queue/outcome.ts';
import type { Row, SqlValue } from '../storage/database.ts';
import { type OAuthSettings, oauthFromText } from './oauth/oauth-settings.ts';
import { SCHEMES, type UpstreamScheme } from './upstream-scheme.ts';

export type FaultKind = UpstreamFault['kind'];

/** What is wrong with an upstream, as it is kept across restarts and shown to the operator. */
export type KnownFault = Readonly<{
  kind: FaultKind;
  text: string;
  since: EpochMs;
  /** When one delivery will be tried again; null while none is planned. */
  nextProbeAt: EpochMs | null;
}>;

/** What an upstream takes at most; null: no limit that we know of. Messages are counted, not recipients. */
export type PacingLimits = Readonly<{
  messagesPerConnection: number | null;
  messagesPerMinute: number | null;
  messagesPerHour: number | null;
  messagesPerDay: number | null;
}>;

/** As whom mail is sent there. */
export type SenderIdentity = Readonly<{
  rewrite: 'keep' | 'if-not-permitted' | 'always';
  /** What senders are rewritten to; `{account}` stands for the account's name. Null: the user name, if it is an address. */
  sender: string | null;
  /** Patterns of the addresses that the upstream permits; empty: only `sender`. */
  senders: readonly string[];
  /** `replace`: `<>` becomes `sender`, for upstreams that refuse the null reverse-path. */
  nullSender: 'keep' | 'replace';
  /** `without-at`: display names that contain an @ are dropped or changed (Microsoft 365 refuses them). */
  displayName: 'keep' | 'without-at';
}>;

export const NO_PACING: PacingLimits = {
  messagesPerConnection: null,
  messagesPerMinute: null,
  messagesPerHour: null,
  messagesPerDay: null,
};

export const KEEP_IDENTITY: SenderIdentity = {
  rewrite: 'keep',
  sender: null,
  senders: [],
  nullSender: 'keep',
  displayName: 'keep',
};

/** What an upstream is that speaks SMTP with a password or none. */
export const PLAIN_SMTP = {
  path: null,
  region: null,
  oauth: null,
  sealedClientSecret: null,
  preset: null,
} as const;

export type Upstream = Readonly<{
  id: string;
  name: string;
  scheme: UpstreamScheme;
  /** Host name (A-labels), IPv4 address or IPv6 address without brackets. */
  host: string;
  port: number;
  /** Of a sending API: what all its addresses begin with, such as `/v1.0`; null: as usual there. */
  path: string | null;
  /** Of Amazon: for which region requests are signed; null: the host name says it. */
  region: string | null;
  /** SMTP: null is no authentication. Sending APIs: the mailbox, domain or key id, as relay/apis/ say. */
  user: string | null;
  /** Password, API key or secret access key. */
  sealedPassword: Uint8Array | null;
  /** Not null: we log in with access tokens instead of a password. */
  oauth: OAuthSettings | null;
  /** Client secret, or the private key (PEM) of a service account; null: the client has none. */
  sealedClientSecret: Uint8Array | null;
  /** The key of the preset that it was added with; null: none. */
  preset: string | null;
  /** PEM of the only authority to trust; null: the public ones and those that this machine trusts. */
  caPem: string | null;
  /** Null: this server's own host name. */
  ehloName: string | null;
  /** Deliveries at the same time, and so connections, at most. */
  connections: number;
  pacing: PacingLimits;
  identity: SenderIdentity;
  /** The largest message that it takes, in octets, where the operator or a preset says so. */
  messageSize: number | null;
  /** SIZE of its last EHLO reply; null: none, or not seen yet. */
  announcedSize: number | null;
  isDefault: boolean;
  pausedAt: EpochMs | null;
  createdAt: EpochMs;
  /** Rises with every change by the operator; what was learned under an older revision no longer counts. */
  revision: number;
  fault: KnownFault | null;
}>;

/** Names of upstreams and of routes differ when they differ beyond case and Unicode form. */
export function canonicalUpstreamName(name: string): string {
  return name.trim().normalize('NFKC').toLowerCase();
}

const FAULT_KINDS: readonly FaultKind[] = [
  'unreachable',
  'tls',
  'credentials',
  'consent',
  'quota',
  'throttled',
];

const REWRITES: readonly SenderIdentity['rewrite'][] = ['keep', 'if-not-permitted', 'always'];

/** Parses a row of the table `upstream`. Throws on a row that Postern cannot have written. */
export function upstreamFromRow(row: Row): Upstream {
  const scheme = SCHEMES.find(known => known === row['scheme']);
  if (scheme === undefined) throw new Error(`upstream row with unknown scheme ${String(row['scheme'])}`);
  return {
    id: text(row['id']),
    name: text(row['name']),
    scheme,
    host: text(row['host']),
    port: number(row['port']),
    path: textOrNull(row['path']),
    region: textOrNull(row['region']),
    user: textOrNull(row['user_name']),
    sealedPassword: octetsOrNull(row['sealed_password']),
    oauth: oauthFromText(textOrNull(row['oauth'])),
    sealedClientSecret: octetsOrNull(row['sealed_client_secret']),
    preset: textOrNull(row['preset']),
    caPem: textOrNull(row['ca_pem']),
    ehloName: textOrNull(row['ehlo_name']),
    connections: number(row['connections']),
    pacing: {
      messagesPerConnection: numberOrNull(row['messages_per_connection']),
      messagesPerMinute: numberOrNull(row['messages_per_minute']),
      messagesPerHour: numberOrNull(row['messages_per_hour']),
      messagesPerDay: numberOrNull(row['messages_per_day']),
    },
    identity: {
      rewrite: REWRITES.find(known => known === row['sender_rewrite']) ?? 'keep',
      sender: textOrNull(row['sender']),
      senders: listFromText(row['senders']),
      nullSender: row['null_sender'] === 'replace' ? 'replace' : 'keep',
      displayName: row['display_name'] === 'without-at' ? 'without-at' : 'keep',
    },
    messageSize: numberOrNull(row['message_size']),
    announcedSize: numberOrNull(row['announced_size']),
    isDefault: number(row['is_default']) === 1,
    pausedAt: numberOrNull(row['paused_at']),
    createdAt: number(row['created_at']),
    revision: number(row['revision']),
    fault: faultFromRow(row),
  };
}

/** `smtp+starttls://user@host:587`, for people; the user's `@` and `:` are not encoded. */
export function upstreamUrl(upstream: Upstream): string {
  const host = upstream.host.includes(':') ? `[${upstream.host}]` : upstream.host;
  const user = upstream.user === null ? '' : `${upstream.user.replace(/[%:]/g, encodeURIComponent)}@`;
  return `${upstream.scheme}://${user}${host}:${upstream.port}${upstream.path ?? ''}`;
}

/**
 * What an alert about a fault is about. With its kind: else a second, different fault within a day would only be counted. And
 * a consent that is missing once more is news: a person has given one since, which has made another revision. So is what is
 * wrong with an OAuth2 client after somebody has mended it: it has many reasons, and each its own remedy.
 */
export function faultSubject({ name, revision, oauth }: Upstream, kind: FaultKind): string {
  const isNewsEachTime = kind === 'consent' || (kind === 'credentials' && oauth !== null);
  return isNewsEachTime ? `${name}: ${kind} ${revision}` : `${name}: ${kind}`;
}

/** What we call ourselves in EHLO. Google's relay refuses "localhost" (RFC 5321 §4.1.3 allows an address instead). */
export function ehloNameFor(ehloName: string | null, hostname: string): string {
  const name = ehloName ?? hostname;
  return /^(localhost(\..*)?|)$/i.test(name) ? '[127.0.0.1]' : name;
}

function faultFromRow(row: Row): KnownFault | null {
  const kind = FAULT_KINDS.find(known => known === row['fault_kind']);
  if (kind === undefined) return null;
  return {
    kind,
    text: textOrNull(row['fault_text']) ?? '',
    since: numberOrNull(row['fault_since']) ?? 0,
    nextProbeAt: numberOrNull(row['next_probe_at']),
  };
}

function listFromText(value: SqlValue | undefined): readonly string[] {
  const list: unknown = typeof value === 'string' ? JSON.parse(value) : [];
  return Array.isArray(list) ? list.filter(one => typeof one === 'string') : [];
}

function text(value: SqlValue | undefined): string {
  if (typeof value !== 'string') throw new Error('upstream row without an expected text');
  return value;
}

function number(value: SqlValue | undefined): number {
  if (typeof value !== 'number') throw new Error('upstream row without an expected number');
  return value;
}

function textOrNull(value: SqlValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function octetsOrNull(value: SqlValue | undefined): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
