// Kill -9 at random moments, again and again, with an upstream that fails in every way it can, and in some rounds a backup
// that is being made; then count. What was acknowledged with 250 must be at the sink, whole, for every recipient. Duplicates
// are allowed where nobody can know better, and only there: where an attempt was in flight at a kill and the upstream had
// taken it already, and where the upstream took it without saying so. That many are the ceiling, and after each round there
// must be no more.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CertificateFiles, makeCertificate } from '../support/certificate.ts';
import { freePort } from '../support/ports.ts';
import {
  type Account,
  addAccount,
  addUpstream,
  type Installation,
  install,
  queueStats,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { SINK_LOGIN, type Sink, startSink } from '../support/sink.ts';
import { arrivals, attemptsInFlight, type Counts, compare } from './count.ts';
import { forgetfulDisk } from './forgetful-disk.ts';
import { between, type Random, seededRandom } from './random.ts';
import { type Acknowledged, startSender } from './sender.ts';

export type CrashOptions = Readonly<{
  rounds: number;
  seed: number;
  say: (line: string) => void;
  /** The machine loses its power, not only the process: what was not synced is gone. */
  losesPower?: boolean;
}>;

export type CrashResult = Omit<Counts, 'swallowed'> &
  Readonly<{
    acknowledged: number;
    /** The most duplicates that there may be. */
    ceiling: number;
    /** After which rounds there were more. */
    tooMany: readonly string[];
    /** Backups that were ended; the last of them was looked through. */
    backups: number;
    /** The queue after the last round, all drained. */
    stats: Readonly<Record<string, number>>;
  }>;

/** Transient failures only: a refusal for good would rightly keep a message from the sink. */
const failureSets: readonly (readonly string[])[] = [
  [],
  ['lost:0.2:0', 'dot:0.1:451'],
  ['connect:0.3:0', 'ehlo:0.1:421', 'auth:0.1:454'],
  ['mail:0.2:451', 'rcpt:0.2:450', 'data:0.1:0'],
  ['connect:1:421'],
  ['dot:0.2:0', 'lost:0.1:451', 'auth:0.05:535'],
];

const CLIENTS = 6;
const MAX_DRAIN_MS = 120_000;
const BACKUP_SHARE = 0.25;

type Scene = Readonly<{
  at: Installation;
  ca: string;
  account: Account;
  certificate: CertificateFiles;
  sinkPort: number;
  random: Random;
  acknowledged: Acknowledged[];
  /** What the sink calls a message, by its id in the queue. */
  loadIds: Map<string, string>;
  /** Grows from round to round. */
  tally: { inDoubt: Set<string>; tooMany: string[]; backups: number };
}>;

export async function runRounds(options: CrashOptions): Promise<CrashResult> {
  const at = await install({
    queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s' },
    log: { level: 'info', format: 'json' },
  });
  try {
    const scene = await prepare(at, options.seed);
    for (let round = 1; round <= options.rounds; round++) await playRound(scene, round, options);
    return await drainAndCount(scene);
  } finally {
    await at.remove();
  }
}

async function prepare(at: Installation, seed: number): Promise<Scene> {
  const certificate = await makeCertificate(at.folder);
  const sinkPort = await freePort();
  const account = await addAccount(at, 'crash', 'crash secret');
  await addUpstream(at, 'sink', {
    url: `smtp+starttls://${SINK_LOGIN.user}@localhost:${sinkPort}`,
    password: SINK_LOGIN.password,
    ca: certificate.certificate,
  });
  const ca = readFileSync(at.ca, 'utf8');
  return {
    ...{ at, ca, account, certificate, sinkPort },
    ...{ random: seededRandom(seed), acknowledged: [], loadIds: new Map() },
    tally: { inDoubt: new Set(), tooMany: [], backups: 0 },
  };
}

async function playRound(scene: Scene, round: number, options: CrashOptions): Promise<void> {
  const failures = failureSets[Math.floor(scene.random() * failureSets.length)] ?? [];
  const sink = await openSink(scene, failures, round);
  const disk = options.losesPower
    ? await forgetfulDisk(scene.at.data, join(scene.at.folder, 'shadow'))
    : null;
  const server = await scene.at.serve({ waitUntilReady: false, ...(disk === null ? {} : { env: disk.env }) });
  const before = scene.acknowledged.length;
  // One round in four dies while it starts: recovery itself must bear being killed.
  const dieEarly = scene.random() < 0.25;
  const early = between(scene.random, 50, 800);
  const late = between(scene.random, 100, 1500);
  if (dieEarly) await sleep(early);
  else {
    const sender = startSender({
      port: scene.at.ports.implicit,
      ca: scene.ca,
      account: scene.account,
      clients: CLIENTS,
      tag: `${options.seed}.${round}`,
      random: scene.random,
      onAcknowledged: message => {
        scene.acknowledged.push(message);
        scene.loadIds.set(message.queueId, message.loadId);
      },
      patience: 20_000,
    });
    await waitFor('the first 250', () => scene.acknowledged.length > before, 20_000).catch(error => {
      throw new Error(`round ${round}: ${error}\n${server.stderr()}\n${server.stdout().slice(-3000)}`);
    });
    const backup = scene.random() < BACKUP_SHARE ? backUp(scene, between(scene.random, 0, late)) : null;
    await sleep(late);
    await server.kill9();
    sender.stop();
    await Promise.all([sender.ended, backup]);
  }
  await server.kill9();
  await sink.stop();
  const lost = disk === null ? '' : `; ${JSON.stringify(disk.losePower())} lost`;
  const count = scene.acknowledged.length - before;
  const inFlight = attemptsInFlight(scene.at.data);
  const arrived = arrivals(sink);
  for (const { id, key } of inFlight) {
    if (arrived.has(scene.loadIds.get(id) ?? '')) scene.tally.inDoubt.add(key);
  }
  const { duplicates, swallowed } = compare(scene.acknowledged, sink);
  const ceiling = scene.tally.inDoubt.size + swallowed;
  const tally = `${duplicates} duplicates of at most ${ceiling} (${swallowed} of them swallowed)`;
  if (duplicates > ceiling) scene.tally.tooMany.push(`after round ${round}: ${tally}`);
  options.say(
    `round ${round}: ${dieEarly ? 'killed while starting' : `${count} acknowledged`}, ${inFlight.length} in flight; ` +
      `so far ${tally}; upstream ${failures}${lost}`,
  );
}

/** A backup does not mind whether the server is killed meanwhile. */
async function backUp(scene: Scene, after: number): Promise<void> {
  await sleep(after);
  const made = await scene.at.cli(['backup', join(scene.at.folder, 'backup'), '--force']);
  if (made.code !== 0) throw new Error(`postern backup exited ${made.code}: ${made.stderr}`);
  scene.tally.backups++;
}

async function drainAndCount(scene: Scene): Promise<CrashResult> {
  const sink = await openSink(scene, [], 0);
  const server = await scene.at.serve();
  try {
    // The faults of the rounds made the upstream wait; the operator says that it is well again.
    await scene.at.cli(['upstream', 'resume', 'sink']);
    const stats = await waitFor('the queue to drain', () => drained(scene.at), MAX_DRAIN_MS).catch(
      async error => {
        const left = JSON.stringify(await queueStats(scene.at));
        throw new Error(`${error}\n${left}\n${server.stdout().slice(-3000)}`);
      },
    );
    const { inDoubt, tooMany, backups } = scene.tally;
    const { lost, duplicates, swallowed } = compare(scene.acknowledged, sink);
    const ceiling = inDoubt.size + swallowed;
    if (duplicates > ceiling) tooMany.push(`at the end: ${duplicates} duplicates of at most ${ceiling}`);
    if (backups > 0) await scene.at.json(['backup', join(scene.at.folder, 'backup'), '--check']);
    return { acknowledged: scene.acknowledged.length, lost, duplicates, ceiling, tooMany, backups, stats };
  } finally {
    await server.stop();
    await sink.stop();
  }
}

async function drained(at: Installation): Promise<Readonly<Record<string, number>> | undefined> {
  const stats = await queueStats(at);
  const waiting = (stats['queued'] ?? 0) + (stats['in_flight'] ?? 0) + (stats['deferred'] ?? 0);
  if (waiting === 0) return stats;
  await sleep(300);
  return undefined;
}

function openSink(scene: Scene, failures: readonly string[], seed: number): Promise<Sink> {
  return startSink({
    folder: scene.at.folder,
    certificate: scene.certificate,
    port: scene.sinkPort,
    failures,
    seed: seed + 1,
  });
}
