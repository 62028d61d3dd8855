// What the commands get of alerts: the list, the channels, and a way to try one. Nothing is watched or raised here; a
// running server sees changed channels and queued mail within half a second.

import type { AuditFact } from './audit/audit-entry.ts';
import type { CommandStore } from './cli/command-store.ts';
import type { Clock } from './clock.ts';
import type { NewId, RandomBytes } from './ids.ts';
import { readAlerts } from './notification/alert-statements.ts';
import { createChannelStore } from './notification/channel-store.ts';
import { openChannel } from './notification/channels/open-channel.ts';
import { testNotice } from './notification/notice.ts';
import { UNREADABLE } from './notification/outbox.ts';
import { countWaitingAlerts } from './notification/waiting-mail.ts';
import type { Queue } from './queue/queue.ts';
import type { Statement } from './storage/database.ts';
import type { Store } from './storage/open-store.ts';

type Deps = Readonly<{
  store: Store;
  queue: Queue;
  hostname: string;
  clock: Clock;
  random: RandomBytes;
  newId: NewId;
  audit: (fact: AuditFact) => Statement;
}>;

export async function openCommandAlerts(deps: Deps): Promise<CommandStore['alerts']> {
  const { store, queue, hostname, clock, newId } = deps;
  const { database } = store;
  const channels = await createChannelStore({ ...deps, database, sealer: store.sealer });
  const sending = {
    host: hostname,
    clock,
    clockTrusted: () => true, // as for certificates, an operator who asks is believed about the time
    believedTime: clock.now,
    newId,
    enqueue: queue.enqueue,
    waiting: () => countWaitingAlerts(database),
  };
  return {
    list: () => readAlerts(database),
    channels,
    test: async channel => {
      const settings = channels.settings(channel);
      if (settings === null) return { kind: 'failed', text: UNREADABLE };
      const send = openChannel(channel, settings, sending);
      const sent = await send(testNotice(channel.name, clock.now()), new AbortController().signal);
      await channels.recordSending(channel, sent.kind === 'ok' ? null : sent.text);
      return sent;
    },
  };
}
