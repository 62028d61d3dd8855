// The driver for sending APIs: gets the token or key, brings up a connection, and gives a session that posts messages. It
// keeps nothing of its own: look-ups and certificate authorities are shared with SMTP's.

import type { EpochMs } from '../../clock.ts';
import type { SendingApi } from '../apis/sending-api.ts';
import { keyFor } from './api-authorization.ts';
import { dialApi } from './api-dial.ts';
import { createApiSession } from './api-session.ts';
import type { DialledSession, Driver } from './driver.ts';
import type { SocketOpener } from './open-socket.ts';
import type { Timeouts } from './smtp-connection.ts';
import type { Trust } from './trust.ts';

export type ApiDriverDeps = Readonly<{
  timeouts: Timeouts;
  opener: SocketOpener;
  trust: Trust;
  /** Wall clock. */
  now: () => EpochMs;
}>;

type Dial = (api: SendingApi, ...rest: Parameters<Driver['dial']>) => Promise<DialledSession>;

export function createApiDriver({ timeouts, opener, trust, now }: ApiDriverDeps): Readonly<{ dial: Dial }> {
  return {
    dial: async (api, upstream, credentials, signal) => {
      const key = await keyFor(api, upstream, credentials);
      if (key.kind === 'fault') return key;
      const dial = () => dialApi({ upstream, timeouts, opener, trust, signal });
      const dialled = await dial();
      if (dialled.kind === 'fault') return dialled;
      const deps = { api, upstream, credentials, timeouts, now, dial };
      return { kind: 'open', session: createApiSession(dialled.socket, deps) };
    },
  };
}
