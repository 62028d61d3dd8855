// A middleman: ends the client's TLS with a certificate of its own, and passes on every octet to the real server over TLS
// of its own. For clients that use STARTTLS.

import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { connect, TLSSocket } from 'node:tls';
import type { CertificateFiles } from '../../support/certificate.ts';

export type Middleman = Readonly<{ port: number; close: () => void }>;

/** `server`: the port of a listener with TLS from the start, and the CA to trust it by. */
export async function startMiddleman(
  own: CertificateFiles,
  server: Readonly<{ port: number; ca: string }>,
): Promise<Middleman> {
  const between = createServer(client => {
    client.on('error', () => {}); // a client may go whenever it likes
    client.write('220 middleman.example ESMTP\r\n');
    client.on('data', octets => {
      if (!octets.includes('\n')) return;
      // The end of its STARTTLS. What follows is TLS, and must not be read before there is somebody to read it.
      client.removeAllListeners('data').pause();
      client.write('220 2.0.0 Ready to start TLS\r\n', () => passOn(client, own, server));
    });
  });
  const port = await new Promise<number>(resolve => {
    between.listen(0, '127.0.0.1', () => {
      const address = between.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return { port, close: () => between.close() };
}

function passOn(client: Socket, own: CertificateFiles, server: Readonly<{ port: number; ca: string }>): void {
  const near = new TLSSocket(client, {
    isServer: true,
    cert: readFileSync(own.certificate),
    key: readFileSync(own.key),
  });
  const far = connect({
    port: server.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: readFileSync(server.ca),
  });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
  // The server's greeting is not passed on: after STARTTLS the client expects none.
  far.once('data', () => {
    near.pipe(far);
    far.pipe(near);
  });
}
