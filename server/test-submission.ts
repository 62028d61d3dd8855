// A message that goes into this server as a device's does: over its own listener, with TLS and the account's login. For the
// test mail of `postern setup`. To the driver, this server is an upstream like any other, which is never stored.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandStore, TestMail, TestSubmission } from './cli/command-store.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import { isLoopback } from './config/values.ts';
import type { RandomBytes } from './ids.ts';
import { KEEP_IDENTITY, NO_PACING, PLAIN_SMTP, type Upstream } from './relay/upstream.ts';
import { testUpstream } from './relay/upstream-test.ts';
import { takeFolderLock } from './storage/folder-lock.ts';

type Deps = Readonly<{
  config: Config;
  hostname: string;
  /** Of the data folder. */
  lock: string;
  tls: string;
  clock: Clock;
  random: RandomBytes;
}>;

/** A command that holds the folder for a moment is no server. */
const PATIENCE_MS = 300;

export function createTestSubmission(deps: Deps): Pick<CommandStore, 'serverRuns' | 'testSubmission'> {
  const serverRuns = async (): Promise<boolean> => {
    const lock = await takeFolderLock({ path: deps.lock, as: 'command', patience: PATIENCE_MS });
    if (lock.kind === 'held') lock.release();
    return lock.kind === 'taken' && lock.holder?.kind === 'serve';
  };
  return {
    serverRuns,
    testSubmission: async mail => ((await serverRuns()) ? submit(deps, mail) : { kind: 'no-server' }),
  };
}

async function submit(
  deps: Deps,
  { account, password, sendTo, sender, signal }: TestMail,
): Promise<TestSubmission> {
  const { hostname, clock, random } = deps;
  const test = await testUpstream({
    upstream: { ...ourselves(deps), user: account.name },
    credentials: { kind: 'password', password },
    hostname,
    clock,
    random,
    signal,
    sendTo,
    sender,
  });
  return test.ok ? { kind: 'queued' } : { kind: 'refused', test };
}

function ourselves({ config, hostname, tls }: Deps): Upstream {
  const { certificate } = config.tls;
  const listener = config.listeners.find(one => one.tls === 'implicit') ?? config.listeners[0];
  const isHere = listener === undefined || isLoopback(listener.address) || isEvery(listener.address);
  return {
    ...PLAIN_SMTP,
    id: 'this-server',
    name: 'this server',
    scheme: listener?.tls === 'starttls' ? 'smtp+starttls' : 'smtps',
    // Our own certificate is good for all that we listen on, an operator's for its names.
    host: certificate !== undefined ? hostname : isHere ? 'localhost' : listener.address,
    port: listener?.port ?? 465,
    user: null,
    sealedPassword: null,
    caPem: readFileSync(certificate ?? join(tls, 'ca.crt'), 'utf8'),
    ehloName: null,
    connections: 1,
    pacing: NO_PACING,
    identity: KEEP_IDENTITY,
    messageSize: null,
    announcedSize: null,
    isDefault: false,
    pausedAt: null,
    createdAt: 0,
    revision: 0,
    fault: null,
  };
}

function isEvery(address: string): boolean {
  return address === '::' || address === '0.0.0.0';
}
