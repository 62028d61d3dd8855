// The signed assertion with which a service account asks for an access token (RFC 7523 §3, RS256): for one mailbox, one token
// endpoint, and an hour at most. Load it with `await import()`: few servers need it.

import { createPrivateKey } from 'node:crypto';
import { SignJWT } from 'jose';
import type { EpochMs } from '../../clock.ts';
import type { OAuthSettings } from './oauth-settings.ts';

/** Google takes no longer ones. */
const LIFE_SECONDS = 3600;

export type Asserted = Readonly<{
  settings: OAuthSettings;
  /** PEM. */
  privateKey: string;
  /** For whom the service account acts. */
  mailbox: string | null;
  /** Wall clock: the provider compares it with its own. */
  now: EpochMs;
}>;

/** Null: the private key cannot be read. */
export async function signAssertion({
  settings,
  privateKey,
  mailbox,
  now,
}: Asserted): Promise<string | null> {
  const { clientId, scopes, tokenEndpoint, keyId } = settings;
  const issuedAt = Math.floor(now / 1000);
  try {
    return await new SignJWT({ scope: scopes.join(' '), ...(mailbox === null ? {} : { sub: mailbox }) })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId === null ? {} : { kid: keyId }) })
      .setIssuer(clientId)
      .setAudience(tokenEndpoint)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFE_SECONDS)
      .sign(createPrivateKey(privateKey));
  } catch {
    return null; // no PEM, or no RSA key: what was said of it may quote it
  }
}
