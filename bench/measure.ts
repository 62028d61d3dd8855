// The measurements, each on a running peer and the sink behind it. Every one waits until the sink has everything,
// so that no work of one measurement runs into the next. All bounded in count and time.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { flags, type LoadOptions, type LoadResult, load, loadTool } from '../test/support/load-tools.ts';
import { run, startProgram, waitFor } from '../test/support/process.ts';
import { makeScratch, removeScratch } from '../test/support/scratch.ts';
import type { Sink } from '../test/support/sink.ts';
import { BENCH_LOGIN, type Peer } from './peer.ts';
import { diskOctets, memoryMb, processorMs } from './processes.ts';

export type Subject = Readonly<{ peer: Peer; pid: number; sink: Sink }>;

/** Name of a figure (see figures.ts) and what was measured. */
export type Figures = Readonly<Record<string, number>>;

export type Sizes = Readonly<{
  warmUp: number;
  session: number;
  connect: number;
  big: number;
  idleSessions: number;
  atOnce: number;
}>;

const CONNECTIONS = 8;
const BIG_MESSAGE = 10_000_000;
const MAX_DRAIN_MS = 180_000;
const LOOK_MS = 100;

/** Eight connections, each with many messages of 4 KB; relayed at the same time. The server has run for a while. */
export async function measureSession(subject: Subject, sizes: Sizes): Promise<Figures> {
  const many = { mode: 'session', conns: CONNECTIONS };
  await loadAndDrain(subject, { ...many, messages: sizes.warmUp });
  const before = await written(subject);
  const loaded = await loadAndDrain(subject, { ...many, messages: sizes.session });
  const { result, relayedPerSecond, cpuPerMessage } = loaded;
  return {
    accepted: result.msg_s,
    relayed: relayedPerSecond,
    'accepted-p50': result.msg_ms?.p50 ?? Number.NaN,
    'accepted-p99': result.msg_ms?.p99 ?? Number.NaN,
    'session-cpu': cpuPerMessage,
    'session-disk': ((await written(subject)) - before) / result.ok / 1000,
  };
}

/** What the disk has written, when nothing waits for it any more. */
async function written({ peer }: Subject): Promise<number> {
  await run(['sync', '-f', peer.folder]);
  return diskOctets(peer.folder);
}

/** The most memory that many large messages take that come at the same time. */
export async function measureAtOnce(subject: Subject, sizes: Sizes): Promise<Figures> {
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, memoryMb(subject.pid));
  }, LOOK_MS);
  try {
    await loadAndDrain(subject, { conns: sizes.atOnce, messages: sizes.atOnce, size: BIG_MESSAGE });
  } finally {
    clearInterval(look);
  }
  return { 'at-once': most };
}

/** A new TCP + TLS + AUTH connection for every message, as printers do. */
export async function measureConnect(subject: Subject, sizes: Sizes): Promise<Figures> {
  const { result, cpuPerMessage } = await loadAndDrain(subject, {
    mode: 'connect',
    conns: CONNECTIONS,
    messages: sizes.connect,
  });
  return { connect: result.msg_s, 'connect-cpu': cpuPerMessage };
}

/** Messages of 10 MB, one and four at a time. */
export async function measureBig(subject: Subject, sizes: Sizes): Promise<Figures> {
  const one = await loadAndDrain(subject, { conns: 1, messages: sizes.big, size: BIG_MESSAGE });
  const four = await loadAndDrain(subject, { conns: 4, messages: sizes.big * 2, size: BIG_MESSAGE });
  return { 'big-1': one.result.mb_s, 'big-4': four.result.mb_s };
}

/** Memory of the server when nothing is connected, and with many idle TLS sessions that are logged in. */
export async function measureIdle(subject: Subject, sizes: Sizes): Promise<Figures> {
  await sleep(2000);
  const idle = memoryMb(subject.pid);
  const folder = makeScratch('idle');
  const holder = startProgram({
    command: [
      await loadTool('smtpload'),
      ...flags({ ...base(subject.peer), mode: 'idle', conns: sizes.idleSessions, hold: 8, ramp: 5 }),
    ],
    outputFolder: folder,
    name: 'idle',
  });
  try {
    await waitFor(
      'the idle sessions',
      () => /^up \d+$/m.test(holder.stderr()) || holder.hasExited(),
      120_000,
    );
    const up = Number(/^up (\d+)$/m.exec(holder.stderr())?.[1] ?? 0);
    if (up !== sizes.idleSessions) throw new Error(`only ${up} of ${sizes.idleSessions} sessions came up`);
    await sleep(1000);
    const sessions = memoryMb(subject.pid);
    await holder.exited;
    return { idle, 'idle-sessions': sessions };
  } finally {
    await holder.kill();
    removeScratch(folder);
  }
}

/** Milliseconds from the start of a server whose folder exists already to its first greeting. */
export async function measureStart(peer: Peer): Promise<Figures> {
  const begin = performance.now();
  const running = await peer.start();
  await greeting(peer.port);
  const start = performance.now() - begin;
  await running.stop();
  return { start };
}

/** Resolves at the first greeting on the port. */
export async function greeting(port: number): Promise<void> {
  await waitFor('a greeting', () => tryGreeting(port), 60_000);
}

function tryGreeting(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(30_000, () => socket.destroy());
    socket.once('data', () => {
      resolve(true);
      socket.end('QUIT\r\n');
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

type Drained = Readonly<{ result: LoadResult; relayedPerSecond: number; cpuPerMessage: number }>;

async function loadAndDrain(subject: Subject, options: LoadOptions): Promise<Drained> {
  await subject.sink.reset();
  const cpuBefore = processorMs(subject.pid);
  const result = await load({ ...base(subject.peer), ...options });
  if (result.failed > 0)
    throw new Error(`${subject.peer.name} refused ${result.failed}: ${result.last_error}`);
  const stats = await drained(subject, result.ok);
  // Settling what was relayed costs too.
  await sleep(300);
  const cpuPerMessage = (processorMs(subject.pid) - cpuBefore) / result.ok;
  const begin = result.start + result.setup_s;
  return { result, cpuPerMessage, relayedPerSecond: result.ok / (Number(stats['last']) - begin) };
}

/** Resolves with the sink's counters when it has so many messages. */
export function drained({ sink }: Subject, messages: number): Promise<Readonly<Record<string, number>>> {
  return waitFor(
    `the sink to have all ${messages} messages`,
    async () => {
      const now = await sink.stats();
      return Number(now['messages']) >= messages ? now : undefined;
    },
    MAX_DRAIN_MS,
  );
}

export function base(peer: Peer): LoadOptions {
  return {
    port: peer.port,
    tls: 'starttls',
    auth: 'plain',
    user: BENCH_LOGIN.user,
    password: BENCH_LOGIN.password,
    'max-seconds': 120,
  };
}
