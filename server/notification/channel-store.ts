// The channels as the operator configures them: kept in the database, viewed from memory, changed live. The view is
// reloaded after each own change and whenever another process (the command line) changed the database. Settings are
// sealed, bound to their channel, and opened only to send or to show where a channel sends to.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { Clock } from '../clock.ts';
import type { NewId, RandomBytes } from '../ids.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import { channelContext } from '../storage/sealed-rows.ts';
import { commitSealed, type Sealing } from '../storage/sealing.ts';
import {
  type Channel,
  type ChannelSettings,
  channelFromRow,
  parseSettings,
  writeSettings,
} from './channel.ts';
import { type ChannelInput, checkChannelName, checkTarget } from './channel-input.ts';

/** `text` of a refusal is one line for the operator: what, why, what to do. */
export type ChannelRefused = Readonly<{ kind: 'refused'; text: string }>;

export type ChannelAdded = Readonly<{
  kind: 'done';
  channel: Channel;
  settings: ChannelSettings;
  warnings: readonly string[];
}>;

export type ChannelStore = Readonly<{
  /** In the order of adding; as of the last reload. */
  list: () => readonly Channel[];
  /** By name, without regard to case. */
  find: (name: string) => Channel | null;
  /** With URL, secret and token. Null: the sealing key cannot open them. */
  settings: (channel: Channel) => ChannelSettings | null;
  add: (input: ChannelInput) => Promise<ChannelAdded | ChannelRefused>;
  remove: (name: string) => Promise<Readonly<{ kind: 'done'; channel: Channel }> | ChannelRefused>;
  /** Keeps what became of the last alert; `error` null: it was sent. Best effort. */
  recordSending: (channel: Channel, error: string | null) => Promise<void>;
  /** Calls back after the view has changed. */
  onChange: (listener: () => void) => void;
  /** Reads the database again. */
  reload: () => Promise<void>;
}>;

type Deps = Readonly<{
  database: Database;
  clock: Clock;
  newId: NewId;
  random: RandomBytes;
  sealer: Sealing;
  /** The row of the audit that belongs into the commit of a change. */
  audit: (fact: AuditFact) => Statement;
}>;

/** Each alert goes to each of them. */
export const MOST_CHANNELS = 20;
const SECRET_OCTETS = 32;

/** Resolves once the view is loaded. */
export async function createChannelStore(deps: Deps): Promise<ChannelStore> {
  const { database, clock, newId, sealer } = deps;
  const listeners: (() => void)[] = [];
  let view: readonly Channel[] = [];

  const reload = async (): Promise<void> => {
    view = (await database.read('SELECT * FROM alert_channel ORDER BY created_at, id')).map(channelFromRow);
    for (const listener of listeners) listener();
  };
  const find = (name: string) =>
    view.find(known => canonicalName(known.name) === canonicalName(name)) ?? null;
  const audited = (action: AuditFact['action'], { name, kind }: Pick<Channel, 'name' | 'kind'>): Statement =>
    deps.audit({ action, object: name, detail: kind });

  database.onForeignChange(() => void reload().catch(() => undefined));
  await reload();

  return {
    list: () => view,
    find,
    settings: channel => {
      const octets = sealer.open(channel.sealed, channelContext(channel.id));
      return octets === null ? null : parseSettings(octets);
    },
    add: async input => {
      await reload();
      const problem = view.length >= MOST_CHANNELS ? TOO_MANY : checkChannelName(input.name);
      if (problem !== null) return refused(problem);
      const checked = checkTarget(input.to, () =>
        Buffer.from(deps.random(SECRET_OCTETS)).toString('base64url'),
      );
      if (checked.kind === 'refused') return checked;
      const { settings, warnings } = checked;
      const { kind } = settings;
      const [id, name, createdAt] = [newId(), input.name.trim(), clock.now()];
      const detail = input.detail ?? (kind === 'email' ? 'full' : 'minimal');
      const result = await commitSealed(sealer, () => {
        const sealed = sealer.seal(writeSettings(settings), channelContext(id));
        const insert = insertChannel({ id, name, kind, detail, sealed, createdAt });
        return database.commit([
          insert,
          sealer.guard(sealed),
          audited('alert.channel-added', { name, kind }),
        ]);
      });
      if (result.kind !== 'committed') return refused(refusalText(name, result));
      await reload();
      const channel = find(name);
      if (channel === null) return refused(unknownText(name, view));
      return { kind: 'done', channel, settings, warnings };
    },
    remove: async name => {
      await reload();
      const channel = find(name);
      if (channel === null) return refused(unknownText(name, view));
      const group = [deleteChannel(channel.id), audited('alert.channel-removed', channel)];
      const result = await database.commit(group);
      if (result.kind !== 'committed') return refused(refusalText(name, result));
      await reload();
      return { kind: 'done', channel };
    },
    recordSending: async (channel, error) => {
      await database.commit([updateSending(channel.id, error, clock.now())]).catch(() => null);
      await reload().catch(() => undefined);
    },
    onChange: listener => void listeners.push(listener),
    reload,
  };
}

export function unknownText(name: string, view: readonly Channel[]): string {
  const known = view.map(channel => channel.name).join(', ');
  const hint =
    known === '' ? 'none exists yet; add one with "postern alert channel add"' : `there are these: ${known}`;
  return `No alert channel is called "${name}": ${hint}.`;
}

const TOO_MANY = `There are ${MOST_CHANNELS} alert channels already: remove one first.`;

export function insertChannel(channel: Omit<Channel, 'lastSentAt' | 'lastError' | 'lastErrorAt'>): Statement {
  const { id, name, kind, detail, sealed, createdAt } = channel;
  return {
    sql: `INSERT INTO alert_channel (id, name, canonical_name, kind, detail, sealed, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    params: [id, name, canonicalName(name), kind, detail, sealed, createdAt],
    require: 1,
  };
}

/** What became of the last alert says nothing about the channel as it is now. Refused where it is gone. */
export function updateChannel(channel: Pick<Channel, 'id' | 'kind' | 'detail' | 'sealed'>): Statement {
  const { id, kind, detail, sealed } = channel;
  return {
    sql: `UPDATE alert_channel SET kind = ?, detail = ?, sealed = ?, last_error = NULL, last_error_at = NULL
      WHERE id = ?`,
    params: [kind, detail, sealed, id],
    require: 1,
  };
}

export function deleteChannel(id: string): Statement {
  return { sql: 'DELETE FROM alert_channel WHERE id = ?', params: [id], require: 1 };
}

function updateSending(id: string, error: string | null, now: number): Statement {
  return {
    sql: `UPDATE alert_channel SET last_error = ?, last_error_at = ?, last_sent_at = coalesce(?, last_sent_at)
      WHERE id = ?`,
    params: [error, error === null ? null : now, error === null ? now : null, id],
  };
}

function refusalText(name: string, refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
      return `An alert channel called "${name}" exists already: choose another name, or remove that one first.`;
    case 'requirement':
      return `"${name}" was changed or removed by somebody else at the same moment: look at "postern alert channel list" and try again.`;
    default:
      return storageRefusalText(refusal);
  }
}

function refused(text: string): ChannelRefused {
  return { kind: 'refused', text };
}
