// A channel: one way in which alerts reach a person. Its shape, the one parser of its database row, and what of it may be
// shown. Addresses of webhooks and topics are as good as passwords, so all settings stay sealed until something is sent.

import type { EpochMs } from '../clock.ts';
import type { Row, SqlValue } from '../storage/database.ts';
import type { Detail } from './notice.ts';

export type ChannelSettings =
  /** `secret`: the key with which every message is signed. */
  | Readonly<{ kind: 'webhook'; url: string; secret: string }>
  /** The URL ends with the topic. `token`: null where the topic is open. */
  | Readonly<{ kind: 'ntfy'; url: string; token: string | null }>
  /** Both are mailboxes as they go on the wire. */
  | Readonly<{ kind: 'email'; to: string; from: string }>;

export type Channel = Readonly<{
  id: string;
  name: string;
  kind: ChannelSettings['kind'];
  detail: Detail;
  sealed: Uint8Array;
  createdAt: EpochMs;
  lastSentAt: EpochMs | null;
  /** Why the last alert could not be sent; null: it was. */
  lastError: string | null;
  /** When that was; null: it was sent. */
  lastErrorAt: EpochMs | null;
}>;

/** What may be shown of where it sends to: an address of e-mail, of a URL only the server. */
export function shownTarget(settings: ChannelSettings): string {
  if (settings.kind === 'email') return settings.to;
  const { protocol, host } = new URL(settings.url);
  return `${protocol}//${host}/…`;
}

/** Parses a row of the table `alert_channel`. Throws on a row that Postern cannot have written. */
export function channelFromRow(row: Row): Channel {
  const kind = (['webhook', 'ntfy', 'email'] as const).find(known => known === row['kind']);
  const sealed = row['sealed'];
  if (kind === undefined || !(sealed instanceof Uint8Array))
    throw new Error('alert_channel row of no known kind');
  return {
    id: String(row['id']),
    name: String(row['name']),
    kind,
    detail: row['detail'] === 'full' ? 'full' : 'minimal',
    sealed,
    createdAt: Number(row['created_at']),
    lastSentAt: numberOrNull(row['last_sent_at']),
    lastError: typeof row['last_error'] === 'string' ? row['last_error'] : null,
    lastErrorAt: numberOrNull(row['last_error_at']),
  };
}

export function writeSettings(settings: ChannelSettings): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(settings));
}

/** Null for what `writeSettings` of this version cannot have written. */
export function parseSettings(octets: Uint8Array): ChannelSettings | null {
  const read: unknown = JSON.parse(new TextDecoder().decode(octets));
  if (typeof read !== 'object' || read === null) return null;
  const parts = new Map<string, unknown>(Object.entries(read));
  const text = (name: string): string | null => {
    const value = parts.get(name);
    return typeof value === 'string' ? value : null;
  };
  const [kind, url, secret, to, from] = [text('kind'), text('url'), text('secret'), text('to'), text('from')];
  if (kind === 'webhook' && url !== null && secret !== null) return { kind, url, secret };
  if (kind === 'ntfy' && url !== null) return { kind, url, token: text('token') };
  if (kind === 'email' && to !== null && from !== null) return { kind, to, from };
  return null;
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
