// The two certificates that Postern shows to clients, one ECDSA P-256 and one RSA-2048: new clients get the small, quick
// one, old devices that know only RSA find the other. What each says, how long it is good, and when it must be made anew.

import { createPrivateKey, createPublicKey, generateKeyPair, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { BUILD_DATE } from '../build.ts';
import type { EpochMs } from '../clock.ts';
import type { RandomBytes } from '../ids.ts';
import { type Authority, makeSerial } from './authority.ts';
import { certificateNames, type SubjectName } from './subject-names.ts';

export type LeafKind = 'ec' | 'rsa';
export const leafKinds = ['ec', 'rsa'] as const satisfies readonly LeafKind[];

/** Both as PEM; the key is PKCS #8 and not encrypted. */
export type Leaf = Readonly<{ certificate: string; key: string }>;

const DAY = 86_400_000;
/** One day below the 398 that clients tolerate, because some count both ends. */
const LIFETIME = 397 * DAY;
/** The clocks of printers are wrong, most often late: a new leaf is already half a year old (see `leafValidity`). */
const BACKDATED = 180 * DAY;
const RENEW_BEFORE = 30 * DAY;
const LONGEST_COMMON_NAME = 64;

/**
 * From the build date on, as long as that leaves more than half of the lifetime; an older build counts from half a
 * year ago. With the build date alone a release older than 398 days could only make certificates that have expired.
 * Never later than the CA's end: a leaf that outlives its CA is refused, one that ends with it is good as long as it.
 */
export function leafValidity(
  now: EpochMs,
  authorityEnd: EpochMs,
): Readonly<{ notBefore: EpochMs; notAfter: EpochMs }> {
  const notBefore = Math.min(Math.max(BUILD_DATE, now - BACKDATED), authorityEnd - LIFETIME);
  return { notBefore, notAfter: notBefore + LIFETIME };
}

export async function makeLeafKey(kind: LeafKind): Promise<string> {
  const pair =
    kind === 'ec'
      ? await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
      : await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A certificate for `key`, signed by the authority, valid around `now`. */
export async function makeLeaf(
  plan: Readonly<{ authority: Authority; key: string; names: readonly SubjectName[]; now: EpochMs }>,
  random: RandomBytes,
): Promise<Leaf> {
  const { issueCertificate } = await import('./issue.ts');
  const privateKey = createPrivateKey(plan.key);
  const authorityEnd = new X509Certificate(plan.authority.certificate).validToDate.getTime();
  const certificate = await issueCertificate({
    commonName: plan.names.find(name => name.value.length <= LONGEST_COMMON_NAME)?.value ?? 'localhost',
    serial: makeSerial(random),
    ...leafValidity(plan.now, authorityEnd),
    publicKey: createPublicKey(privateKey),
    // keyEncipherment is for TLS 1.2 clients that exchange keys by RSA alone; ECDSA keys cannot do that.
    keyUsage:
      privateKey.asymmetricKeyType === 'rsa' ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'],
    role: { kind: 'server', names: plan.names },
    signer: { key: createPrivateKey(plan.authority.key), certificate: plan.authority.certificate },
  });
  return { certificate, key: plan.key };
}

/** Why a leaf should be made anew although clients can still be served with it, or null. */
export type LeafAge = 'names changed' | 'addresses changed' | 'expires soon' | 'not valid yet';

/**
 * Compares a leaf with what it should say. Every DNS name must be there and no other; of addresses, only a missing one
 * counts: an interface that comes and goes (Wi-Fi, VPN) would otherwise bring a new certificate each time.
 * `now` must be a time that can be trusted.
 */
export function leafAge(
  certificate: X509Certificate,
  names: readonly SubjectName[],
  now: EpochMs,
  authorityEnd: EpochMs,
): LeafAge | null {
  const end = certificate.validToDate.getTime();
  // A leaf that ends with its CA cannot be made longer by another one.
  if (now > end - RENEW_BEFORE && end < authorityEnd) return 'expires soon';
  if (now < certificate.validFromDate.getTime()) return 'not valid yet';
  const has = certificateNames(certificate);
  if (listed(has, 'dns').join() !== listed(names, 'dns').join()) return 'names changed';
  const addresses = new Set(listed(has, 'ip'));
  return listed(names, 'ip').every(address => addresses.has(address)) ? null : 'addresses changed';
}

function listed(names: readonly SubjectName[], kind: SubjectName['kind']): readonly string[] {
  return names
    .filter(name => name.kind === kind)
    .map(name => name.value)
    .sort();
}
