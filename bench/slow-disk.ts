// Syncs, counted and slowed down: a server starts under strace, which stops it at fsync and fdatasync only. The same shim
// for every peer, so that they can be compared on a disk that takes 5 or 20 ms a sync (an SD card, a disk that turns).

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../test/support/load-tools.ts';
import { makeScratch, removeScratch } from '../test/support/scratch.ts';
import { base, drained, type Figures, greeting, type Subject } from './measure.ts';

/** Milliseconds that a sync takes longer. */
export const DELAYS = [0, 5, 20] as const;
export const SESSIONS = [1, 4, 8, 64] as const;

/** Messages that take seconds, not minutes, on a slow disk where each waits for syncs of its own. */
const MESSAGES: Readonly<Record<(typeof SESSIONS)[number], number>> = { 1: 100, 4: 300, 8: 400, 64: 1600 };
/** Without a delay many more fit into the same time. */
const FAST = 4;

export const rateKey = (delay: number, sessions: number): string => `rate-${delay}-${sessions}`;
export const syncsKey = (delay: number, sessions: number): string => `syncs-${delay}-${sessions}`;

/** Accepted messages a second, and syncs per message until the last is accepted, for each delay and number of sessions. */
export async function measureSlowDisk({ peer, sink }: Omit<Subject, 'pid'>, share: number): Promise<Figures> {
  const folder = makeScratch('syncs');
  let figures: Figures = {};
  try {
    for (const delay of DELAYS) {
      const trace = join(folder, `trace-${delay}`);
      const running = await peer.start(shim(delay, trace));
      try {
        await greeting(peer.port);
        for (const sessions of SESSIONS) {
          const messages = Math.round(MESSAGES[sessions] * (delay === 0 ? FAST : 1) * share);
          await sink.reset();
          const before = countSyncs(trace);
          const result = await load({ ...base(peer), mode: 'session', conns: sessions, messages });
          if (result.failed > 0)
            throw new Error(`${peer.name} refused ${result.failed}: ${result.last_error}`);
          const syncs = countSyncs(trace) - before;
          await drained({ peer, sink, pid: running.pid }, result.ok);
          figures = {
            ...figures,
            [rateKey(delay, sessions)]: result.msg_s,
            [syncsKey(delay, sessions)]: syncs / result.ok,
          };
        }
      } finally {
        await running.stop();
      }
    }
    return figures;
  } finally {
    removeScratch(folder);
  }
}

function shim(delay: number, trace: string): readonly string[] {
  const slow = delay === 0 ? [] : ['-e', `inject=fdatasync,fsync:delay_exit=${delay * 1000}`];
  return ['strace', '-f', '--seccomp-bpf', '-qq', '-o', trace, '-e', 'trace=fdatasync,fsync', ...slow];
}

function countSyncs(trace: string): number {
  // A call that is interrupted by another thread's stands there twice, but only once with its bracket.
  return existsSync(trace) ? (readFileSync(trace, 'latin1').match(/sync\(/g)?.length ?? 0) : 0;
}
