// Postern as a user would run it: defaults, with the connection limits raised for the load generator.

import { addAccount, addUpstream, install } from '../test/support/postern.ts';
import { BENCH_LOGIN, MAX_SESSIONS, type Peer, type PeerUpstream } from './peer.ts';

export async function preparePostern(upstream: PeerUpstream): Promise<Peer> {
  const at = await install({
    log: { level: 'info', format: 'json' },
    limits: { connections: MAX_SESSIONS, connections_per_address: MAX_SESSIONS },
  });
  await addAccount(at, BENCH_LOGIN.user, BENCH_LOGIN.password);
  await addUpstream(at, 'sink', {
    url: `smtp+starttls://${upstream.user}@localhost:${upstream.port}`,
    password: upstream.password,
    ca: upstream.ca,
  });
  return {
    name: 'Postern',
    port: at.ports.starttls,
    start: async () => {
      const server = await at.serve({ waitUntilReady: false });
      return {
        pid: server.pid,
        stop: async () => {
          await server.stop();
        },
      };
    },
    remove: at.remove,
  };
}
