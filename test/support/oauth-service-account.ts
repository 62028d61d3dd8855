// A service account as Google has them: an RSA key whose public half the OAuth server knows, allowed to act for one mailbox
// (domain-wide delegation). Checks the signed assertions of RFC 7523 with Node's own cryptography, not with Postern's library.

import { createPublicKey, generateKeyPair, verify } from 'node:crypto';
import { promisify } from 'node:util';

export type ServiceAccount = Readonly<{ clientEmail: string; keyId: string; privateKey: string }>;

export type KnownServiceAccount = Readonly<{
  account: ServiceAccount;
  /** For whom the assertion may act. A text of two words or more says why it may not, as Google says it. */
  subjectOf: (assertion: string, audience: string) => string;
}>;

const LONGEST_LIFE = 3600;

export async function makeServiceAccount(mailbox: string): Promise<KnownServiceAccount> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const account = {
    clientEmail: 'scanner@project.iam.gserviceaccount.example',
    keyId: '0a1b2c3d',
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  return {
    account,
    subjectOf: (assertion, audience) => {
      const [head = '', body = '', signature = ''] = assertion.split('.');
      const header = parsed(head);
      const claims = parsed(body);
      const signed = Buffer.from(`${head}.${body}`);
      const isSigned =
        header['alg'] === 'RS256' &&
        header['kid'] === account.keyId &&
        verify('sha256', signed, createPublicKey(privateKey), Buffer.from(signature, 'base64url'));
      if (!isSigned) return 'Invalid JWT Signature.';
      if (claims['iss'] !== account.clientEmail) return 'Invalid grant: account not found';
      const now = Date.now() / 1000;
      const [from, to] = [Number(claims['iat']), Number(claims['exp'])];
      if (!(from <= now + 300 && to > now && to - from <= LONGEST_LIFE) || claims['aud'] !== audience) {
        return 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.';
      }
      return claims['sub'] === mailbox ? mailbox : 'Invalid email or User ID';
    },
  };
}

function parsed(part: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
