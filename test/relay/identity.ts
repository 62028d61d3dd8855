// Certificates for the remote servers of these tests: an authority of their own, and leaves with the names and dates
// that a test wants, also wrong ones.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { systemRandom } from '../../server/ids.ts';
import { type Authority, makeAuthority, makeAuthorityKey, makeSerial } from '../../server/tls/authority.ts';
import { issueCertificate } from '../../server/tls/issue.ts';
import { makeLeafKey } from '../../server/tls/leaf.ts';
import type { SubjectName } from '../../server/tls/subject-names.ts';

export type Identity = Readonly<{ certificate: string; key: string; authority: string }>;

const DAY = 86_400_000;

let authority: Promise<Authority> | null = null;

/** One authority for all tests of a file: making its key takes longest. */
export function testAuthority(): Promise<Authority> {
  authority ??= makeAuthorityKey().then(key => makeAuthority(key, 'remote.test', systemRandom));
  return authority;
}

/** By default good for localhost and 127.0.0.1, today. */
export async function makeIdentity(
  plan: Readonly<{ names?: readonly SubjectName[]; notAfter?: number }> = {},
): Promise<Identity> {
  const signer = await testAuthority();
  const key = await makeLeafKey('ec');
  const privateKey = createPrivateKey(key);
  const names = plan.names ?? [
    { kind: 'dns', value: 'localhost' },
    { kind: 'ip', value: '127.0.0.1' },
  ];
  const certificate = await issueCertificate({
    commonName: names[0]?.value ?? 'localhost',
    serial: makeSerial(systemRandom),
    notBefore: Date.now() - 60 * DAY,
    notAfter: plan.notAfter ?? Date.now() + 60 * DAY,
    publicKey: createPublicKey(privateKey),
    keyUsage: ['digitalSignature'],
    role: { kind: 'server', names },
    signer: { key: createPrivateKey(signer.key), certificate: signer.certificate },
  });
  return { certificate, key, authority: signer.certificate };
}
