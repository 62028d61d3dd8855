// What a declaration changes about alert channels. URLs, secrets and tokens that it leaves out stay, but a token goes to no
// other server than the one that it was given for. Pure; the stored settings are opened before.

import type { Channel, ChannelSettings } from '../notification/channel.ts';
import { checkChannelName } from '../notification/channel-input.ts';
import { MOST_CHANNELS } from '../notification/channel-store.ts';
import type { Detail } from '../notification/notice.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { entry, entryOf, namedTwice, type Planned } from './change.ts';
import { checkedTarget, differences } from './channel-target.ts';
import type { Item } from './document.ts';
import type { DeclaredChannel } from './route-keys.ts';

/** `settings` null: nobody can open them. */
export type StoredChannel = Readonly<{ channel: Channel; settings: ChannelSettings | null }>;

export type ChannelAct =
  | Readonly<{ kind: 'add'; name: string; detail: Detail; settings: ChannelSettings }>
  | Readonly<{ kind: 'change'; channel: Channel; detail: Detail; settings: ChannelSettings }>
  | Readonly<{ kind: 'remove'; channel: Channel }>;

type Facts = Readonly<{ stored: readonly StoredChannel[]; prune: boolean }>;
type ChannelItem = Item<DeclaredChannel>;

export function planChannels(items: readonly ChannelItem[], { stored, prune }: Facts): Planned<ChannelAct> {
  const planned = items.map(item => planChannel(item, stored));
  const named = new Set(items.map(({ value }) => canonicalName(value.name)));
  const others = stored.filter(({ channel }) => !named.has(canonicalName(channel.name)));
  const removed = prune ? others : [];
  const count = named.size + others.length - removed.length;
  const tooMany = `would be ${count} in all; there may be ${MOST_CHANNELS} alert channels`;
  return {
    entries: [
      ...planned.flatMap(({ entries }) => entries),
      ...removed.map(({ channel }) =>
        entry<ChannelAct>(about(channel.name), 'removed', { kind: 'remove', channel }),
      ),
    ],
    problems: [
      ...planned.flatMap(({ problems }) => problems),
      ...namedTwice('alert_channels', items, { key: 'name', keyOf: ({ name }) => canonicalName(name) }),
      ...(count > MOST_CHANNELS ? [{ path: ['alert_channels'], text: tooMany }] : []),
    ],
    warnings: planned.flatMap(({ warnings }) => warnings),
  };
}

function planChannel({ index, value }: ChannelItem, stored: readonly StoredChannel[]): Planned<ChannelAct> {
  const isMeant = ({ channel }: StoredChannel) => canonicalName(channel.name) === canonicalName(value.name);
  const before = stored.find(isMeant) ?? null;
  const target = checkedTarget(value, before?.settings ?? null);
  const badName = checkChannelName(value.name);
  const wrong = [
    ...(badName === null ? [] : [{ key: 'name', text: badName }]),
    ...(target.kind === 'wrong' ? target.problems : []),
  ];
  const problems = wrong.map(({ key, text }) => ({ path: ['alert_channels', index, key], text }));
  if (target.kind === 'wrong' || problems.length > 0) return { entries: [], problems, warnings: [] };
  const { settings } = target;
  const warnings = target.warnings.map(text => `alert channel ${value.name}: ${text}`);
  const detail = value.detail ?? (value.kind === 'email' ? 'full' : 'minimal');
  if (before === null) {
    const act = { kind: 'add', name: value.name.trim(), detail, settings } as const;
    return { entries: [entry<ChannelAct>(about(act.name), 'added', act)], problems, warnings };
  }
  const { channel } = before;
  const keys = [...differences(before.settings, settings), ...(channel.detail === detail ? [] : ['detail'])];
  const act: ChannelAct = { kind: 'change', channel, detail, settings };
  return { entries: [entryOf(about(channel.name), keys, act)], problems, warnings };
}

function about(name: string) {
  return { kind: 'alert_channel', name } as const;
}
