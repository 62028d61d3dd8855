// Real TLS clients against a real listener: they must trust the local CA and find a leaf that they can use.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server, connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/clock.ts';
import type { Certificates } from '../../server/tls/certificates.ts';
import { listenerTls } from '../../server/tls/secure-context.ts';
import { mustSkip } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { makeWorld, type World } from './world.ts';

const skip = mustSkip('tls clients', ['python', 'openssl']);

let world: World;
let certificates: Certificates;
let server: Server;
let port: number;
let ca: string;

beforeAll(async () => {
  world = makeWorld();
  certificates = await world.open({ clock: systemClock, hostname: 'nas.lan' });
  ca = join(world.folder, 'ca.crt');
  server = createServer(listenerTls(certificates.current()), socket => {
    socket.on('error', () => {}); // a client that distrusts the certificate resets the connection
    socket.end('hello\n');
  });
  certificates.onChange(material => server.setSecureContext(listenerTls(material)));
  await new Promise<void>(resolve => server.listen(0, '::', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  world.end();
});

const PYTHON = `
import socket, ssl, sys
ca, address, name, port = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection((address, int(port))) as plain:
    with context.wrap_socket(plain, server_hostname=name) as secure:
        print(secure.version(), secure.recv(100))
`;

describe.skipIf(skip)('Python with VERIFY_X509_STRICT', () => {
  it.each([
    ['127.0.0.1', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['127.0.0.1', 'nas.lan'],
    ['127.0.0.1', 'nas.local'],
    ['127.0.0.1', '192.168.1.5'],
  ])('trusts %s as %s', async (address, name) => {
    const result = await run(['python3', '-c', PYTHON, ca, address, name, String(port)]);
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('hello') });
  });

  it('does not trust a name that the certificate does not have', async () => {
    const result = await run(['python3', '-c', PYTHON, ca, '127.0.0.1', 'other.lan', String(port)]);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('CERTIFICATE_VERIFY_FAILED');
  });
});

describe.skipIf(skip)('openssl', () => {
  it.each(['leaf-ec.crt', 'leaf-rsa.crt'])('verifies %s strictly', async leaf => {
    const file = join(world.folder, leaf);
    for (const name of [
      ['-verify_hostname', 'nas.local'],
      ['-verify_ip', '192.168.1.5'],
    ]) {
      const strict = ['-x509_strict', '-check_ss_sig', '-policy_check', '-purpose', 'sslserver'];
      const result = await run(['openssl', 'verify', ...strict, ...name, '-CAfile', ca, file]);
      expect(result.stdout).toContain('OK');
    }
  });

  const client = (...args: string[]) =>
    run([
      'openssl',
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-CAfile',
      ca,
      '-verify_return_error',
      ...args,
    ]);

  it.each([
    ['TLS 1.3', ['-tls1_3'], 'TLSv1.3', 256],
    ['TLS 1.3 with RSA signatures only', ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256'], 'TLSv1.3', 2048],
    ['TLS 1.2', ['-tls1_2'], 'TLSv1.2', 256],
    ['TLS 1.2 with RSA certificates only', ['-tls1_2', '-cipher', 'aRSA'], 'TLSv1.2', 2048],
    ['TLS 1.2 with RSA key exchange only', ['-tls1_2', '-cipher', 'kRSA'], 'TLSv1.2', 2048],
    ['TLS 1.2 with ECDSA certificates only', ['-tls1_2', '-cipher', 'aECDSA'], 'TLSv1.2', 256],
    ['TLS 1.2 without SNI', ['-tls1_2', '-noservername'], 'TLSv1.2', 256],
    ['TLS 1.3 without SNI', ['-tls1_3', '-noservername'], 'TLSv1.3', 256],
    ['a name that is nobody’s', ['-servername', 'wrong.example'], 'TLSv1.3', 256],
  ])('with %s is served', async (_, args, protocol, bits) => {
    const { stdout } = await client(...args);
    expect(stdout).toContain('Verify return code: 0 (ok)');
    expect(stdout).toMatch(new RegExp(`^(New|Protocol *:).*${protocol}`, 'm'));
    expect(stdout).toContain(`Server public key is ${bits} bit`);
  });

  it.each(['-tls1', '-tls1_1'])('with %s is refused', async version => {
    const { stdout } = await client(version, '-cipher', 'DEFAULT:@SECLEVEL=0');
    expect(stdout).toContain('Cipher is (NONE)');
  });

  it.each(['-tls1_2', '-tls1_3'])('with %s resumes its session', async version => {
    const ticket = join(world.root, `ticket${version}`);
    await client(version, '-sess_out', ticket, '-ign_eof');
    const { stdout } = await client(version, '-sess_in', ticket);
    expect(stdout).toMatch(/^Reused, TLSv1/m);
  });
});

describe('a renewed certificate', () => {
  it('is shown to the next client, without a restart', async () => {
    expect(await certificates.renew()).toEqual({ kind: 'renewed' });
    const shown = await new Promise<string>((resolve, reject) => {
      const client = tlsConnect(
        { socket: connect(port, '127.0.0.1'), ca: readFileSync(ca), servername: 'localhost' },
        () => {
          resolve(client.getPeerX509Certificate()?.fingerprint256 ?? '');
          client.destroy();
        },
      );
      client.once('error', reject);
    });
    expect(shown).toBe(new X509Certificate(readFileSync(join(world.folder, 'leaf-ec.crt'))).fingerprint256);
    expect(shown).toBe(certificates.describe().fingerprint_sha256);
  });
});
