// Between the alerts and the channels: each channel has a line of its own, and tries again with growing pauses. A channel
// that is down or hangs slows nothing else, and costs a bounded amount of memory, log and commits. Lines are in memory: what
// waits at a restart is lost to the channel, but stands in the log and in `postern alert list`; mail waits in the queue.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Channel, ChannelSettings } from './channel.ts';
import { type ChannelLine, createChannelLine, type Pauses } from './channel-line.ts';
import type { ChannelStore } from './channel-store.ts';
import type { Notice } from './notice.ts';
import type { SendNotice } from './sender.ts';

export type Outbox = Readonly<{
  /** To every channel; returns to how many. Never throws, never waits. */
  send: (notice: Notice) => number;
  /** From now on what waits is sent, and the operator's changes are followed. */
  start: () => void;
  /** Gives a sending under way a moment, then cuts it off. */
  close: () => Promise<void>;
}>;

type Deps = Readonly<{
  channels: Pick<ChannelStore, 'list' | 'settings' | 'recordSending' | 'onChange'>;
  /** How a kind of channel sends. */
  open: (channel: Channel, settings: ChannelSettings) => SendNotice;
  clock: Clock;
  log: Log;
  pauses?: Pauses;
}>;

/** For what is under way when Postern stops. */
const GRACE: DurationMs = 1_000;
export const UNREADABLE =
  'its settings cannot be read, because the sealing key is another one: remove the channel and add it again';

export function createOutbox(deps: Deps): Outbox {
  const { channels } = deps;
  const lines = new Map<string, ChannelLine>();
  let started = false;

  /** By the channel as it is now: after `key rotate` what is sealed is another value. */
  const sendBy = (id: string): SendNotice => {
    const channel = channels.list().find(one => one.id === id);
    if (channel === undefined) return async () => ({ kind: 'failed', text: 'the channel was removed' });
    const settings = channels.settings(channel);
    return settings === null
      ? async () => ({ kind: 'failed', text: UNREADABLE })
      : deps.open(channel, settings);
  };

  const open = (channel: Channel): ChannelLine => {
    const line = createChannelLine({
      ...deps,
      name: channel.name,
      // Opened for each sending: the settings are secrets, and the key may have come back.
      send: (notice, signal) => sendBy(channel.id)(notice, signal),
      record: error => channels.recordSending(channel, error),
    });
    if (started) line.start();
    return line;
  };

  const follow = (): void => {
    const present = new Set(channels.list().map(channel => channel.id));
    for (const channel of channels.list()) if (!lines.has(channel.id)) lines.set(channel.id, open(channel));
    for (const [id, line] of lines) {
      if (present.has(id)) continue;
      void line.close(0);
      lines.delete(id);
    }
  };

  channels.onChange(follow);
  follow();

  return {
    send: notice => {
      for (const line of lines.values()) line.put(notice);
      return lines.size;
    },
    start: () => {
      started = true;
      for (const line of lines.values()) line.start();
    },
    close: async () => {
      await Promise.all([...lines.values()].map(line => line.close(GRACE)));
      lines.clear();
    },
  };
}
