// Postern as a user would run it: defaults, with the connection limits raised for the load generator.

import { addAccount, addUpstream, install } from '../test/support/postern.ts';
import { BENCH_LOGIN, MAX_SESSIONS, type Peer, type PeerUpstream } from './peer.ts';
import { endWrapped } from './processes.ts';

/** `ca` may be left out where nobody listens at the upstream. */
export async function preparePostern(
  upstream: Omit<PeerUpstream, 'ca'> & Partial<Pick<PeerUpstream, 'ca'>>,
): Promise<Peer> {
  const at = await install({
    log: { level: 'info', format: 'json' },
    limits: {
      connections: MAX_SESSIONS,
      connections_per_address: MAX_SESSIONS,
      connections_per_account: MAX_SESSIONS,
    },
  });
  await addAccount(at, BENCH_LOGIN.user, BENCH_LOGIN.password);
  await addUpstream(at, 'sink', {
    url: `smtp+starttls://${upstream.user}@localhost:${upstream.port}`,
    password: upstream.password,
    ...(upstream.ca === undefined ? {} : { ca: upstream.ca }),
  });
  return {
    name: 'Postern',
    port: at.ports.starttls,
    folder: at.data,
    start: async (wrapper = []) => {
      const server = await at.serve({ waitUntilReady: false, wrapper });
      return {
        pid: server.pid,
        stop: async () => {
          if (wrapper.length > 0) await endWrapped(server);
          await server.stop();
        },
      };
    },
    remove: at.remove,
  };
}
