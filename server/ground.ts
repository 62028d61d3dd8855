// What every part of the server is built from: the opened data folder, who this installation is, whether its clock can be
// believed, and how the process ends.

import { BUILD_DATE } from './build.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import { createFailure, type Failure } from './failure.ts';
import { type Identity, readIdentity } from './identity.ts';
import { makeId, type RandomBytes } from './ids.ts';
import type { Logging } from './log.ts';
import { type ClockTrust, createClockTrust } from './queue/clock-trust.ts';
import { openStore, type Store } from './storage/open-store.ts';
import { type Certificates, createCertificates } from './tls/certificates.ts';
import { localAddresses } from './tls/local-addresses.ts';

export type ServeDeps = Readonly<{
  config: Config;
  /** Said with the welcome, one line each. */
  cautions: readonly string[];
  clock: Clock;
  random: RandomBytes;
  logging: Logging;
  /** For people: the welcome, on stderr. */
  say: (text: string) => void;
  /** How to call the command line here, for the welcome. */
  command: string;
}>;

/** What every part is built from. */
export type Ground = Readonly<{
  deps: ServeDeps;
  store: Store;
  identity: Identity;
  clockTrust: ClockTrust;
  failure: Failure;
}>;

/** Opens the data folder. Throws a refused start; then nothing is left open. */
export async function layGround(deps: ServeDeps): Promise<Ground> {
  const { config, clock, random, logging } = deps;
  const failure = createFailure(logging, clock);
  const store = await openStore({
    path: config.storage.path,
    as: 'serve',
    allowUnsafeFilesystem: config.storage.allow_unsafe_filesystem,
    random,
    onFatal: failure.exit,
  });
  const { migrated, observations } = store;
  if (migrated !== null && migrated.from > 0 && migrated.from < migrated.to) {
    logging.log('storage.migrated', { from: migrated.from, to: migrated.to, copy: migrated.copy });
  }
  sayKey(store, logging);
  const clockTrust = createClockTrust({
    clock,
    buildDate: BUILD_DATE,
    lastHeartbeat: observations.lastHeartbeat(),
    recordHeartbeat: observations.heartbeat,
    log: logging.log,
  });
  const identity = await readIdentity(store.database, config.hostname, () => makeId(clock.now(), random));
  return { deps, store, identity, clockTrust, failure };
}

/** Says when the sealing key is lost, now or later, and when another has come into force. */
function sayKey({ sealer }: Store, { log }: Logging): void {
  const sayTrouble = (): void => {
    const text = sealer.trouble();
    if (text !== null) log('key.missing', { text });
  };
  sayTrouble();
  sealer.onChange(() => {
    const key = sealer.keyId();
    if (key === null) sayTrouble();
    else log('key.rotated', { key });
  });
}

export function openCertificates({ deps, store, identity, clockTrust }: Ground): Promise<Certificates> {
  const { certificate, key, names } = deps.config.tls;
  return createCertificates({
    folder: store.folder.tls,
    hostname: identity.hostname,
    names,
    addresses: localAddresses,
    clock: deps.clock,
    clockTrusted: clockTrust.trusted,
    log: deps.logging.log,
    ...(certificate !== undefined && key !== undefined ? { own: { certificate, key } } : {}),
  });
}
