// The scene of the soak test: a server, a sink that fails one message in five, a load generator, idle sessions; samples of
// what the server takes; and the reckoning at the end. Every process started here is ended here.

import { setTimeout as sleep } from 'node:timers/promises';
import { memoryMb } from '../../bench/processes.ts';
import { type CertificateFiles, makeCertificate } from '../support/certificate.ts';
import { flags, type LoadResult, load, loadTool } from '../support/load-tools.ts';
import {
  type Account,
  addAccount,
  addUpstream,
  type Installation,
  install,
  queueStats,
  type Server,
} from '../support/postern.ts';
import { type Program, startProgram, waitFor } from '../support/process.ts';
import { SINK_LOGIN, type Sink, startSink } from '../support/sink.ts';
import { databaseMb, descriptors, judge, type Sample } from './samples.ts';

export type SoakOptions = Readonly<{
  messages: number;
  /** Sessions that are logged in and do nothing. */
  idle: number;
  maxMs: number;
  say: (line: string) => void;
}>;

/** About every fifth attempt fails, at another step each time; "lost" is a message that was taken and not answered. */
const FAILURES = ['mail:0.05:451', 'rcpt:0.05:450', 'data:0.04:0', 'dot:0.04:451', 'lost:0.02:0'];
/** The sink takes one in fifty without an answer; only those may come again. Twice that, for chance. */
const ALLOWED_DUPLICATES = 0.04;
/** With so small a heap the garbage collector leaves nothing lying about: what grows is what is kept. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2' };
/** The load comes in parts, so that what the server takes can be compared between them. */
const PARTS = 10;

type Scene = Readonly<{
  at: Installation;
  server: Server;
  sink: Sink;
  account: Account;
  deadline: number;
  options: SoakOptions;
}>;

/** What does not hold; empty when all does. */
export async function soak(options: SoakOptions): Promise<readonly string[]> {
  const at = await install({
    limits: {
      connections_per_address: options.idle + 100,
      connections_per_account: options.idle + 100,
      idle_timeout: '1d',
    },
    queue: { retry_min: '1s', retry_max: '10s', ambiguous_wait: '1s', retention: '5s' },
    log: { level: 'error', format: 'json' },
  });
  const certificate = await makeCertificate(at.folder);
  const sink = await startSink({ folder: at.folder, certificate, failures: FAILURES });
  try {
    return await play(at, sink, certificate, options);
  } finally {
    await at.remove();
    await sink.stop();
  }
}

async function play(
  at: Installation,
  sink: Sink,
  { certificate: ca }: CertificateFiles,
  options: SoakOptions,
): Promise<readonly string[]> {
  const account = await addAccount(at, 'soak', 'soak secret');
  const url = `smtp+starttls://${SINK_LOGIN.user}@localhost:${sink.port}`;
  await addUpstream(at, 'sink', { url, password: SINK_LOGIN.password, ca });
  const server = await at.serve({ env: SMALL_HEAP });
  const scene: Scene = { at, server, sink, account, deadline: performance.now() + options.maxMs, options };
  const idle = await idleSessions(scene);
  try {
    const samples: Sample[] = [];
    const acknowledged = await sendInParts(scene, samples);
    await drain(scene, samples);
    return [...judge(samples), ...(await reckon(scene, acknowledged))];
  } finally {
    await idle.kill();
    await server.stop();
  }
}

async function idleSessions({ at, account, options }: Scene): Promise<Program> {
  const conns = options.idle;
  const program = startProgram({
    command: [
      await loadTool('smtpload'),
      ...flags({ ...target(at, account), mode: 'idle', conns, ramp: 3 }),
      ...flags({ hold: Math.ceil(options.maxMs / 1000), 'max-seconds': Math.ceil(options.maxMs / 1000) }),
    ],
    outputFolder: at.folder,
    name: 'idle',
  });
  await waitFor('the idle sessions', () => program.stderr().includes(`up ${conns}`), 120_000);
  return program;
}

async function sendInParts(scene: Scene, samples: Sample[]): Promise<number> {
  const { at, account, options } = scene;
  let acknowledged = 0;
  for (let part = 0; part < PARTS && performance.now() < scene.deadline; part++) {
    const messages = Math.ceil(options.messages / PARTS);
    const result: LoadResult = await load({
      ...target(at, account),
      ...{ mode: 'session', conns: 8, messages, size: 4096, tag: `part${part}`, 'max-seconds': 3600 },
    });
    if (result.failed > 0) throw new Error(`${result.failed} messages were refused: ${result.last_error}`);
    acknowledged += result.ok;
    samples.push(await take(scene, `${acknowledged} acknowledged, ${Math.round(result.msg_s)} a second`));
  }
  return acknowledged;
}

async function drain(scene: Scene, samples: Sample[]): Promise<void> {
  while (performance.now() < scene.deadline) {
    const stats = await queueStats(scene.at);
    const waiting = (stats['queued'] ?? 0) + (stats['in_flight'] ?? 0) + (stats['deferred'] ?? 0);
    samples.push(await take(scene, `${waiting} wait`));
    if (waiting === 0) return;
    await sleep(5000);
  }
  throw new Error('the queue did not drain in time');
}

/** What was acknowledged must have arrived; what arrived twice may only be what the sink took without an answer. */
async function reckon({ at, sink, options }: Scene, acknowledged: number): Promise<readonly string[]> {
  const arrived = sink.records().map(record => record.loadId);
  const different = new Set(arrived).size;
  const stats = await queueStats(at);
  const duplicates = arrived.length - different;
  options.say(
    `${acknowledged} acknowledged, ${different} arrived, ${duplicates} twice; ${JSON.stringify(stats)}`,
  );
  return [
    ...(different === acknowledged ? [] : [`${acknowledged} were acknowledged and ${different} arrived`]),
    ...(stats['failed'] === 0 && stats['expired'] === 0 ? [] : ['some failed']),
    ...(stats['bytes'] === 0 ? [] : ['content is left of what was relayed']),
    ...(duplicates <= acknowledged * ALLOWED_DUPLICATES ? [] : [`${duplicates} duplicates are too many`]),
  ];
}

async function take({ at, server, sink, options }: Scene, what: string): Promise<Sample> {
  const sample = {
    memoryMb: memoryMb(server.pid),
    descriptors: descriptors(server.pid),
    databaseMb: databaseMb(at.data),
    relayed: (await sink.stats())['messages'] ?? 0,
  };
  const { memoryMb: memory, databaseMb: database } = sample;
  options.say(
    `${what}; memory ${memory.toFixed(0)} MB, ${sample.descriptors} descriptors, database ${database.toFixed(0)} MB`,
  );
  return sample;
}

function target(at: Installation, { name, password }: Account) {
  return { port: at.ports.starttls, tls: 'starttls', auth: 'plain', user: name, password };
}
