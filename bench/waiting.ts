// Whether Postern takes mail as fast while much of it waits: its upstream is down, and the queue is filled.

import { load } from '../test/support/load-tools.ts';
import { freePort } from '../test/support/ports.ts';
import { base, greeting } from './measure.ts';
import { preparePostern } from './postern-peer.ts';

/** What fills the queue is small and comes over many sessions: it shall not take longer than it must. */
const FILLING = { conns: 64, size: 300 } as const;

/** Runs on a server of its own; returns the text to print. */
export async function measureWaiting({
  messages,
  waiting,
}: Readonly<{ messages: number; waiting: number }>): Promise<string> {
  // Nobody listens there.
  const upstream = { port: await freePort(), user: 'up', password: 'upstream secret' };
  const peer = await preparePostern(upstream);
  const running = await peer.start();
  try {
    const taken = async (options: Readonly<Record<string, number>>) => {
      const result = await load({ ...base(peer), mode: 'session', 'max-seconds': 900, ...options });
      if (result.failed > 0) throw new Error(`Postern refused ${result.failed}: ${result.last_error}`);
      return result.msg_s;
    };
    await greeting(peer.port);
    await taken({ conns: 8, messages: 1000 });
    const empty = await taken({ conns: 8, messages });
    await taken({ ...FILLING, messages: waiting });
    const full = await taken({ conns: 8, messages });
    const ratio = full / empty;
    return [
      `accepted with an empty queue: ${empty.toFixed(0)} messages/s`,
      `accepted with ${waiting} messages waiting: ${full.toFixed(0)} messages/s`,
      `ratio ${ratio.toFixed(2)}, target ≥ 0.8: ${ratio >= 0.8 ? 'met' : 'MISSED'}`,
    ].join('\n');
  } finally {
    await running.stop();
    await peer.remove();
  }
}
