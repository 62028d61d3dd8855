// `npm run bench`: Postern against Postfix on this machine, in turns, relaying at the same time to a cheap sink.
// Everything on the loopback and bounded. Absolute numbers move with the machine: read the ratios.
// Options: --quick (one short round), --rounds N, --only LIST (see kinds), --peers postern,postfix,reuse.

import { parseArgs } from 'node:util';
import { makeCertificate } from '../test/support/certificate.ts';
import { provide } from '../test/support/debian.ts';
import { missing, needs, suiteNeeds } from '../test/support/needs.ts';
import { makeScratch, removeScratch } from '../test/support/scratch.ts';
import { SINK_LOGIN, startSink } from '../test/support/sink.ts';
import { type Column, medians, table } from './figures.ts';
import { measureLogins } from './logins.ts';
import * as measure from './measure.ts';
import type { Peer, PeerUpstream, RunningPeer } from './peer.ts';
import { preparePostern } from './postern-peer.ts';
import { preparePostfix } from './postfix-peer.ts';
import { measureSlowDisk } from './slow-disk.ts';
import { measureWaiting } from './waiting.ts';

const kinds = [
  ...(['session', 'connect', 'big', 'start', 'idle', 'at-once', 'slow-disk'] as const),
  ...(['waiting', 'logins'] as const),
] as const;
/** These are of Postern alone, and have tables of their own. */
const alone = ['waiting', 'logins'] as const;
/** On one server, in this order: idle first, since its memory is that of a server that has just started. */
const steps = ['idle', 'session', 'connect', 'big', 'at-once'] as const;
const peerNames = ['postern', 'postfix', 'reuse'] as const;

const FULL = { warmUp: 4000, session: 4000, connect: 1500, big: 8, idleSessions: 500, atOnce: 100 };
const QUICK = { warmUp: 1000, session: 1000, connect: 400, big: 4, idleSessions: 500, atOnce: 100 };
/** Messages waiting while others are accepted; of the messages on a slow disk the part that is sent. */
const FULL_WAITING = { messages: 4000, waiting: 100_000 };
const QUICK_WAITING = { messages: 1000, waiting: 10_000 };
const QUICK_SHARE = 0.25;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
    peers: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
const sizes = options.quick ? QUICK : FULL;
const chosen = choose(kinds, options.only);
const compared = chosen.filter(kind => !alone.some(one => one === kind));
const chosenPeers = choose(peerNames, options.peers);

requireTools();
await main();

async function main(): Promise<void> {
  const folder = makeScratch('bench');
  const certificate = await makeCertificate(folder);
  const sink = await startSink({ folder, certificate, record: false, more: { 'max-seconds': 3600 } });
  const upstream = { port: sink.port, ...SINK_LOGIN, ca: certificate.certificate };
  const peers: Peer[] = [];
  const results = new Map<string, measure.Figures[]>();
  try {
    if (compared.length > 0)
      for (const name of chosenPeers) peers.push(await prepare(name, upstream, certificate));
    for (let round = 1; round <= rounds; round++) {
      for (const peer of peers) {
        const begin = performance.now();
        const figures = await oneRound(peer, sink);
        results.set(peer.name, [...(results.get(peer.name) ?? []), figures]);
        say(
          `round ${round} of ${rounds}, ${peer.name}: ${((performance.now() - begin) / 1000).toFixed(0)} s`,
        );
      }
    }
    const columns: Column[] = [...results].map(([name, all]) => ({ name, values: medians(all) }));
    if (compared.length > 0) {
      say(`\n${table(columns, 'Postern', 'Postfix, reuse')}`);
      say(
        `\nmedians of ${rounds} round(s), ${sizes.session} messages of 4 KB over 8 connections; sink without latency`,
      );
    }
    if (chosen.includes('waiting'))
      say(`\nA full queue\n${await measureWaiting(options.quick ? QUICK_WAITING : FULL_WAITING)}`);
    if (chosen.includes('logins')) say(`\nPostern's logins\n${await measureLogins()}`);
  } finally {
    for (const peer of peers) await peer.remove();
    await sink.stop();
    removeScratch(folder);
  }
}

function prepare(
  name: (typeof peerNames)[number],
  upstream: PeerUpstream,
  certificate: Awaited<ReturnType<typeof makeCertificate>>,
): Promise<Peer> {
  if (name === 'postern') return preparePostern(upstream);
  return preparePostfix({ upstream, certificate, reuseConnections: name === 'reuse' });
}

/** The server is started anew for each round: every round begins alike, and only one server runs at a time. */
async function oneRound(peer: Peer, sink: measure.Subject['sink']): Promise<measure.Figures> {
  // The first start of all makes folders and keys; what is measured is the second.
  const warm = await peer.start();
  await measure.greeting(peer.port);
  await warm.stop();
  const start = chosen.includes('start') ? await measure.measureStart(peer) : {};
  const loaded = steps.some(kind => chosen.includes(kind)) ? await loadServer(peer, sink) : {};
  const slow = chosen.includes('slow-disk')
    ? await measureSlowDisk({ peer, sink }, options.quick ? QUICK_SHARE : 1)
    : {};
  return { ...start, ...loaded, ...slow };
}

async function loadServer(peer: Peer, sink: measure.Subject['sink']): Promise<measure.Figures> {
  const running = await peer.start();
  try {
    await measure.greeting(peer.port);
    return await loadRound({ peer, pid: running.pid, sink });
  } finally {
    await stopped(running);
  }
}

async function loadRound(subject: measure.Subject): Promise<measure.Figures> {
  const measured: Readonly<Record<(typeof steps)[number], () => Promise<measure.Figures>>> = {
    idle: () => measure.measureIdle(subject, sizes),
    session: () => measure.measureSession(subject, sizes),
    connect: () => measure.measureConnect(subject, sizes),
    big: () => measure.measureBig(subject, sizes),
    'at-once': () => measure.measureAtOnce(subject, sizes),
  };
  let figures: measure.Figures = {};
  for (const kind of steps) {
    if (chosen.includes(kind)) figures = { ...figures, ...(await measured[kind]()) };
  }
  return figures;
}

async function stopped(running: RunningPeer): Promise<void> {
  await running.stop();
}

function choose<T extends string>(all: readonly T[], asked: string | undefined): readonly T[] {
  if (asked === undefined) return all;
  const names = asked.split(',');
  const unknown = names.filter(name => !all.some(one => one === name));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; there are: ${all.join(', ')}`);
  return all.filter(one => names.includes(one));
}

function requireTools(): void {
  provide(suiteNeeds.bench);
  const lacking = missing(suiteNeeds.bench);
  if (lacking.length === 0 && process.getuid?.() === 0) return;
  const packages = lacking.map(need => needs[need].package).join(' ');
  say(
    lacking.length > 0
      ? `The benchmark needs these Debian packages: ${packages}`
      : 'The benchmark starts a Postfix of its own and must run as root.',
  );
  process.exit(1);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
