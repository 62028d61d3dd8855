// A verifier over real accounts, with everything that costs work counted, and clients that answer as RFC 2195 and RFC 5802
// say. Whoever counts sees what a stopwatch would: passwords computed, keyed digests, values unsealed.

import { type Arithmetic, createCheckResponse } from '../../server/accounts/challenge-response.ts';
import { createComparison } from '../../server/accounts/comparison.ts';
import { createFingerprint } from '../../server/accounts/fingerprint.ts';
import { createLoginUpkeep } from '../../server/accounts/login-upkeep.ts';
import type { PasswordHasher } from '../../server/accounts/password.ts';
import { createSemaphore } from '../../server/accounts/semaphore.ts';
import { createVerifiedCredentials } from '../../server/accounts/verified-credentials.ts';
import { createVerifier, type Verification, type Verifier } from '../../server/accounts/verifier.ts';
import { systemRandom } from '../../server/ids.ts';
import { cramDigest, cramState } from '../../server/sasl/cram-state.ts';
import type { Credentials } from '../../server/sasl/mechanism.ts';
import { checkProof, clientProof, saltedPassword, serverSignature } from '../../server/sasl/scram-keys.ts';
import { type ClientAddress, parseClientAddress } from '../../server/smtp/address.ts';
import type { Sealer } from '../../server/storage/sealing.ts';
import type { Bench } from './support.ts';

export type Work = { argon2: number; hmac: number; unseal: number };

export type VerifierBench = Readonly<{
  verifier: Verifier;
  /** Every list of hashes that was really compared with, in order. */
  compared: (readonly string[])[];
  /** `account time` of each recorded use. */
  used: string[];
  /** `event account` of each line of the log. */
  logged: string[];
  /** What `act` costs. */
  workOf: (act: () => Promise<unknown>) => Promise<Work>;
}>;

type Options = Readonly<{ hasher?: PasswordHasher; limits?: Readonly<{ places: number; line: number }> }>;

export function createVerifierBench(bench: Bench, options: Options = {}): VerifierBench {
  const { hasher = bench.hasher, limits = { places: 1, line: 128 } } = options;
  const { accounts, clock, database } = bench;
  const compared: (readonly string[])[] = [];
  const used: string[] = [];
  const logged: string[] = [];
  const work: Work = { argon2: 0, hmac: 0, unseal: 0 };
  const counted = <Args extends readonly unknown[], Result>(call: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      work.hmac += 1;
      return call(...args);
    };
  };
  const counting: PasswordHasher = {
    ...hasher,
    verify: (hashes, password) => {
      compared.push(hashes);
      // One computation for each salt and set of parameters.
      work.argon2 += new Set(hashes.map(hash => hash.slice(0, hash.lastIndexOf('$')))).size;
      return hasher.verify(hashes, password);
    },
  };
  const arithmetic: Arithmetic = {
    cramDigest: counted(cramDigest),
    checkProof: counted(checkProof),
    serverSignature: counted(serverSignature),
  };
  const sealer: Sealer = {
    ...bench.sealer,
    open: (sealed, context) => {
      work.unseal += 1;
      return bench.sealer.open(sealed, context);
    },
  };
  const semaphore = createSemaphore(limits);
  const checkResponse = createCheckResponse({ sealer, random: systemRandom, arithmetic });
  const verifier = createVerifier({
    accounts,
    compare: createComparison({ hasher: counting, semaphore, checkResponse }),
    verifiedCredentials: createVerifiedCredentials({ clock }),
    fingerprint: counted(createFingerprint(systemRandom)),
    lastingKey: { ...bench.lastingKey, mac: counted(bench.lastingKey.mac) },
    upkeep: createLoginUpkeep({
      database,
      accounts,
      hasher,
      semaphore,
      deriveSecrets: bench.deriveSecrets,
      sealer: bench.sealer,
      clock,
      log: (event, fields) => logged.push(`${event} ${fields?.account}`),
    }),
    clock,
    recordUse: (accountId, at) => used.push(`${accountId} ${at}`),
  });
  return {
    verifier,
    compared,
    used,
    logged,
    workOf: async act => {
      Object.assign(work, { argon2: 0, hmac: 0, unseal: 0 });
      await act();
      return { ...work };
    },
  };
}

export const octets = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value) : value;

export const LAN = addressOf('192.168.1.7');

export function addressOf(text: string): ClientAddress {
  const address = parseClientAddress(text);
  if (address === null) throw new Error(text);
  return address;
}

export type Login = (
  verifier: Verifier,
  name: string | Uint8Array,
  password: string | Uint8Array,
  address?: ClientAddress,
) => Promise<Verification>;

export const plain: Login = (verifier, name, password, address = LAN) =>
  verifier.verify(
    { kind: 'password', name: octets(name), password: octets(password) } satisfies Credentials,
    { mechanism: 'PLAIN', address },
  );

const CHALLENGE = Buffer.from('<1896.697170952@postoffice.reston.mci.net>');

export const cram: Login = (verifier, name, password, address = LAN) =>
  verifier.verify(
    {
      kind: 'cram-md5',
      name: octets(name),
      challenge: CHALLENGE,
      digest: cramDigest(cramState(octets(password)), CHALLENGE),
    },
    { mechanism: 'CRAM-MD5', address },
  );

export const AUTH_MESSAGE = Buffer.from('n=user,r=abc,r=abcdef,s=QSXCR+Q6sek8bf92,i=15000,c=biws,r=abcdef');

export const scram: Login = async (verifier, name, password, address = LAN) => {
  const salted = await saltedPassword(octets(password), verifier.scramSalt(octets(name)));
  return verifier.verify(
    {
      kind: 'scram-sha-256',
      name: octets(name),
      authMessage: AUTH_MESSAGE,
      proof: clientProof(salted, AUTH_MESSAGE),
      intact: true,
    },
    { mechanism: 'SCRAM-SHA-256', address },
  );
};

/** By the name that EHLO shows. */
export const logins: Readonly<Record<string, Login>> = {
  PLAIN: plain,
  'CRAM-MD5': cram,
  'SCRAM-SHA-256': scram,
};

/** The reason of a refusal, else the kind. */
export function outcomeOf(verification: Verification): string {
  return verification.kind === 'refused' ? verification.reason : verification.kind;
}
