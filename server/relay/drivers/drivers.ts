// One driver for every upstream: its scheme says whether it speaks SMTP or is a sending API. They share running look-ups and
// the certificate authorities.

import type { Clock } from '../../clock.ts';
import type { RandomBytes } from '../../ids.ts';
import { sendingApiOf } from '../apis/apis.ts';
import { createApiDriver } from './api-driver.ts';
import type { Driver } from './driver.ts';
import { endingWith } from './ending-credentials.ts';
import { createSocketOpener } from './open-socket.ts';
import type { Timeouts } from './smtp-connection.ts';
import { createSmtpDriver, DEFAULT_TIMEOUTS } from './smtp-driver.ts';
import { createTrust } from './trust.ts';

export type DriverDeps = Readonly<{
  /** This server's host name: what it calls itself in EHLO unless the upstream says otherwise. */
  hostname: string;
  random: RandomBytes;
  clock: Pick<Clock, 'now'>;
  timeouts?: Timeouts;
}>;

export function createDriver({ hostname, random, clock, timeouts = DEFAULT_TIMEOUTS }: DriverDeps): Driver {
  const shared = { opener: createSocketOpener(), trust: createTrust(), timeouts };
  const smtp = createSmtpDriver({ hostname, random, ...shared });
  const sending = createApiDriver({ now: clock.now, ...shared });
  return {
    dial: (upstream, given, signal) => {
      const credentials = endingWith(signal, given);
      const api = sendingApiOf(upstream.scheme);
      return api === null
        ? smtp.dial(upstream, credentials, signal)
        : sending.dial(api, upstream, credentials, signal);
    },
  };
}
