// What CRAM-MD5 and SCRAM-SHA-256 need beside the argon2 hash, derived from a password that is known in clear at this
// moment: when it is set, or at a login with PLAIN or LOGIN. Each secret has exactly MAX_FORMS entries, one for each form
// that a client may make of the password and octets by lot for the rest, so that every check costs the same and a stored
// secret tells nothing about the password's characters. Stored only sealed, bound to account, version and login name.

import type { RandomBytes } from '../ids.ts';
import { cramState } from '../sasl/cram-state.ts';
import { MAX_FORMS, passwordForms } from '../sasl/password-forms.ts';
import { SCRAM_KEY, saltedPassword, scramKeys } from '../sasl/scram-keys.ts';
import type { Statement } from '../storage/database.ts';
import type { LastingKey } from '../storage/lasting-key.ts';
import { derivedContext } from '../storage/sealed-rows.ts';
import type { Sealing } from '../storage/sealing.ts';
import type { Account, DerivedSecret, StoredCredential } from './account.ts';
import { putDerivedSecret } from './account-statements.ts';
import { scramSaltOf } from './scram-salt.ts';
import type { Semaphore } from './semaphore.ts';

/** Octets of one entry. cram: the two MD5 states of HMAC-MD5. scram: StoredKey, ServerKey. */
export const ENTRY_SIZE = { cram: 32, scram: 2 * SCRAM_KEY } as const;

/** A derived secret before it is sealed; lives as short as possible. */
export type OpenSecret = Pick<DerivedSecret, 'kind' | 'loginName'> & Readonly<{ octets: Uint8Array }>;

/** Which secret: `loginName` is empty for cram. */
export type SecretName = Pick<DerivedSecret, 'kind' | 'loginName'>;

export type DeriveRequest = Readonly<{
  saltVersion: number;
  /** As typed, or as the client sent it. */
  password: string;
  wanted: readonly SecretName[];
}>;

/**
 * Resolves with what could be derived. What cannot be now (no sealing key, too many logins at once) is left out: the
 * account gains it at its next login with PLAIN or LOGIN.
 */
export type DeriveSecrets = (request: DeriveRequest) => Promise<readonly OpenSecret[]>;

type DeriverDeps = Readonly<{
  lastingKey: LastingKey;
  random: RandomBytes;
  /** That of argon2: PBKDF2 takes threads of the same pool. */
  semaphore: Semaphore;
}>;

export function createDeriveSecrets({ lastingKey, random, semaphore }: DeriverDeps): DeriveSecrets {
  const derive = async (
    { kind, loginName }: SecretName,
    forms: readonly Uint8Array[],
    { saltVersion }: DeriveRequest,
  ): Promise<OpenSecret> => {
    if (kind === 'cram')
      return { kind, loginName, octets: filled(forms.map(cramState), ENTRY_SIZE.cram, random) };
    const salt = scramSaltOf(lastingKey, loginName, saltVersion);
    const entries: Uint8Array[] = [];
    for (const form of forms) {
      const { storedKey, serverKey } = scramKeys(await saltedPassword(form, salt));
      entries.push(Buffer.concat([storedKey, serverKey]));
    }
    return { kind, loginName, octets: filled(entries, ENTRY_SIZE.scram, random) };
  };

  return async request => {
    if (request.wanted.length === 0) return [];
    // Made from the stand-in they would never match.
    if (!lastingKey.available()) await lastingKey.refresh().catch(() => undefined);
    if (!lastingKey.available()) return [];
    const forms = passwordForms(request.password);
    const derived: OpenSecret[] = [];
    // One place at a time: an account of many names must not hold up others' logins.
    for (const name of request.wanted) {
      const admitted = await semaphore.run(() => derive(name, forms, request));
      if (admitted.kind === 'done') derived.push(admitted.value);
    }
    return derived;
  };
}

/** Everything that a password should have: SCRAM for each name of its account; CRAM-MD5 unless it is withheld. */
export function secretNames(
  account: Pick<Account, 'canonicalName' | 'aliases'>,
  withholdsCram: boolean,
): readonly SecretName[] {
  const names = [account, ...account.aliases].map(({ canonicalName }) => canonicalName);
  return [
    ...(withholdsCram ? [] : [{ kind: 'cram', loginName: '' } as const]),
    ...names.map(loginName => ({ kind: 'scram', loginName }) as const),
  ];
}

/** Those of them that a password has not. */
export function lackingSecrets(
  account: Pick<Account, 'canonicalName' | 'aliases'>,
  credential: Pick<StoredCredential, 'derived'>,
  withholdsCram: boolean,
): readonly SecretName[] {
  return secretNames(account, withholdsCram).filter(
    ({ kind, loginName }) =>
      !credential.derived.some(secret => secret.kind === kind && secret.loginName === loginName),
  );
}

/**
 * Statements for one group, to be built within `commitSealed` (storage/sealing.ts): each fails where the password is gone,
 * the last ones where the sealing key was replaced meanwhile. None while the key is lost.
 */
export function putDerivedSecrets(
  sealer: Sealing,
  accountId: string,
  credential: Pick<StoredCredential, 'version'>,
  secrets: readonly OpenSecret[],
): readonly Statement[] {
  if (sealer.keyId() === null) return [];
  const sealed = secrets.map(({ kind, loginName, octets }) => {
    const context = derivedContext(accountId, credential.version, kind, loginName);
    return { kind, loginName, sealed: sealer.seal(octets, context) };
  });
  const puts = sealed.map(secret => putDerivedSecret(accountId, credential, secret));
  // All were sealed in this one moment, so one guard is for all.
  return [...puts, ...sealed.slice(0, 1).map(secret => sealer.guard(secret.sealed))];
}

/** The entries, and as many by lot as it takes to have MAX_FORMS of them. Nothing answers to those. */
function filled(entries: readonly Uint8Array[], size: number, random: RandomBytes): Uint8Array {
  return Buffer.concat([...entries, random((MAX_FORMS - entries.length) * size)]);
}
