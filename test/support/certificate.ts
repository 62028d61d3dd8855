// A self-signed certificate for localhost and 127.0.0.1, made with openssl, for the test's own upstreams.
// It is its own CA: hand the same file to whoever shall trust it.

import { join } from 'node:path';
import { run } from './process.ts';

export type CertificateFiles = Readonly<{ certificate: string; key: string }>;

export async function makeCertificate(folder: string): Promise<CertificateFiles> {
  const certificate = join(folder, 'cert.pem');
  const key = join(folder, 'key.pem');
  const made = await run([
    ...[
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '30',
    ],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ]);
  if (made.code !== 0) throw new Error(`openssl req failed: ${made.stderr}`);
  return { certificate, key };
}
