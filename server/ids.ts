// Ids for messages, accounts, upstreams and leases: short, without look-alikes, sorted by time of making.

import { randomBytes } from 'node:crypto';
import type { EpochMs } from './clock.ts';

/** Returns `count` random octets. */
export type RandomBytes = (count: number) => Uint8Array;

/** Makes a new id from the time and chance. */
export type NewId = () => string;

/** Crockford's base32: no I, L, O, U, so that an id can be read out over the telephone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 9; // 45 bits of milliseconds: until the year 3084
const RANDOM_DIGITS = 8; // 40 bits

export const systemRandom: RandomBytes = count => randomBytes(count);

/** Octets drawn at once by `pooled`: one call to the kernel for five hundred ids. */
const POOL = 4096;

/**
 * Chance for ids, drawn in advance. Not for keys or passwords: what waits in the pool stays in memory. An octet is never
 * handed out twice.
 */
export function pooled(random: RandomBytes): RandomBytes {
  let pool = new Uint8Array();
  return count => {
    if (pool.length < count) pool = Uint8Array.from(random(Math.max(POOL, count)));
    const taken = pool.subarray(0, count);
    pool = pool.subarray(count);
    return taken;
  };
}

/** A 17-character id, for example `01HF7YAT5QZ3K8M2X`. Ids made in the same millisecond differ by 40 random bits. */
export function makeId(now: EpochMs, random: RandomBytes): string {
  let digits = idPrefix(now);
  for (const byte of random(RANDOM_DIGITS)) digits += ALPHABET.charAt(byte & 31);
  return digits;
}

/** How ids of that millisecond begin: every id made then or later is greater. */
export function idPrefix(now: EpochMs): string {
  let digits = '';
  let time = Math.max(0, Math.floor(now));
  for (let i = 0; i < TIME_DIGITS; i++) {
    digits = ALPHABET.charAt(time % 32) + digits;
    time = Math.floor(time / 32);
  }
  return digits;
}

/** When an id was made; null: it was not made here. */
export function timeOfId(id: string): EpochMs | null {
  const digits = [...id.slice(0, TIME_DIGITS)].map(digit => ALPHABET.indexOf(digit));
  if (id.length !== TIME_DIGITS + RANDOM_DIGITS || digits.includes(-1)) return null;
  return digits.reduce((time, digit) => time * 32 + digit, 0);
}

/** A number in [0, 1), for jitter. */
export function fraction(random: RandomBytes): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_536;
}
