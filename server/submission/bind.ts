// Binds a listener to its port.

import type { Server } from 'node:net';

export type Listener = Readonly<{
  address: string;
  port: number;
  tls: 'starttls' | 'implicit';
  /** Names of the mechanisms offered. */
  mechanisms: readonly string[];
}>;

export type BindFailure = Readonly<{ listener: Listener; code: string; text: string }>;

/** The listener with the port that it got. Every address means every IPv4 address where the machine has no IPv6. */
export async function bind(server: Server, listener: Listener): Promise<Listener | BindFailure> {
  const result = await bindOnce(server, listener);
  const noIpv6 =
    'code' in result && /EAFNOSUPPORT|EADDRNOTAVAIL/.test(result.code) && listener.address === '::';
  return noIpv6 ? bindOnce(server, { ...listener, address: '0.0.0.0' }) : result;
}

function bindOnce(server: Server, listener: Listener): Promise<Listener | BindFailure> {
  return new Promise(resolve => {
    const onError = (error: NodeJS.ErrnoException) => {
      resolve({ listener, code: error.code ?? 'unknown', text: error.message });
    };
    server.once('error', onError);
    server.listen({ port: listener.port, host: listener.address }, () => {
      server.removeListener('error', onError);
      const address = server.address();
      resolve({ ...listener, port: typeof address === 'object' && address ? address.port : listener.port });
    });
  });
}
