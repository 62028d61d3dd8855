// The octets of a stored message as they are read: counted and hashed, because what is not what was stored must never be
// taken for the message. Where the header was written anew for an upstream, what stands in the file is checked all the same.

import { createHash } from 'node:crypto';
import type { ReplacedHeader } from '../../queue/delivery.ts';

/** What the stored message must be: its length, and SHA-256 in hexadecimal. `header`: what is sent instead of its start. */
export type Expected = Readonly<{ size: number; hash: string; header?: ReplacedHeader | undefined }>;

export type StoredContent = Readonly<{
  /** What stands before everything that is read. */
  begin: Uint8Array;
  /** The octets of the message in the next piece of the file; null: there are more than were stored. */
  take: (piece: Uint8Array) => Uint8Array | null;
  /** Why what was read is not what was stored; null: it is. Call it once, after the last piece. */
  problem: () => string | null;
}>;

export function createStoredContent({ size, hash, header }: Expected): StoredContent {
  const digest = createHash('sha256');
  let seen = 0;
  let toDrop = header?.length ?? 0;
  return {
    begin: header?.octets ?? new Uint8Array(0),
    take: piece => {
      seen += piece.length;
      if (seen > size) return null;
      digest.update(piece);
      const rest = piece.subarray(toDrop);
      toDrop -= piece.length - rest.length;
      return rest;
    },
    problem: () => {
      if (seen > size) return `it is longer than its ${size} octets`;
      if (seen < size) return `${seen} of its ${size} octets are there`;
      return digest.digest('hex') === hash ? null : 'its octets are not those that were stored';
    },
  };
}
