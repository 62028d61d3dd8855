// A stored message on its way from a file to the wire: dot-stuffed, with the final dot behind it. Octets that are not those
// that were stored (another length, another hash) fail before the final dot: the upstream would take them for the message.

import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { EMPTY_END, finalDot, stuffedPiece } from './dot-stuffing.ts';

/** What the stored message must be: its length, and SHA-256 in hexadecimal. */
export type Expected = Readonly<{ octets: number; hash: string }>;

/** `onEnd` is called before the final dot leaves. */
export function createBodyStream({ octets, hash }: Expected, onEnd: () => void): Transform {
  const digest = createHash('sha256');
  let seen = 0;
  let last: Uint8Array = EMPTY_END;
  return new Transform({
    transform(piece: Uint8Array, _encoding, done) {
      seen += piece.length;
      if (seen > octets) return done(new Error(`it is longer than its ${octets} octets`));
      digest.update(piece);
      const wire = stuffedPiece(piece, last[last.length - 1] ?? 0);
      last = Uint8Array.of(...last.subarray(-1), ...piece.subarray(-2)).subarray(-2);
      done(null, wire);
    },
    flush(done) {
      if (seen !== octets) return done(new Error(`${seen} of its ${octets} octets are there`));
      if (digest.digest('hex') !== hash) return done(new Error('its octets are not those that were stored'));
      onEnd();
      done(null, Buffer.from(finalDot(last), 'latin1'));
    },
  });
}
