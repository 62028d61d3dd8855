// What the commands get of the data folder: the same parts as the server's, put together without listeners or runner.
// A first command makes folder, key and certificates as `serve` would; beside a running server it is a second writer,
// and the server sees what it changed within half a second.

import { Readable } from 'node:stream';
import { createAccounts } from './accounts/accounts.ts';
import { createPasswordHasher } from './accounts/password.ts';
import type { CommandStore } from './cli/command-store.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import { readIdentity } from './identity.ts';
import { makeId, type RandomBytes } from './ids.ts';
import { createQueueOperator } from './queue/operator.ts';
import { createQueue } from './queue/queue.ts';
import { createSpool } from './queue/spool.ts';
import { isRefusedStart } from './refused-start.ts';
import { testUpstream } from './relay/upstream-test.ts';
import { createUpstreams } from './relay/upstreams.ts';
import { openStore, type Store } from './storage/open-store.ts';
import { runAsOwnerOf } from './storage/run-as.ts';
import { type Certificates, createCertificates } from './tls/certificates.ts';
import { localAddresses } from './tls/local-addresses.ts';

type Deps = Readonly<{
  config: Config;
  clock: Clock;
  random: RandomBytes;
  /** A sync failed: say so and end. */
  onFatal: (text: string) => void;
}>;

/** Throws a refused start where the data folder cannot be used. */
export async function openCommandStore({ config, clock, random, onFatal }: Deps): Promise<CommandStore> {
  runAsOwnerOf(config.storage.path);
  const store = await openStore({
    path: config.storage.path,
    as: 'command',
    allowUnsafeFilesystem: config.storage.allow_unsafe_filesystem,
    random,
    onFatal,
  });
  try {
    return await overStore({ config, clock, random, onFatal }, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function overStore(deps: Deps, store: Store): Promise<CommandStore> {
  const { config, clock, random } = deps;
  const { database, folder, sealer, observations } = store;
  const newId = () => makeId(clock.now(), random);
  const identity = await readIdentity(database, config.hostname, newId);
  const warnings = [...store.warnings];
  const certificates = await openCertificates(deps, folder.tls, identity.hostname).catch(error => {
    // Accounts and mail must be within reach whatever is wrong with a certificate.
    if (!isRefusedStart(error)) throw error;
    warnings.push(error.message);
    return unusable(error);
  });
  store.letGo();
  const hasher = createPasswordHasher({ random });
  const accounts = await createAccounts({
    database,
    clock,
    newId,
    random,
    hasher,
    onStale: text => warnings.push(text),
  });
  const upstreams = await createUpstreams({ database, clock, newId, sealer });
  const queue = createQueue({ database, newId });
  const spool = createSpool(folder.spool);
  const { hostname } = identity;

  return {
    config,
    clock,
    hostname,
    warnings,
    accounts,
    lastUsed: observations.lastUsed,
    upstreams,
    testUpstream: upstream =>
      testUpstream({ upstream, password: upstreams.password(upstream), hostname, clock }),
    queue: {
      ...createQueueOperator(database),
      remove: async (filter, now) => {
        const removed = await createQueueOperator(database).remove(filter, now);
        // The rows are gone for good; only then do the files go.
        if ('spooled' in removed) for (const id of removed.spooled) await spool.remove(id);
        return removed;
      },
    },
    openContent: async message => {
      if (message.content === 'spool') return (await spool.check(message.id)) ? spool.open(message.id) : null;
      const octets = await queue.body(message.id);
      return octets ? Readable.from([Buffer.from(octets)]) : null;
    },
    certificates,
    close: async () => {
      certificates.close();
      await store.close();
    },
  };
}

/** Stands for certificates that cannot be opened: whoever asks for them is told why. */
function unusable(why: Error): CommandStore['certificates'] & Readonly<{ close: () => void }> {
  return {
    describe: () => {
      throw why;
    },
    renew: async () => ({ kind: 'refused', text: why.message }),
    close: () => undefined,
  };
}

function openCertificates(
  { config, clock, random }: Deps,
  folder: string,
  hostname: string,
): Promise<Certificates> {
  const { certificate, key, names } = config.tls;
  return createCertificates({
    folder,
    hostname,
    names,
    addresses: localAddresses,
    clock,
    clockTrusted: () => true, // an operator who asks for certificates is believed about the time
    log: () => undefined,
    mode: 'command',
    random,
    ...(certificate !== undefined && key !== undefined ? { own: { certificate, key } } : {}),
  });
}
