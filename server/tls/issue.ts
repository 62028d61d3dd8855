// Turns the plan of a certificate into a signed one: the only importer of @peculiar/x509, which costs 8 MB of memory.
// Load it with `await import()` where a certificate must really be made: most starts make none.
// It decides nothing: what a CA and what a leaf must say stands in authority.ts and leaf.ts.

import 'reflect-metadata'; // @peculiar/x509 needs it loaded first
import type { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { EpochMs } from '../clock.ts';
import type { SubjectName } from './subject-names.ts';

type KeyUse = 'digitalSignature' | 'keyEncipherment' | 'keyCertSign' | 'cRLSign';

export type CertificatePlan = Readonly<{
  commonName: string;
  /** 20 octets, the first between 1 and 127 (RFC 5280 §4.1.2.2: positive, at most 20 octets). */
  serial: Uint8Array;
  notBefore: EpochMs;
  notAfter: EpochMs;
  publicKey: KeyObject;
  /** Marked critical. */
  keyUsage: readonly KeyUse[];
  /** A CA that signs leaves only (pathLen 0), or a server. */
  role: Readonly<{ kind: 'authority' }> | Readonly<{ kind: 'server'; names: readonly SubjectName[] }>;
  /** An RSA key; it signs with SHA-256. Without a certificate, the result is self-signed and this must be its own key. */
  signer: Readonly<{ key: KeyObject; certificate?: string }>;
}>;

/** The signed certificate as PEM. */
export async function issueCertificate(plan: CertificatePlan): Promise<string> {
  const publicKey = await importKey(plan.publicKey, 'verify');
  const signingKey = await importKey(plan.signer.key, 'sign');
  const subject: x509.JsonName = [{ CN: [plan.commonName] }];
  const keyId = await x509.SubjectKeyIdentifierExtension.create(publicKey);
  const issuer = plan.signer.certificate === undefined ? null : readIssuer(plan.signer.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(plan.serial).toString('hex'),
    subject,
    // The issuer's name is copied octet for octet: clients compare the encoding, not the text.
    issuer: issuer?.name ?? subject,
    notBefore: new Date(plan.notBefore),
    notAfter: new Date(plan.notAfter),
    publicKey,
    signingKey,
    signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    extensions: [
      ...roleExtensions(plan.role),
      new x509.KeyUsagesExtension(keyUsageFlags(plan.keyUsage), true),
      keyId,
      // RFC 5280 §4.2.1.1, and Python's VERIFY_X509_STRICT: on every leaf. On the CA it is its own id.
      new x509.AuthorityKeyIdentifierExtension(issuer?.keyId ?? keyId.keyId, false),
    ],
  });
  return `${certificate.toString('pem').trim()}\n`;
}

function roleExtensions(role: CertificatePlan['role']): x509.Extension[] {
  if (role.kind === 'authority') return [new x509.BasicConstraintsExtension(true, 0, true)];
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth], false),
    new x509.SubjectAlternativeNameExtension(
      role.names.map(name => ({ type: name.kind, value: name.value })),
      false,
    ),
  ];
}

function readIssuer(pem: string): Readonly<{ name: x509.Name; keyId: string }> {
  const certificate = new x509.X509Certificate(pem);
  const extension = certificate.getExtension(x509.SubjectKeyIdentifierExtension);
  if (extension === null) throw new Error('The CA certificate has no subject key identifier.');
  return { name: certificate.subjectName, keyId: extension.keyId };
}

function keyUsageFlags(uses: readonly KeyUse[]): x509.KeyUsageFlags {
  return uses.reduce<number>((flags, use) => flags | x509.KeyUsageFlags[use], 0);
}

function importKey(key: KeyObject, use: 'sign' | 'verify'): Promise<webcrypto.CryptoKey> {
  const algorithm =
    key.asymmetricKeyType === 'ec'
      ? { name: 'ECDSA', namedCurve: 'P-256' }
      : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return Promise.resolve(key.toCryptoKey(algorithm, true, [use]));
}
