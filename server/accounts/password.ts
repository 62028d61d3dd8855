// Password hashes: argon2id of the canonical form, in the PHC string format. The only importer of argon2.
// It knows how to compute and compare; how many computations run at once is semaphore.ts's business.
// Hashes with the same salt and parameters are checked by one computation: both passwords of a changeover cost what one
// does. An account that does not exist is compared with `dummyHash`, which costs the same and matches nothing anyone knows.

import { timingSafeEqual } from 'node:crypto';
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
  /** The hash of a password as it was typed; with the salt and parameters of `like`, or new ones. */
  hash: (password: string, like?: string) => Promise<string>;
  /**
   * Index of the hash that is the typed password's, in canonical form, or null. One computation for each salt among them.
   * A damaged hash matches nothing.
   */
  verify: (hashes: readonly string[], password: string) => Promise<number | null>;
  /** The hash was made with lower parameters than today's. */
  needsRehash: (hash: string) => boolean;
  /** Costs as much to verify as a real hash, and no password matches. */
  dummyHash: string;
}>;

const SALT_OCTETS = 16;
const HASH_OCTETS = 32;
/** KiB of a hash that was made elsewhere. */
const MOST_MEMORY = 262_144;

/** A PHC string, read. */
type Parsed = Readonly<{ cost: PasswordCost; salt: Buffer; hash: Buffer }>;

export function createPasswordHasher(
  deps: Readonly<{ random: RandomBytes; cost?: PasswordCost }>,
): PasswordHasher {
  const today = deps.cost ?? PASSWORD_COST;
  const dummyHash = unknownHash(deps.random, today);
  return {
    hash: async (password, like) => {
      const kept = like === undefined ? null : parse(like);
      const salt = kept?.salt ?? Buffer.from(deps.random(SALT_OCTETS));
      const cost = kept?.cost ?? today;
      return phcString(cost, salt, await compute(canonicalOctets(password), cost, salt, HASH_OCTETS));
    },
    verify: (hashes, password) => {
      const parsed = hashes.map(parse);
      // An account whose hash is damaged must not stand out by costing nothing.
      const compared = parsed.some(one => one !== null) ? parsed : [parse(dummyHash)];
      // One octet beyond the limit matches nothing, yet costs a computation: length tells nothing about the account.
      return findMatch(compared, canonicalOctets(password).subarray(0, MAX_PASSWORD + 1));
    },
    needsRehash: hash => isCheaper(parse(hash), today),
    dummyHash,
  };
}

/** Whether it is a hash that `verify` can compare with, at a cost that a login can bear. */
export function isPasswordHash(text: string): boolean {
  const parsed = parse(text);
  if (parsed === null) return false;
  const { cost, salt, hash } = parsed;
  const { memoryCost, timeCost, parallelism } = cost;
  const isBearable = memoryCost <= MOST_MEMORY && timeCost >= 1 && timeCost <= 10 && parallelism <= 16;
  // RFC 9106 §3.1: lanes of at least 8 KiB, a salt of 8 octets, and here a hash that cannot be guessed itself.
  return (
    isBearable && parallelism >= 1 && memoryCost >= 8 * parallelism && salt.length >= 8 && hash.length >= 16
  );
}

/** Octets that a password counts against MAX_PASSWORD. */
export function passwordLength(password: string): number {
  return canonicalOctets(password).length;
}

function canonicalOctets(password: string): Buffer {
  return Buffer.from(canonicalPassword(password), 'utf8');
}

/** Every hash is compared, in constant time, whichever matches. */
async function findMatch(hashes: readonly (Parsed | null)[], octets: Buffer): Promise<number | null> {
  const computed = new Map<string, Promise<Buffer | null>>();
  let match: number | null = null;
  for (const [index, parsed] of hashes.entries()) {
    if (parsed === null) continue;
    const { cost, salt, hash } = parsed;
    const way = `${phcString(cost, salt, Buffer.alloc(0))}${hash.length}`;
    // argon2 refuses parameters that nobody set by intention: a row damaged by hand must not stop the server.
    const computation = computed.get(way) ?? compute(octets, cost, salt, hash.length).catch(() => null);
    computed.set(way, computation);
    const found = await computation;
    if (found !== null && timingSafeEqual(found, hash) && match === null) match = index;
  }
  return match;
}

function compute(octets: Buffer, cost: PasswordCost, salt: Buffer, hashLength: number): Promise<Buffer> {
  return argon2.hash(octets, { ...cost, type: argon2.argon2id, hashLength, salt, raw: true });
}

function isCheaper(parsed: Parsed | null, cost: PasswordCost): boolean {
  if (parsed === null) return false;
  return parsed.cost.memoryCost < cost.memoryCost || parsed.cost.timeCost < cost.timeCost;
}

/** A hash value drawn by lot: finding its password would be breaking argon2. */
function unknownHash(random: RandomBytes, cost: PasswordCost): string {
  return phcString(cost, random(SALT_OCTETS), random(HASH_OCTETS));
}

/** In the order m, t, p that the reference implementation demands. */
function phcString(cost: PasswordCost, salt: Uint8Array, hash: Uint8Array): string {
  const text = (octets: Uint8Array) => Buffer.from(octets).toString('base64').replaceAll('=', '');
  const parameters = `m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}`;
  return `$argon2id$v=19$${parameters}$${text(salt)}$${text(hash)}`;
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Null where it is no hash of ours. */
function parse(text: string): Parsed | null {
  const [, memory, time, lanes, salt = '', hash = ''] = PHC.exec(text) ?? [];
  if (memory === undefined) return null;
  return {
    cost: { memoryCost: Number(memory), timeCost: Number(time), parallelism: Number(lanes) },
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}
