// What the tests of the relay stand on: one upstream that points at a scripted remote server, a relay over it, and
// requests to deliver. Everything is taken down after the test.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from 'vitest';
import type { Clock } from '../../server/clock.ts';
import type { EventName } from '../../server/events.ts';
import { systemRandom } from '../../server/ids.ts';
import type { Alert } from '../../server/notification/alert.ts';
import type { DeliveryRequest, Phase, Relay } from '../../server/queue/delivery.ts';
import type { Timeouts } from '../../server/relay/drivers/smtp-connection.ts';
import { createRelay, type RelayDeps } from '../../server/relay/relay.ts';
import type { KnownFault, Upstream } from '../../server/relay/upstream.ts';
import { KEEP_IDENTITY, NO_PACING, PLAIN_SMTP } from '../../server/relay/upstream.ts';
import { type Identity, makeIdentity } from './identity.ts';
import { type Remote, type RemoteOptions, startRemote } from './remote.ts';

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function afterTest(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

let identity: Promise<Identity> | null = null;

export function goodIdentity(): Promise<Identity> {
  identity ??= makeIdentity();
  return identity;
}

export async function remote(options: RemoteOptions = {}): Promise<Remote> {
  const started = await startRemote({ identity: await goodIdentity(), ...options });
  afterTest(started.close);
  return started;
}

/** Short enough for a test to wait for them, long enough for a busy machine. */
export const PATIENT: Timeouts = { connect: 20_000, dial: 30_000, command: 20_000, finalReply: 20_000 };
export const IMPATIENT: Timeouts = { connect: 3000, dial: 10_000, command: 1500, finalReply: 1500 };

export async function upstreamAt(port: number, changes: Partial<Upstream> = {}): Promise<Upstream> {
  const { authority } = await goodIdentity();
  return {
    id: 'U1',
    name: 'provider',
    scheme: 'smtp+starttls',
    host: '127.0.0.1',
    port,
    ...PLAIN_SMTP,
    user: 'postern@example.com',
    sealedPassword: null,
    caPem: authority,
    ehloName: null,
    connections: 3,
    pacing: NO_PACING,
    identity: KEEP_IDENTITY,
    messageSize: null,
    announcedSize: null,
    isDefault: true,
    pausedAt: null,
    createdAt: 0,
    revision: 1,
    fault: null,
    ...changes,
  };
}

export type TurnedClock = Clock & { turn: (milliseconds: number) => void };

export function turnedClock(): TurnedClock {
  let now = 1_800_000_000_000;
  return {
    now: () => now,
    monotonic: () => now - 1_800_000_000_000,
    turn: milliseconds => {
      now += milliseconds;
    },
  };
}

export type Bench = Readonly<{
  relay: ReturnType<typeof createRelay>;
  clock: TurnedClock;
  logged: { event: EventName; fields: Readonly<Record<string, unknown>> }[];
  /** What was stored about the upstream's fault, in order. */
  recorded: (KnownFault | null)[];
  alerts: Alert[];
  /** Announced sizes that were stored, in order. */
  sizes: (number | null)[];
  /** What is kept of the upstream's pace. */
  keptPace: () => string | null;
  /** The operator changes the upstream. */
  change: (upstream: Upstream | null) => void;
  deliver: (request?: Partial<DeliveryRequest>) => ReturnType<Relay['deliver']>;
}>;

/** A relay with one upstream, whose settings a test changes as the command line would. */
export function relayTo(upstream: Upstream, changes: Partial<RelayDeps> = {}): Bench {
  const clock = turnedClock();
  const logged: Bench['logged'] = [];
  const recorded: Bench['recorded'] = [];
  const alerts: Alert[] = [];
  const sizes: (number | null)[] = [];
  let kept: (() => string) | null = null;
  const listeners: (() => void)[] = [];
  let list: readonly Upstream[] = [upstream];
  const relay = createRelay({
    upstreams: {
      list: () => list,
      onChange: listener => void listeners.push(listener),
      recordFault: async (_upstream, fault) => void recorded.push(fault),
      recordAnnouncedSize: async (_upstream, size) => void sizes.push(size),
    },
    credentialsOf: ({ user }) =>
      user === null ? { kind: 'none' } : { kind: 'password', password: 'secret pässword' },
    routes: { list: () => [], onChange: () => undefined },
    recipients: { list: () => [], mappedRecipient: () => null, onChange: () => undefined },
    raise: alert => void alerts.push(alert),
    paces: {
      get: () => null,
      keep: (_id, write) => {
        kept = write;
      },
    },
    clock,
    log: (event, fields) => void logged.push({ event, fields: fields ?? {} }),
    hostname: 'postern.example',
    random: systemRandom,
    timeouts: PATIENT,
    ...changes,
  });
  afterTest(() => relay.stop(0));
  return {
    relay,
    clock,
    logged,
    recorded,
    alerts,
    sizes,
    keptPace: () => kept?.() ?? null,
    change: changed => {
      list = changed === null ? [] : [changed];
      for (const listener of listeners) listener();
    },
    deliver: request => relay.deliver(requestOf(request)),
  };
}

export const CONTENT = Buffer.from('Subject: test\r\n\r\nHello.\r\n');

export function requestOf(changes: Partial<DeliveryRequest> = {}): DeliveryRequest {
  const octets = changes.content?.kind === 'octets' ? changes.content.octets : CONTENT;
  return {
    upstreamId: 'U1',
    messageId: 'M1',
    kind: 'mail',
    account: 'scanner',
    dsn: null,
    requireTls: false,
    reversePath: 'scanner@example.com',
    forwardPaths: ['a@example.net'],
    bodyType: '7bit',
    smtputf8: false,
    size: changes.content?.kind === 'file' ? changes.content.size : octets.length,
    content: { kind: 'octets', octets },
    onPhase: (_phase: Phase) => undefined,
    ...changes,
  };
}

/** Waits until it comes to pass, within ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error('it did not come to pass');
}
