// A folder, a clock that the test turns, and a log that it can read, for tests of certificates.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUILD_DATE } from '../../server/build.ts';
import type { Log } from '../../server/events.ts';
import {
  type Certificates,
  type CertificatesOptions,
  createCertificates,
} from '../../server/tls/certificates.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

export const DAY = 86_400_000;

export type World = Readonly<{
  root: string;
  /** DATA/tls. */
  folder: string;
  events: { event: string; fields: Readonly<Record<string, unknown>> }[];
  /** What the machine is like; a test changes it as it goes. */
  state: { now: number; monotonic: number; trusted: boolean; addresses: string[] };
  /** Lets time pass: by wall clock, and enough by the other for the next periodic check. */
  pass: (days: number) => void;
  open: (more?: Partial<CertificatesOptions>) => Promise<Certificates>;
  /** Closes everything and removes the folder. */
  end: () => void;
}>;

/** Long enough for the files to have been looked at several times: to see that nothing happens. */
export const someLooks = (): Promise<void> => sleep(150);

export function makeWorld(): World {
  const root = makeScratch('tls');
  const folder = join(root, 'tls');
  const events: World['events'] = [];
  const state = { now: BUILD_DATE + 5 * DAY, monotonic: 0, trusted: true, addresses: ['192.168.1.5'] };
  const log: Log = (event, fields) => events.push({ event, fields: fields ?? {} });
  const opened: Certificates[] = [];
  return {
    root,
    folder,
    events,
    state,
    pass: days => {
      state.now += days * DAY;
      state.monotonic += 61_000;
    },
    open: async more => {
      const certificates = await createCertificates({
        ...{ folder, hostname: 'nas.lan', names: [], log, lookEvery: 10 },
        addresses: () => state.addresses,
        clock: { now: () => state.now, monotonic: () => state.monotonic },
        clockTrusted: () => state.trusted,
        ...more,
      });
      opened.push(certificates);
      return certificates;
    },
    end: () => {
      for (const certificates of opened) certificates.close();
      removeScratch(root);
    },
  };
}
