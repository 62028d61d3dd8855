// Password hashes: argon2id of the canonical form, in the PHC string format. The only importer of argon2.
// It knows how to compute and compare; how many computations run at once is semaphore.ts's business.
// An account that does not exist is compared with `dummyHash`, which costs the same and matches nothing anyone knows.

import argon2 from 'argon2';
import type { RandomBytes } from '../ids.ts';
import { canonicalPassword } from '../sasl/credential-text.ts';

/** Memory in KiB, passes over it, lanes. */
export type PasswordCost = Readonly<{ memoryCost: number; timeCost: number; parallelism: number }>;

/** OWASP's choice for argon2id: about 20 ms and 19 MiB for each login. */
export const PASSWORD_COST: PasswordCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Octets of a canonical password in UTF-8. Longer ones are refused when set and never match. */
export const MAX_PASSWORD = 1024;

export type PasswordHasher = Readonly<{
  /** The hash of a password as it was typed. */
  hash: (password: string) => Promise<string>;
  /** True where the typed password is the hashed one, in canonical form. A damaged hash matches nothing. */
  verify: (hash: string, password: string) => Promise<boolean>;
  /** The hash was made with lower parameters than today's. */
  needsRehash: (hash: string) => boolean;
  /** Costs as much to verify as a real hash, and no password matches. */
  dummyHash: string;
}>;

const SALT_OCTETS = 16;
const HASH_OCTETS = 32;

export function createPasswordHasher(
  deps: Readonly<{ random: RandomBytes; cost?: PasswordCost }>,
): PasswordHasher {
  const cost = deps.cost ?? PASSWORD_COST;
  return {
    hash: async password => {
      const salt = Buffer.from(deps.random(SALT_OCTETS));
      const octets = canonicalOctets(password);
      const type = argon2.argon2id;
      const hash = await argon2.hash(octets, { ...cost, type, hashLength: HASH_OCTETS, salt, raw: true });
      return phcString(cost, salt, hash);
    },
    // One octet beyond the limit matches nothing, yet costs a computation: length tells nothing about the account.
    verify: (hash, password) => compare(hash, canonicalOctets(password).subarray(0, MAX_PASSWORD + 1)),
    needsRehash: hash => isCheaper(hash, cost),
    dummyHash: unknownHash(deps.random, cost),
  };
}

/** Octets that a password counts against MAX_PASSWORD. */
export function passwordLength(password: string): number {
  return canonicalOctets(password).length;
}

function canonicalOctets(password: string): Buffer {
  return Buffer.from(canonicalPassword(password), 'utf8');
}

async function compare(hash: string, octets: Buffer): Promise<boolean> {
  try {
    return await argon2.verify(hash, octets);
  } catch {
    // argon2 throws on text that is no hash: a row damaged by hand must not stop the server.
    return false;
  }
}

function isCheaper(hash: string, cost: PasswordCost): boolean {
  const [, memoryCost, timeCost] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(hash) ?? [];
  return Number(memoryCost) < cost.memoryCost || Number(timeCost) < cost.timeCost;
}

/** A hash value drawn by lot: finding its password would be breaking argon2. */
function unknownHash(random: RandomBytes, cost: PasswordCost): string {
  return phcString(cost, random(SALT_OCTETS), random(HASH_OCTETS));
}

/** In the order m, t, p that the reference implementation demands; the library's own text has another. */
function phcString(cost: PasswordCost, salt: Uint8Array, hash: Uint8Array): string {
  const text = (octets: Uint8Array) => Buffer.from(octets).toString('base64').replaceAll('=', '');
  const parameters = `m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}`;
  return `$argon2id$v=19$${parameters}$${text(salt)}$${text(hash)}`;
}
