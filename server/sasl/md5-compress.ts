// MD5's compression function (RFC 1321 §3.4), which Node has but does not export: HMAC-MD5 can be computed from the two
// states that it leaves after the first block, so those can be kept instead of a password. Only for CRAM-MD5. Octets of
// secrets decide no branch and no array index here.

/** The words A, B, C and D. */
export type Md5State = readonly [number, number, number, number];

export const MD5_BLOCK = 64;

const INITIAL: Md5State = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** RFC 1321 §3.4: the integer part of 2³² times abs(sin(i)), i from 1. */
const SINES = Uint32Array.from({ length: 64 }, (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))));

/** How far each step rotates, by round and by step within four. */
const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/** What each round makes of B, C and D, and which word of the block a step takes. */
const ROUNDS = [
  { mix: (b: number, c: number, d: number) => (b & c) | (~b & d), word: (i: number) => i },
  { mix: (b: number, c: number, d: number) => (b & d) | (c & ~d), word: (i: number) => (5 * i + 1) % 16 },
  { mix: (b: number, c: number, d: number) => b ^ c ^ d, word: (i: number) => (3 * i + 5) % 16 },
  { mix: (b: number, c: number, d: number) => c ^ (b | ~d), word: (i: number) => (7 * i) % 16 },
] as const;

/** The state after a first block of 64 octets. */
export function md5AfterBlock(block: Uint8Array): Md5State {
  return compress(INITIAL, block);
}

/** The digest of whatever led to `state`, which was one block, followed by `octets`. */
export function md5Continue(state: Md5State, octets: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((octets.length + 9) / MD5_BLOCK) * MD5_BLOCK);
  padded.set(octets);
  padded[octets.length] = 0x80;
  const bits = BigInt(MD5_BLOCK + octets.length) * 8n;
  new DataView(padded.buffer).setBigUint64(padded.length - 8, bits, true);
  let end = state;
  for (let at = 0; at < padded.length; at += MD5_BLOCK)
    end = compress(end, padded.subarray(at, at + MD5_BLOCK));
  return md5StateOctets(end);
}

/** 16 octets, the words with their lowest octet first (RFC 1321 §3.5). */
export function md5StateOctets(state: Md5State): Uint8Array {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  for (const [i, word] of state.entries()) view.setUint32(4 * i, word, true);
  return octets;
}

/** The inverse of `md5StateOctets`. Throws where there are fewer than 16 octets. */
export function md5StateFrom(octets: Uint8Array): Md5State {
  const word = wordsOf(octets);
  return [word(0), word(1), word(2), word(3)];
}

function compress(state: Md5State, block: Uint8Array): Md5State {
  const word = wordsOf(block);
  let [a, b, c, d] = state;
  for (const [round, { mix, word: wordOf }] of ROUNDS.entries()) {
    for (let i = 0; i < 16; i++) {
      const sum = a + mix(b, c, d) + word(wordOf(i)) + (SINES[16 * round + i] ?? 0);
      [a, d, c, b] = [d, c, b, (b + rotateLeft(sum, ROTATIONS[round]?.[i % 4] ?? 0)) >>> 0];
    }
  }
  return [(state[0] + a) >>> 0, (state[1] + b) >>> 0, (state[2] + c) >>> 0, (state[3] + d) >>> 0];
}

function wordsOf(octets: Uint8Array): (index: number) => number {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return index => view.getUint32(4 * index, true);
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
