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

/** A 17-character id, for example `01HF7YAT5QZ3K8M2X`. Ids made in the same millisecond differ by 40 random bits. */
export function makeId(now: EpochMs, random: RandomBytes): string {
  let digits = '';
  let time = Math.max(0, Math.floor(now));
  for (let i = 0; i < TIME_DIGITS; i++) {
    digits = ALPHABET.charAt(time % 32) + digits;
    time = Math.floor(time / 32);
  }
  for (const byte of random(RANDOM_DIGITS)) digits += ALPHABET.charAt(byte & 31);
  return digits;
}
