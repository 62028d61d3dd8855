// The arithmetic of CRAM-MD5, for both sides: HMAC-MD5 (RFC 2104) by way of its two inner states. The states suffice to
// answer every challenge, so they are as good as the password to whoever has them (sealed at rest), but the password
// cannot be read from them, only guessed.

import { createHash } from 'node:crypto';
import { MD5_BLOCK, md5AfterBlock, md5Continue, md5StateFrom, md5StateOctets } from './md5-compress.ts';

const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Octets of one state. */
const STATE = 16;

/** 32 octets: MD5's state after the inner padded key, then that after the outer one. */
export function cramState(password: Uint8Array): Uint8Array {
  // RFC 2104 §2: a key longer than a block is hashed first.
  const key = password.length > MD5_BLOCK ? createHash('md5').update(password).digest() : password;
  const inner = md5StateOctets(md5AfterBlock(paddedKey(key, INNER_PAD)));
  const outer = md5StateOctets(md5AfterBlock(paddedKey(key, OUTER_PAD)));
  return Uint8Array.of(...inner, ...outer);
}

/** 16 octets: HMAC-MD5 of the challenge under the password that `state` was made of. Throws unless it has 32 octets. */
export function cramDigest(state: Uint8Array, challenge: Uint8Array): Uint8Array {
  if (state.length !== 2 * STATE) throw new Error(`a CRAM-MD5 state has 32 octets, not ${state.length}`);
  const inner = md5Continue(md5StateFrom(state.subarray(0, STATE)), challenge);
  return md5Continue(md5StateFrom(state.subarray(STATE)), inner);
}

function paddedKey(key: Uint8Array, pad: number): Uint8Array {
  const block = new Uint8Array(MD5_BLOCK).fill(pad);
  for (const [i, octet] of key.entries()) block[i] = octet ^ pad;
  return block;
}
