// Every SQL statement about upstreams, one function each. An operator's change raises `revision` and clears the fault:
// what was learned before the change says nothing about the upstream as it is now.

import type { EpochMs } from '../clock.ts';
import type { SqlValue, Statement } from '../storage/database.ts';
import { oauthToText } from './oauth/oauth-settings.ts';
import type { KnownFault, Upstream } from './upstream.ts';

/** In the order in which they were added. */
export const SELECT_UPSTREAMS = 'SELECT * FROM upstream WHERE removed_at IS NULL ORDER BY created_at, id';

/** The parts of an upstream that the operator sets. */
export type UpstreamSettings = Pick<
  Upstream,
  | 'scheme'
  | 'host'
  | 'port'
  | 'path'
  | 'region'
  | 'user'
  | 'sealedPassword'
  | 'oauth'
  | 'sealedClientSecret'
  | 'preset'
  | 'caPem'
  | 'ehloName'
  | 'connections'
  | 'pacing'
  | 'identity'
  | 'messageSize'
>;

/** In the order of `settingsParams`. */
const SETTINGS = [
  'scheme',
  'host',
  'port',
  'path',
  'region',
  'user_name',
  'sealed_password',
  'oauth',
  'sealed_client_secret',
  'preset',
  'ca_pem',
  'ehlo_name',
  'connections',
  'messages_per_connection',
  'messages_per_minute',
  'messages_per_hour',
  'messages_per_day',
  'message_size',
  'sender_rewrite',
  'sender',
  'senders',
  'null_sender',
  'display_name',
] as const;

const AS_CHANGED = `revision = revision + 1, fault_kind = NULL, fault_text = NULL, fault_since = NULL,
  next_probe_at = NULL`;

/** The first upstream becomes the default, decided by the database so that two commands cannot both be first. */
export function insertUpstream(
  upstream: UpstreamSettings & Readonly<{ id: string; name: string; canonicalName: string; now: EpochMs }>,
): Statement {
  return {
    sql: `INSERT INTO upstream (id, name, canonical_name, ${SETTINGS.join(', ')}, is_default, created_at, revision)
      SELECT ?, ?, ?, ${SETTINGS.map(() => '?').join(', ')},
        CASE WHEN EXISTS (SELECT 1 FROM upstream WHERE removed_at IS NULL AND is_default = 1) THEN 0 ELSE 1 END, ?, 1`,
    params: [upstream.id, upstream.name, upstream.canonicalName, ...settingsParams(upstream), upstream.now],
    require: 1,
  };
}

/** Refused (`require`) when somebody else changed the upstream since it was read. */
export function updateUpstream(id: string, revision: number, settings: UpstreamSettings): Statement {
  return {
    // What another host announced says nothing about this one.
    sql: `UPDATE upstream SET ${SETTINGS.map(column => `${column} = ?`).join(', ')},
        announced_size = CASE WHEN host = ? THEN announced_size END, ${AS_CHANGED}
      WHERE id = ? AND revision = ? AND removed_at IS NULL`,
    params: [...settingsParams(settings), settings.host, id, revision],
    require: 1,
  };
}

export function makeDefault(id: string): readonly Statement[] {
  return [
    { sql: 'UPDATE upstream SET is_default = 0 WHERE is_default = 1' },
    {
      sql: 'UPDATE upstream SET is_default = 1 WHERE id = ? AND removed_at IS NULL',
      params: [id],
      require: 1,
    },
  ];
}

export function pauseUpstream(id: string, now: EpochMs): Statement {
  return {
    sql: 'UPDATE upstream SET paused_at = ?, revision = revision + 1 WHERE id = ? AND removed_at IS NULL',
    params: [now, id],
    require: 1,
  };
}

/** Somebody has consented. Refused (`require`) when the upstream was changed since it was read. */
export function authorizeUpstream(id: string, revision: number): Statement {
  return {
    sql: `UPDATE upstream SET ${AS_CHANGED} WHERE id = ? AND revision = ? AND removed_at IS NULL`,
    params: [id, revision],
    require: 1,
  };
}

/** The operator has seen it work: what was learned before says nothing any more. Nothing where there is no fault. */
export function forgetFault(id: string, revision: number): Statement {
  return {
    sql: `UPDATE upstream SET ${AS_CHANGED}
      WHERE id = ? AND revision = ? AND fault_kind IS NOT NULL AND removed_at IS NULL`,
    params: [id, revision],
  };
}

export function resumeUpstream(id: string): Statement {
  return {
    sql: `UPDATE upstream SET paused_at = NULL, ${AS_CHANGED} WHERE id = ? AND removed_at IS NULL`,
    params: [id],
    require: 1,
  };
}

/** Soft: the row stays, for what the queue's history says about it. Its secrets do not. */
export function removeUpstream(id: string, now: EpochMs): Statement {
  return {
    sql: `UPDATE upstream SET removed_at = ?, is_default = 0, sealed_password = NULL, sealed_client_secret = NULL,
        revision = revision + 1
      WHERE id = ? AND removed_at IS NULL`,
    params: [now, id],
    require: 1,
  };
}

/** Changes nothing when the operator changed the upstream meanwhile. */
export function recordFault(id: string, revision: number, fault: KnownFault | null): Statement {
  return {
    sql: `UPDATE upstream SET fault_kind = ?, fault_text = ?, fault_since = ?, next_probe_at = ?
      WHERE id = ? AND revision = ?`,
    params: [
      fault?.kind ?? null,
      fault?.text ?? null,
      fault?.since ?? null,
      fault?.nextProbeAt ?? null,
      id,
      revision,
    ],
  };
}

/** Beside what was learned about the upstream: no change by the operator. */
export function recordAnnouncedSize(id: string, revision: number, size: number | null): Statement {
  return {
    sql: 'UPDATE upstream SET announced_size = ? WHERE id = ? AND revision = ?',
    params: [size, id, revision],
  };
}

function settingsParams(settings: UpstreamSettings): readonly SqlValue[] {
  const { pacing, identity } = settings;
  return [
    settings.scheme,
    settings.host,
    settings.port,
    settings.path,
    settings.region,
    settings.user,
    settings.sealedPassword,
    settings.oauth === null ? null : oauthToText(settings.oauth),
    settings.sealedClientSecret,
    settings.preset,
    settings.caPem,
    settings.ehloName,
    settings.connections,
    pacing.messagesPerConnection,
    pacing.messagesPerMinute,
    pacing.messagesPerHour,
    pacing.messagesPerDay,
    settings.messageSize,
    identity.rewrite,
    identity.sender,
    identity.senders.length === 0 ? null : JSON.stringify(identity.senders),
    identity.nullSender,
    identity.displayName,
  ];
}
