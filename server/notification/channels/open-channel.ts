// The one place that knows every kind of channel.

import type { DurationMs, EpochMs } from '../../clock.ts';
import type { Channel, ChannelSettings } from '../channel.ts';
import type { SendNotice } from '../sender.ts';
import { createEmail, type EmailDeps } from './email.ts';
import { createNtfy } from './ntfy.ts';
import { createWebhook } from './webhook.ts';

export type ChannelDeps = EmailDeps &
  Readonly<{
    /** The machine's time while that can be believed, else the last that could, running on. */
    believedTime: () => EpochMs;
    timeout?: DurationMs;
  }>;

export function openChannel(
  { detail }: Pick<Channel, 'detail'>,
  settings: ChannelSettings,
  deps: ChannelDeps,
): SendNotice {
  switch (settings.kind) {
    case 'webhook':
      return createWebhook({ ...deps, ...settings, detail });
    case 'ntfy':
      return createNtfy({ ...deps, ...settings, detail });
    case 'email':
      return createEmail({ ...settings, detail }, deps);
    default:
      return settings satisfies never;
  }
}
