// tls-server-end-point (RFC 5929 §4.1): the hash follows the certificate's signature, and is never weaker than SHA-256.
// The certificates are made, and their hashes taken, by openssl.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverEndPoints } from '../../server/tls/end-point.ts';
import { mustSkip } from '../support/needs.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const skip = mustSkip('tls-server-end-point against openssl', ['openssl']);
let folder: string;
beforeAll(() => {
  folder = makeScratch('end-point');
});
afterAll(() => removeScratch(folder));

function openssl(args: readonly string[], input?: Buffer): Buffer {
  return execFileSync('openssl', [...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    ...(input === undefined ? {} : { input }),
  });
}

/** A self-signed certificate (PEM); the hash of its signature is `-hash` among the options. */
function certificate(...options: readonly string[]): string {
  const path = join(folder, 'certificate.pem');
  openssl([
    ...['req', '-x509', '-nodes', '-subj', '/CN=postern.test', '-days', '2'],
    ...['-newkey', ...options, '-keyout', join(folder, 'key.pem'), '-out', path],
  ]);
  return readFileSync(path, 'utf8');
}

describe.skipIf(skip)('the end point of a certificate', () => {
  const ec = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  it.each([
    ['ECDSA with SHA-256', ec, 'sha256', 'sha256'],
    ['ECDSA with SHA-384', ec, 'sha384', 'sha384'],
    ['RSA with SHA-512', ['rsa:2048'], 'sha512', 'sha512'],
    ['RSA with SHA-224', ['rsa:2048'], 'sha224', 'sha224'],
    ['RSA with MD5, which is raised', ['rsa:2048'], 'md5', 'sha256'],
    ['RSA with SHA-1, which is raised', ['rsa:2048'], 'sha1', 'sha256'],
  ] as const)('%s', (_, key, signature, hash) => {
    const pem = certificate(...key, `-${signature}`);
    const der = openssl(['x509', '-outform', 'der'], Buffer.from(pem));
    expect(serverEndPoints({ cert: [pem] })).toEqual([openssl(['dgst', `-${hash}`, '-binary'], der)]);
  });

  it.each([
    ['Ed25519, which has no hash', ['ed25519']],
    ['RSA-PSS, which names its hash elsewhere', ['rsa:2048', '-sha256', '-sigopt', 'rsa_padding_mode:pss']],
    ['SHA-512/256, which is not SHA-512', ['rsa:2048', '-sha512-256']],
    ['SHA3-256, which is not SHA-256', ['rsa:2048', '-sha3-256']],
  ])('is missing for %s', (_, options) => {
    const [without, ordinary] = [certificate(...options), certificate(...ec, '-sha256')];
    expect(serverEndPoints({ cert: [without] })).toEqual([]);
    expect(serverEndPoints({ cert: [without, ordinary] })).toEqual(serverEndPoints({ cert: [ordinary] }));
  });

  it('has one for each leaf, and none for the chain above it', () => {
    const [leaf, issuer] = [certificate(...ec, '-sha256'), certificate('rsa:2048', '-sha256')];
    expect(serverEndPoints({ cert: [leaf + issuer, issuer] })).toHaveLength(2);
    expect(serverEndPoints({ cert: [leaf + issuer] })).toEqual(serverEndPoints({ cert: [leaf] }));
  });
});
