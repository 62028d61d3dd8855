// Compares what a client offers with the passwords of an account, whichever the mechanism; whether the account may log in
// is not asked here. An unknown account costs what a known one does. Passwords are computed behind the semaphore, and
// identical logins at the same time share one computation: a device that opens ten connections must not wait ten times.

import type { StoredCredential } from './account.ts';
import type { ChallengeResponse, CheckResponse } from './challenge-response.ts';
import type { PasswordHasher } from './password.ts';
import type { Admission, Semaphore } from './semaphore.ts';

/** What the client offers as proof, read. `password`: canonical. */
export type Proof = Readonly<{ kind: 'password'; password: string }> | ChallengeResponse;

export type Offered = Readonly<{
  proof: Proof;
  /** Canonical. */
  loginName: string;
  /** Null where the name is no account's. */
  accountId: string | null;
  /** Its passwords in force, newest first. */
  inForce: readonly StoredCredential[];
  /** Fingerprint of name and password: equal ones are the same login. Null for challenge and response. */
  fingerprint: string | null;
}>;

export type Compared = Readonly<{
  /** Version of the password that the client knows, or null. */
  version: number | null;
  /** A password in force has no secret for this mechanism: the client may well know that one. */
  lacking: boolean;
  /** For SCRAM, 32 octets that are worth something only together with `version`; else null. */
  serverSignature: Uint8Array | null;
}>;

/** `busy` says nothing about the credentials. */
export type Compare = (offered: Offered) => Promise<Admission<Compared>>;

type CompareDeps = Readonly<{ hasher: PasswordHasher; semaphore: Semaphore; checkResponse: CheckResponse }>;

export function createComparison({ hasher, semaphore, checkResponse }: CompareDeps): Compare {
  const running = new Map<string, Promise<Admission<number | null>>>();

  const verifyPassword = (
    { inForce, fingerprint }: Offered,
    password: string,
  ): Promise<Admission<number | null>> => {
    const stored = inForce.map(({ passwordHash }) => passwordHash);
    const key = [fingerprint, ...stored].join(' ');
    const shared = running.get(key);
    if (shared !== undefined) return shared;
    const hashes = stored.length === 0 ? [hasher.dummyHash] : stored;
    const computation = semaphore
      .run(() => hasher.verify(hashes, password))
      .finally(() => running.delete(key));
    running.set(key, computation);
    return computation;
  };

  return async offered => {
    const { proof, loginName, accountId, inForce } = offered;
    if (proof.kind !== 'password')
      return {
        kind: 'done',
        value: checkResponse(proof, { loginName, accountId, credentials: inForce }),
      };
    const match = await verifyPassword(offered, proof.password);
    if (match.kind === 'busy') return match;
    const version = match.value === null ? null : (inForce[match.value]?.version ?? null);
    return { kind: 'done', value: { version, lacking: false, serverSignature: null } };
  };
}
